package identity_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"testing"
	"time"

	"tocsin/system/hsm/client"
	"tocsin/system/identity/code"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/keyset"
	"tocsin/system/identity/token"
)

// BenchmarkCode stores and redeems one code in etcd: two raft writes.
func BenchmarkCode(b *testing.B) {
	codes := openCodes(b)
	for b.Loop() {
		plain := rand.Text()
		if err := codes.Put(b.Context(), plain, &code.Code{Expires: time.Now().Add(time.Minute)}); err != nil {
			b.Fatal(err)
		}
		if _, err := codes.Redeem(b.Context(), plain, "1"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSignedToken makes an access token, signed by the HSM node over
// mutual TLS.
func BenchmarkSignedToken(b *testing.B) {
	config := shared.zones[0].provider
	tlsConfig, err := config.TLS.Client()
	if err != nil {
		b.Fatal(err)
	}
	hsm := client.New(config.HSM.Nodes, tlsConfig)
	b.Cleanup(hsm.Close)
	keys := keyset.New(hsm, openPostgres(b), logger())
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go keys.Run(ctx)
	complete := func() error { _, err := keys.Document(); return err }
	if err := await(ctx, 10*time.Second, complete); err != nil {
		b.Fatal(err)
	}
	signer := jws.NewSigner(hsm, keys)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := signer.Sign(ctx, token.AccessType, token.AccessClaims{Subject: "s", Scope: "openid"}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkTokenResponse is client_credentials through gateway and provider:
// client authentication, replay mark, one signature.
func BenchmarkTokenResponse(b *testing.B) {
	browser := newBrowser(b)
	for b.Loop() {
		if _, answer := clientToken(b, browser); answer.status != http.StatusOK {
			b.Fatal(answer.body)
		}
	}
}

// BenchmarkLogin is a whole login with consent, from authorize to tokens.
func BenchmarkLogin(b *testing.B) {
	browser := newBrowser(b)
	a := newAttempt(b, shared.issuer, "profile")
	for b.Loop() {
		if _, err := a.exchange(a.logIn(b, browser, "2000000100")); err != nil {
			b.Fatal(err)
		}
	}
}
