package tokentest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/keyset"
)

// Keys are the token keys of a provider, kept in this process.
type Keys struct {
	// Invalid is what Verify fails with.
	Invalid error
	// Away makes them unable to sign.
	Away error

	es256 *Key
	// rsa is made when it is first needed: that takes long.
	rsa func() *Key
}

// NewKeys returns fresh keys; invalid is the verdict of Verify.
func NewKeys(t testing.TB, invalid error) *Keys {
	t.Helper()
	return &Keys{
		Invalid: invalid, es256: NewKey(t, "ES256"),
		rsa: sync.OnceValue(func() *Key { return NewKey(t, "PS256") }),
	}
}

// Sign implements token.Signer.
func (k *Keys) Sign(_ context.Context, _ keyset.Use, alg jose.SignatureAlgorithm, typ string, _ map[string]any, claims any) (string, error) {
	if k.Away != nil {
		return "", k.Away
	}
	key, kid := any(k.es256.Private), "es256"
	if alg != jose.ES256 {
		key, kid = k.rsa().Private, "rsa"
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", kid))
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// Verify checks a token that Sign made.
func (k *Keys) Verify(token, typ string, claims any) error {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256})
	if err != nil {
		return fmt.Errorf("%w: %w", k.Invalid, err)
	}
	header := signed.Signatures[0].Protected
	key := k.es256
	if header.KeyID == "rsa" {
		key = k.rsa()
	}
	if header.ExtraHeaders[jose.HeaderType] != typ {
		return k.Invalid
	}
	payload, err := signed.Verify(key.Private.Public())
	if err != nil {
		return fmt.Errorf("%w: %w", k.Invalid, err)
	}
	return json.Unmarshal(payload, claims)
}

// Pepper is a secret for tests.
func Pepper() []byte {
	pepper := make([]byte, 32)
	rand.Read(pepper)
	return pepper
}
