package jws

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
	"tocsin/system/identity/keyset"
)

// SigningKeys says which key to sign with.
type SigningKeys interface {
	Signing(use keyset.Use, algorithm jose.SignatureAlgorithm) (*keyset.Key, error)
}

// HSM signs digests.
type HSM interface {
	Sign(ctx context.Context, order protocol.Order) ([]byte, error)
}

// Signer makes tokens. It is safe for concurrent use.
type Signer struct {
	hsm  HSM
	keys SigningKeys

	mu      sync.RWMutex
	headers map[headerName]string
}

// headerName tells the headers apart that have nothing extra in them.
type headerName struct{ kid, typ string }

// maxHeaders bounds the headers kept: keys turn over slowly, and types are few.
const maxHeaders = 128

// NewSigner returns a signer.
func NewSigner(hsm HSM, keys SigningKeys) *Signer {
	return &Signer{hsm: hsm, keys: keys, headers: map[headerName]string{}}
}

// Sign returns claims as a compact JWS of the given type, with the current key
// of use for the algorithm. extra has further header members, and may be nil.
// It fails when no HSM node signs; asking again is safe.
func (s *Signer) Sign(ctx context.Context, use keyset.Use, algorithm jose.SignatureAlgorithm, typ string, extra map[string]any, claims any) (string, error) {
	key, err := s.keys.Signing(use, algorithm)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", typ, err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign %s: encode claims: %w", typ, err)
	}
	head, err := s.header(key, typ, extra)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", typ, err)
	}
	encoding := base64.RawURLEncoding
	token := make([]byte, 0, len(head)+encoding.EncodedLen(len(payload))+1+maxSignature)
	token = append(token, head...)
	token = encoding.AppendEncode(token, payload)
	signature, err := s.hsm.Sign(ctx, protocol.Order{Algorithm: key.Algorithm, Key: key.ID, Digest: sha256.Sum256(token)})
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", typ, err)
	}
	token = append(token, '.')
	return string(encoding.AppendEncode(token, signature)), nil
}

// SignDigest signs a SHA-256 digest with the current ES256 key of use, for
// COSE. The signature is r and s, 32 bytes each (RFC 9053, 2.1).
func (s *Signer) SignDigest(ctx context.Context, use keyset.Use, digest [32]byte) (signature []byte, kid string, err error) {
	key, err := s.keys.Signing(use, jose.ES256)
	if err != nil {
		return nil, "", fmt.Errorf("sign digest: %w", err)
	}
	signature, err = s.hsm.Sign(ctx, protocol.Order{Algorithm: jose.ES256, Key: key.ID, Digest: digest})
	if err != nil {
		return nil, "", fmt.Errorf("sign digest: %w", err)
	}
	return signature, key.KeyID, nil
}

// header returns the encoded header and the dot behind it. A typ tells an
// access token from an ID token (RFC 9068, 2.1), so that one is never taken for
// the other.
func (s *Signer) header(key *keyset.Key, typ string, extra map[string]any) (string, error) {
	if len(extra) > 0 {
		return encodeHeader(key, typ, extra)
	}
	name := headerName{key.KeyID, typ}
	s.mu.RLock()
	head, known := s.headers[name]
	s.mu.RUnlock()
	if known {
		return head, nil
	}
	head, err := encodeHeader(key, typ, nil)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.headers) >= maxHeaders {
		clear(s.headers)
	}
	s.headers[name] = head
	return head, nil
}

func encodeHeader(key *keyset.Key, typ string, extra map[string]any) (string, error) {
	members := map[string]any{}
	maps.Copy(members, extra)
	for name, value := range map[string]string{"alg": string(key.Algorithm), "kid": key.KeyID, "typ": typ} {
		if _, taken := members[name]; taken {
			return "", fmt.Errorf("encode header: %s is not for the caller to set", name)
		}
		if value != "" {
			members[name] = value
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		return "", fmt.Errorf("encode header: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text) + ".", nil
}
