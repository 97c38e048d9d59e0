package holder

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestKeysOfEverySupportedKindVerifyWhatAnotherLibrarySigned(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for _, test := range []struct {
		name      string
		algorithm jose.SignatureAlgorithm
		private   crypto.Signer
	}{{"P-256", jose.ES256, p256}, {"P-384", jose.ES384, p384}, {"Ed25519", jose.EdDSA, ed}} {
		t.Run(test.name, func(t *testing.T) {
			key, err := FromPublic(test.private.Public())
			if err != nil {
				t.Fatal(err)
			}
			text := sign(t, test.algorithm, test.private)
			token, err := Parse(text, 4096)
			if err != nil {
				t.Fatal(err)
			}
			if err := token.Verify(key); err != nil {
				t.Errorf("own signature: %v", err)
			}
			did, err := key.DID()
			if err != nil {
				t.Fatal(err)
			}
			again, err := FromDID(did + "#0")
			if err != nil || !again.Equal(key) {
				t.Errorf("key through did:jwk: %v %v", again, err)
			}
			theirs := jose.JSONWebKey{Key: test.private.Public()}
			print, err := theirs.Thumbprint(crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			if want := base64.RawURLEncoding.EncodeToString(print); key.Thumbprint() != want {
				t.Errorf("thumbprint is %s, another library says %s", key.Thumbprint(), want)
			}
			other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			stranger, _ := FromPublic(other.Public())
			if err := token.Verify(stranger); !errors.Is(err, ErrToken) {
				t.Errorf("with another key: %v, want ErrToken", err)
			}
		})
	}
}

func TestWhatIsNoPublicKeyIsRefused(t *testing.T) {
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	leaked, err := json.Marshal(jose.JSONWebKey{Key: private})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text string
		want       error
	}{
		{"a private key", string(leaked), ErrPrivate},
		{"an empty private member", `{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":""}`, ErrPrivate},
		{"a symmetric key", `{"kty":"oct","k":"AAAA"}`, ErrPrivate},
		{"a point that is not on the curve", `{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`, ErrKey},
		{"the point at infinity", `{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`, ErrKey},
		{"a curve of another algorithm", `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`, ErrKey},
		{"an RSA key", `{"kty":"RSA","n":"AQAB","e":"AQAB"}`, ErrKey},
		{"no JSON", `{`, ErrKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := FromJWK([]byte(test.text)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign([]byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func FuzzParse(f *testing.F) {
	f.Add("eyJhbGciOiJFUzI1NiJ9.e30.AA")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("...")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text, 4096)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if token.signed+"."+base64.RawURLEncoding.EncodeToString(token.signature) != text {
			t.Fatalf("%q is parsed as something else", text)
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add([]byte(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
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
