package signing

import (
	"context"
	"crypto/sha256"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/keyset"
)

// Signer signs with keys of any use (jws.Signer).
type Signer interface {
	Sign(ctx context.Context, use keyset.Use, algorithm jose.SignatureAlgorithm, typ string, extra map[string]any, claims any) (string, error)
	SignDigest(ctx context.Context, use keyset.Use, digest [sha256.Size]byte) (signature []byte, kid string, err error)
}

// Chains knows the certificates of the credential key (keyset.Set).
type Chains interface {
	Chain() (der [][]byte, kid string, err error)
}

// Credential is the Backend of a provider.
type Credential struct {
	Signer Signer
	Chains Chains
}

// Sign implements Backend.
func (c Credential) Sign(ctx context.Context, typ string, extra map[string]any, claims any) (string, error) {
	return c.Signer.Sign(ctx, keyset.Credential, jose.ES256, typ, extra, claims)
}

// SignDigest implements Backend.
func (c Credential) SignDigest(ctx context.Context, digest [sha256.Size]byte) ([]byte, string, error) {
	return c.Signer.SignDigest(ctx, keyset.Credential, digest)
}

// Chain implements Backend.
func (c Credential) Chain() ([][]byte, string, error) { return c.Chains.Chain() }
