package holder

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestAKeyIsTheSameHoweverItComes(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for _, test := range []struct {
		name    string
		private crypto.Signer
	}{{"P-256", p256}, {"Ed25519", ed}} {
		t.Run(test.name, func(t *testing.T) {
			theirs, err := json.Marshal(jose.JSONWebKey{Key: test.private.Public(), KeyID: "1", Use: "sig"})
			if err != nil {
				t.Fatal(err)
			}
			key, err := FromJWK(theirs)
			if err != nil {
				t.Fatal(err)
			}
			did, err := key.DID()
			if err != nil {
				t.Fatal(err)
			}
			for _, form := range []string{did, did + "#0"} {
				if again, err := FromDID(form); err != nil || !again.Equal(key) {
					t.Errorf("as %s: %v", form, err)
				}
			}
			if again, err := FromCertificates(certificate(t, test.private)); err != nil || !again.Equal(key) {
				t.Errorf("in a certificate: %v", err)
			}
			if again, err := key.JWK().Key(); err != nil || !again.Equal(key) {
				t.Errorf("as its own JWK: %v", err)
			}
		})
	}
}

func certificate(t *testing.T, private crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	x5c, err := json.Marshal([]string{base64.StdEncoding.EncodeToString(der)})
	if err != nil {
		t.Fatal(err)
	}
	return x5c
}

func TestWhatIsNoHolderKeyIsRefused(t *testing.T) {
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := func(key any) string {
		encoded, err := json.Marshal(jose.JSONWebKey{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return string(encoded)
	}
	for _, test := range []struct{ name, text string }{
		{"a private key", text(private)},
		{"an empty private member", `{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":""}`},
		{"a symmetric key", `{"kty":"oct","k":"AAAA"}`},
		{"an RSA key, which no mdoc can name", text(rsaKey.Public())},
		{"a point that is not on the curve", `{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`},
		{"a curve of another algorithm", `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`},
		{"no JSON", `{`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := FromJWK([]byte(test.text)); !errors.Is(err, ErrKey) {
				t.Errorf("got %v, want ErrKey", err)
			}
			if _, err := FromDID("did:jwk:" + encode([]byte(test.text))); !errors.Is(err, ErrKey) {
				t.Errorf("as a DID: got %v, want ErrKey", err)
			}
		})
	}
}

func FuzzKey(f *testing.F) {
	f.Add([]byte(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`))
	f.Add([]byte(`["MIIB"]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if key, err := FromCertificates(text); err == nil && key == nil {
			t.Fatal("neither key nor error")
		}
		key, err := FromJWK(text)
		if err != nil {
			return
		}
		did, err := key.DID()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := FromDID(did); err != nil || !again.Equal(key) {
			t.Fatalf("%s does not survive did:jwk: %v", text, err)
		}
	})
}
