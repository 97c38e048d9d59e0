package pkcs11pool_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/pkcs11pool"
)

const module = "/usr/lib/softhsm/libsofthsm2.so"

func config() pkcs11pool.Config {
	return pkcs11pool.Config{
		Module: module, TokenLabel: "identity", KeyLabel: "token-signing", PIN: "1234", Sessions: 4, Timeout: 5 * time.Second,
	}
}

// TestMain makes one token for all tests: the library reads its environment
// once per initialisation and is shared by the whole process.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if _, err := os.Stat(module); err != nil {
		fmt.Fprintln(os.Stderr, "SoftHSM is missing; install it: apt-get install softhsm2")
		return 1
	}
	dir, err := os.MkdirTemp("", "pool")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	tokens := filepath.Join(dir, "tokens")
	file := filepath.Join(dir, "softhsm.conf")
	text := "directories.tokendir = " + tokens + "\nobjectstore.backend = file\nlog.level = ERROR\n"
	for _, step := range []func() error{
		func() error { return os.Mkdir(tokens, 0o700) },
		func() error { return os.WriteFile(file, []byte(text), 0o600) },
		func() error { return os.Setenv("SOFTHSM2_CONF", file) },
		func() error { _, err := pkcs11pool.Create(config(), "5678"); return err },
	} {
		if err := step(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

func open(t testing.TB, config pkcs11pool.Config) *pkcs11pool.Pool {
	t.Helper()
	pool, err := pkcs11pool.New(config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return pool
}

func signAndVerify(t testing.TB, pool *pkcs11pool.Pool) {
	t.Helper()
	digest := sha256.Sum256([]byte("payload"))
	signature, err := pool.Sign(context.Background(), digest[:])
	if err != nil {
		t.Errorf("sign: %v", err)
		return
	}
	key, err := pool.PublicKey(context.Background())
	if err != nil {
		t.Errorf("public key: %v", err)
		return
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(key.PublicKey, digest[:], r, s) {
		t.Error("signature does not verify")
	}
}

func together(n int, work func()) {
	var group sync.WaitGroup
	for range n {
		group.Go(work)
	}
	group.Wait()
}

func TestManySignAtOnce(t *testing.T) {
	pool := open(t, config())
	together(32, func() { signAndVerify(t, pool) })
}

// TestRecovers breaks the library behind the pool's back, in the ways an HSM
// that reconnects does, and expects every later signature to succeed.
func TestRecovers(t *testing.T) {
	raw := pkcs11.New(module)
	for _, test := range []struct {
		name  string
		sever func() error
	}{
		{"after all sessions were closed", func() error {
			slots, err := raw.GetSlotList(true)
			if err != nil {
				return err
			}
			for _, slot := range slots {
				if err := raw.CloseAllSessions(slot); err != nil {
					return err
				}
			}
			return nil
		}},
		{"after the library was finalised", func() error { return raw.Finalize() }},
		{"after the library was finalised and initialised", func() error {
			return errors.Join(raw.Finalize(), raw.Initialize())
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			pool := open(t, config())
			together(8, func() { signAndVerify(t, pool) })
			if err := test.sever(); err != nil {
				t.Fatal(err)
			}
			together(50, func() { signAndVerify(t, pool) })
		})
	}
}

func TestTokenThatAppearsLaterIsFound(t *testing.T) {
	missing := config()
	// A label of its own each time: the token stays for the tests that follow.
	missing.TokenLabel = strconv.FormatInt(time.Now().UnixNano(), 36)
	pool := open(t, missing)
	digest := make([]byte, 32)
	for range 20 { // enough to open the breaker
		if _, err := pool.Sign(context.Background(), digest); !errors.Is(err, pkcs11pool.ErrUnavailable) {
			t.Fatalf("sign without token: %v, want ErrUnavailable", err)
		}
	}
	if _, err := pkcs11pool.Create(missing, "5678"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		_, err := pool.Sign(context.Background(), digest)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still not signing: %v", err)
		}
		<-time.After(50 * time.Millisecond)
	}
}

func TestCreateTwiceChangesNothing(t *testing.T) {
	created, err := pkcs11pool.Create(config(), "5678")
	if err != nil || created {
		t.Errorf("created %v, error %v", created, err)
	}
}

func TestPrivateKeyStaysInside(t *testing.T) {
	raw := pkcs11.New(module)
	pool := open(t, config())
	signAndVerify(t, pool) // initialises and logs in
	slots, err := raw.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		info, err := raw.GetTokenInfo(slot)
		if err != nil || info.Label != "identity" {
			continue
		}
		session, err := raw.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.FindObjectsInit(session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)}); err != nil {
			t.Fatal(err)
		}
		keys, _, err := raw.FindObjects(session, 1)
		if err != nil || len(keys) != 1 {
			t.Fatalf("find private key: %v, %d", err, len(keys))
		}
		_, err = raw.GetAttributeValue(session, keys[0], []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
		if !errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_SENSITIVE)) {
			t.Errorf("reading the private key: %v, want CKR_ATTRIBUTE_SENSITIVE", err)
		}
		return
	}
	t.Fatal("token not found")
}

func TestWrongDigestIsRefused(t *testing.T) {
	pool := open(t, config())
	if _, err := pool.Sign(context.Background(), []byte("short")); err == nil {
		t.Error("a digest of 5 bytes was signed")
	}
}

func BenchmarkSign(b *testing.B) {
	pool := open(b, config())
	digest := make([]byte, 32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := pool.Sign(context.Background(), digest); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
