package holder

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"tocsin/system/identity/compact"
)

// ErrKey means that a text is no public key a credential can be bound to, or
// that it holds the private one as well: whoever sends that has given it away
// (OpenID4VCI 1.0, F.4).
var ErrKey = errors.New("not a public key of a supported kind")

// maxKey bounds what is parsed, in bytes.
const maxKey = 4 << 10

// Key is the public key of a holder.
type Key struct {
	// Public is *ecdsa.PublicKey on P-256 or ed25519.PublicKey.
	Public any
	jwk    JWK
}

// JWK is the least a public JWK has, in the order that its thumbprint is made
// over (RFC 7638, 3.2).
type JWK struct {
	Curve string `json:"crv"`
	Type  string `json:"kty"`
	X     string `json:"x"`
	Y     string `json:"y,omitempty"`
}

// Algorithms returns the JWS algorithms that holders may sign with.
func Algorithms() []string { return []string{compact.ES256, compact.EdDSA} }

// FromJWK reads a public JWK (RFC 7517), or fails with ErrKey.
func FromJWK(text []byte) (*Key, error) {
	if len(text) > maxKey {
		return nil, ErrKey
	}
	key, err := compact.ParseJWK(text)
	if err != nil {
		return nil, ErrKey
	}
	return FromPublic(key.Public)
}

// Key returns the key that the JWK describes, or ErrKey.
func (j JWK) Key() (*Key, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, ErrKey
	}
	return FromJWK(text)
}

// FromPublic describes a key of the standard library, or fails with ErrKey.
func FromPublic(public crypto.PublicKey) (*Key, error) {
	switch public := public.(type) {
	case ed25519.PublicKey:
		return &Key{Public: public, jwk: JWK{Type: "OKP", Curve: "Ed25519", X: encode(public)}}, nil
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil || public.Curve != elliptic.P256() {
			return nil, ErrKey
		}
		return &Key{Public: public, jwk: JWK{Type: "EC", Curve: "P-256", X: encode(point[1:33]), Y: encode(point[33:])}}, nil
	}
	return nil, ErrKey
}

// FromDID reads a key from a did:jwk identifier or its only verification
// method. No other DID method is supported: they ask a network.
func FromDID(text string) (*Key, error) {
	encoded, isJWK := strings.CutPrefix(text, "did:jwk:")
	encoded, _ = strings.CutSuffix(encoded, "#0")
	if !isJWK || len(encoded) > maxKey {
		return nil, ErrKey
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, ErrKey
	}
	return FromJWK(decoded)
}

// FromCertificates reads the key of the first certificate of an x5c header
// (RFC 7515, 4.1.6), given as JSON. Nothing is believed of the certificate: it
// only carries the key.
func FromCertificates(x5c []byte) (*Key, error) {
	chain, err := Certificates(x5c)
	if err != nil {
		return nil, err
	}
	return FromPublic(chain[0].PublicKey)
}

// maxChain bounds the certificates of one header.
const maxChain = 5

// Certificates parses an x5c header, or fails with ErrKey.
func Certificates(x5c []byte) ([]*x509.Certificate, error) {
	texts, err := compact.Strings(x5c, maxChain)
	if err != nil || len(texts) == 0 {
		return nil, ErrKey
	}
	chain := make([]*x509.Certificate, len(texts))
	for i, text := range texts {
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(der) > maxKey {
			return nil, ErrKey
		}
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, ErrKey
		}
	}
	return chain, nil
}

// JWK returns the key for a cnf claim (RFC 7800, 3.2).
func (k *Key) JWK() JWK { return k.jwk }

// Equal reports whether both are the same key.
func (k *Key) Equal(other *Key) bool { return k.jwk == other.jwk }

// DID returns the key as a did:jwk identifier.
func (k *Key) DID() (string, error) {
	text, err := json.Marshal(k.jwk)
	if err != nil {
		return "", fmt.Errorf("encode key: %w", err)
	}
	return "did:jwk:" + encode(text), nil
}

// COSE returns the members of the key as a COSE_Key (RFC 9053, 7).
func (k *Key) COSE() (map[int64]any, error) {
	const keyType, curve, x, y = 1, -1, -2, -3
	switch public := k.Public.(type) {
	case ed25519.PublicKey:
		return map[int64]any{keyType: 1, curve: 6, x: []byte(public)}, nil
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			return nil, fmt.Errorf("encode key: %w", err)
		}
		return map[int64]any{keyType: 2, curve: 1, x: point[1:33], y: point[33:]}, nil
	}
	return nil, ErrKey
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
