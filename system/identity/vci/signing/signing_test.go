package signing_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"math/big"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/vci/signing"
	"tocsin/system/identity/vci/vcitest"
)

// leaf verifies the x5c of a token and returns its key.
func leaf(t *testing.T, text string, root *x509.Certificate) (*jose.JSONWebSignature, any) {
	t.Helper()
	object, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	chains, err := object.Signatures[0].Header.Certificates(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		t.Fatal(err)
	}
	return object, chains[0][0].PublicKey
}

func TestTheChainIsThatOfTheKeyEvenWhenItRotatesMeanwhile(t *testing.T) {
	backend := vcitest.NewKey(t)
	key := signing.New(backend.Backend())
	for _, test := range []struct {
		name      string
		meanwhile func()
	}{
		{"no rotation", nil},
		{"a rotation between chain and signature", func() { backend.Rotate(t) }},
	} {
		t.Run("JWT, "+test.name, func(t *testing.T) {
			backend.Between(test.meanwhile)
			text, err := key.JWT(t.Context(), "example", map[string]any{"a": 1})
			if err != nil {
				t.Fatal(err)
			}
			object, public := leaf(t, text, backend.Root)
			if _, err := object.Verify(public); err != nil {
				t.Errorf("signature and chain do not belong together: %v", err)
			}
		})
		t.Run("COSE, "+test.name, func(t *testing.T) {
			backend.Between(test.meanwhile)
			digest := sha256.Sum256([]byte("a"))
			signature, chain, err := key.COSE(t.Context(), digest)
			if err != nil {
				t.Fatal(err)
			}
			if len(chain) != 1 {
				t.Errorf("the chain has %d certificates: the root is not to be sent", len(chain))
			}
			certificate, err := x509.ParseCertificate(chain[0])
			if err != nil {
				t.Fatal(err)
			}
			r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
			if !ecdsa.Verify(certificate.PublicKey.(*ecdsa.PublicKey), digest[:], r, s) {
				t.Error("signature and chain do not belong together")
			}
		})
	}
}

func TestAKeyThatIsAwayIsNoVerdict(t *testing.T) {
	backend := vcitest.NewKey(t)
	key := signing.New(backend.Backend())
	away := errors.New("no HSM")
	backend.Fail(away)
	_, jwtErr := key.JWT(t.Context(), "example", 1)
	_, _, coseErr := key.COSE(t.Context(), [32]byte{})
	for _, err := range []error{jwtErr, coseErr} {
		if !errors.Is(err, signing.ErrUnavailable) || !errors.Is(err, away) {
			t.Errorf("got %v", err)
		}
	}
}
