package pkcs11pool_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/pkcs11pool"
	"tocsin/system/hsm/protocol"
)

const module = "/usr/lib/softhsm/libsofthsm2.so"

func config() pkcs11pool.Config {
	return pkcs11pool.Config{
		Module: module, TokenLabel: "identity", PIN: "1234", Sessions: 4, Timeout: 5 * time.Second, RSABits: 2048,
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
		func() error { _, _, err := pkcs11pool.Create(config(), "5678"); return err },
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

// made makes a signing key of its own for a test.
func made(t testing.TB, pool *pkcs11pool.Pool, algorithm jose.SignatureAlgorithm) pkcs11pool.Key {
	t.Helper()
	sealed, err := pool.Generate(context.Background(), algorithm, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := protocol.IDOf(sealed.Public)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Remove(context.Background(), id); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
	return pkcs11pool.Key{ID: id, Label: string(algorithm), Public: sealed.Public}
}

func signAndVerify(t testing.TB, pool *pkcs11pool.Pool, key pkcs11pool.Key) {
	t.Helper()
	digest := sha256.Sum256([]byte(rand.Text()))
	algorithm := jose.SignatureAlgorithm(key.Label)
	signature, err := pool.Sign(context.Background(), key.ID, algorithm, digest[:])
	if err != nil {
		t.Errorf("sign: %v", err)
		return
	}
	if !protocol.Verify(algorithm, key.Public, digest[:], signature) {
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
	for _, algorithm := range protocol.Algorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			key := made(t, pool, algorithm)
			together(32, func() { signAndVerify(t, pool, key) })
		})
	}
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
			ec, rsa := made(t, pool, jose.ES256), made(t, pool, jose.PS256)
			together(8, func() { signAndVerify(t, pool, ec) })
			if err := test.sever(); err != nil {
				t.Fatal(err)
			}
			together(50, func() { signAndVerify(t, pool, ec) })
			together(8, func() { signAndVerify(t, pool, rsa) })
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
		if _, _, err := pool.Attest(context.Background(), digest); !errors.Is(err, pkcs11pool.ErrUnavailable) {
			t.Fatalf("sign without token: %v, want ErrUnavailable", err)
		}
	}
	if _, _, err := pkcs11pool.Create(missing, "5678"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		_, _, err := pool.Attest(context.Background(), digest)
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
	first, _, err := pkcs11pool.Create(config(), "5678")
	if err != nil {
		t.Fatal(err)
	}
	again, created, err := pkcs11pool.Create(config(), "5678")
	if err != nil || created || !again.Transport.Equal(first.Transport) || !again.Attest.Equal(first.Attest) {
		t.Errorf("created %v, error %v", created, err)
	}
}

func TestWrongOrdersAreRefused(t *testing.T) {
	pool := open(t, config())
	ec, rsa := made(t, pool, jose.ES256), made(t, pool, jose.PS256)
	digest := make([]byte, 32)
	for _, test := range []struct {
		name      string
		id        protocol.ID
		algorithm jose.SignatureAlgorithm
		digest    []byte
		noKey     bool
	}{
		{"a digest that is too short", ec.ID, jose.ES256, digest[:31], false},
		{"a key that the token has not", protocol.ID{}, jose.ES256, digest, true},
		{"an RSA algorithm for an EC key", ec.ID, jose.RS256, digest, true},
		{"another padding for an RSA key", rsa.ID, jose.RS256, digest, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := pool.Sign(context.Background(), test.id, test.algorithm, test.digest)
			if err == nil || errors.Is(err, pkcs11pool.ErrNoKey) != test.noKey || errors.Is(err, pkcs11pool.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWrongPINIsNotTriedAgainAndAgain(t *testing.T) {
	wrong := config()
	wrong.PIN = "4321"
	log := &bytes.Buffer{}
	pool, err := pkcs11pool.New(wrong, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Keys(context.Background()); !errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_INCORRECT)) {
		t.Errorf("got %v", err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(log.Bytes(), []byte("initialising the library again")) {
		t.Error("the library was initialised again for it")
	}
}
