package hsm

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"syscall"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/pkcs11pool"
	"tocsin/system/hsm/protocol"
)

// callers is how many sign at once for each CPU: a provider has a goroutine for
// every login under way.
const callers = 32

// BenchmarkSign compares, in one run on one machine, a bare loop over the
// library, the pool, and a client that reaches the pool through the node over
// mutual TLS. cpu-us/op counts the whole process: for the node that is client
// and server together.
func BenchmarkSign(b *testing.B) {
	_, s, through, keys := inProcess(b, io.Discard)
	config, err := LoadConfig(s.config)
	if err != nil {
		b.Fatal(err)
	}
	poolConfig, err := config.pool()
	if err != nil {
		b.Fatal(err)
	}
	pool, err := pkcs11pool.New(poolConfig, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	for _, algorithm := range []jose.SignatureAlgorithm{jose.ES256, jose.PS256} {
		key := keys[algorithm]
		asked := order(b, key)
		b.Run(string(algorithm)+"/bare", func(b *testing.B) { bare(b, poolConfig.PIN, asked) })
		b.Run(string(algorithm)+"/pool", func(b *testing.B) {
			parallel(b, func() error {
				_, err := pool.Sign(context.Background(), asked.Key, algorithm, asked.Digest[:])
				return err
			})
		})
		b.Run(string(algorithm)+"/node", func(b *testing.B) {
			parallel(b, func() error {
				_, err := through.Sign(context.Background(), asked)
				return err
			})
		})
	}
}

// bare signs with a session for each goroutine and nothing around it.
func bare(b *testing.B, pin string, asked protocol.Order) {
	raw := pkcs11.New(module)
	slots, err := raw.GetSlotList(true)
	if err != nil {
		b.Fatal(err)
	}
	mechanism := pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)
	if asked.Algorithm == jose.PS256 {
		mechanism = pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, pkcs11.NewPSSParams(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 32))
	}
	started := cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		session, err := raw.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION)
		if err != nil {
			b.Error(err)
			return
		}
		err = raw.Login(session, pkcs11.CKU_USER, pin)
		if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
			b.Error(err)
			return
		}
		template := []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_ID, asked.Key[:]),
		}
		if err := raw.FindObjectsInit(session, template); err != nil {
			b.Error(err)
			return
		}
		handles, _, err := raw.FindObjects(session, 1)
		if err := errors.Join(err, raw.FindObjectsFinal(session)); err != nil || len(handles) != 1 {
			b.Errorf("find key: %v, %d", err, len(handles))
			return
		}
		for pb.Next() {
			if err := raw.SignInit(session, []*pkcs11.Mechanism{mechanism}, handles[0]); err != nil {
				b.Error(err)
				return
			}
			if _, err := raw.Sign(session, asked.Digest[:]); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(cpu(b)-started)/float64(b.N), "cpu-us/op")
}

func parallel(b *testing.B, sign func() error) {
	b.SetParallelism(callers)
	if err := sign(); err != nil { // connections, sessions and key handles
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	started := cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := sign(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(cpu(b)-started)/float64(b.N), "cpu-us/op")
}

// cpu is the time that this process has used, in microseconds.
func cpu(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}
