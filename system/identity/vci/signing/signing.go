// Package signing signs with the credential key and puts its certificates
// beside each signature. Keys rotate: a signature and a chain that do not
// belong together never leave here.
package signing

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
)

// Backend is the credential key, wherever it is.
type Backend interface {
	// Sign returns claims as a compact JWS with ES256, with the key's kid and
	// extra in its header.
	Sign(ctx context.Context, typ string, extra map[string]any, claims any) (string, error)
	// SignDigest returns r and s side by side, and the kid of the key.
	SignDigest(ctx context.Context, digest [sha256.Size]byte) (signature []byte, kid string, err error)
	// Chain returns the certificates of the current key (DER, its own first).
	Chain() (der [][]byte, kid string, err error)
}

// ErrUnavailable means that nothing could be signed now.
var ErrUnavailable = errors.New("the credential key cannot be used now")

// Key is the credential key. It is safe for concurrent use.
type Key struct {
	backend Backend
	chain   atomic.Pointer[chain]
}

// chain is the certificates of one key in both encodings.
type chain struct {
	kid    string
	der    [][]byte
	header map[string]any
}

// New returns the key in backend.
func New(backend Backend) *Key { return &Key{backend: backend} }

// attempts is how often a signature is made when the key changes meanwhile.
const attempts = 3

// JWT returns claims as a compact JWS with x5c (RFC 7515, 4.1.6).
func (k *Key) JWT(ctx context.Context, typ string, claims any) (string, error) {
	for range attempts {
		chain, err := k.current()
		if err != nil {
			return "", err
		}
		token, err := k.backend.Sign(ctx, typ, chain.header, claims)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		kid, err := kidOf(token)
		if err != nil {
			return "", err
		}
		if kid == chain.kid {
			return token, nil
		}
	}
	return "", fmt.Errorf("%w: it changed %d times", ErrUnavailable, attempts)
}

// COSE signs a digest with ES256 and returns the chain of the key that did.
func (k *Key) COSE(ctx context.Context, digest [sha256.Size]byte) (signature []byte, der [][]byte, err error) {
	for range attempts {
		signature, kid, err := k.backend.SignDigest(ctx, digest)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		chain, err := k.current()
		if err != nil {
			return nil, nil, err
		}
		if kid == chain.kid {
			return signature, chain.der, nil
		}
	}
	return nil, nil, fmt.Errorf("%w: it changed %d times", ErrUnavailable, attempts)
}

func (k *Key) current() (*chain, error) {
	der, kid, err := k.backend.Chain()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if known := k.chain.Load(); known != nil && known.kid == kid {
		return known, nil
	}
	if der, err = withoutAnchor(der); err != nil {
		return nil, err
	}
	x5c := make([]string, len(der))
	for i, certificate := range der {
		x5c[i] = base64.StdEncoding.EncodeToString(certificate)
	}
	next := &chain{kid: kid, der: der, header: map[string]any{"x5c": x5c}}
	k.chain.Store(next)
	return next, nil
}

// withoutAnchor leaves out the root that a chain ends in: verifiers have it from
// elsewhere, or it would prove nothing (ISO/IEC 18013-5, 9.1.2.4; HAIP 1.0, 6.1.1).
func withoutAnchor(der [][]byte) ([][]byte, error) {
	if len(der) < 2 {
		return der, nil
	}
	last, err := x509.ParseCertificate(der[len(der)-1])
	if err != nil {
		return nil, fmt.Errorf("read chain of credential key: %w", err)
	}
	if bytes.Equal(last.RawIssuer, last.RawSubject) {
		der = der[:len(der)-1]
	}
	return der, nil
}

// kidOf reads the header of a token that was made here.
func kidOf(token string) (string, error) {
	head, _, _ := strings.Cut(token, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return "", fmt.Errorf("read header of signed token: %w", err)
	}
	var header struct {
		KeyID string `json:"kid"`
	}
	if err := json.Unmarshal(decoded, &header); err != nil {
		return "", fmt.Errorf("read header of signed token: %w", err)
	}
	return header.KeyID, nil
}
