package vci

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// proofType is the typ of a proof of a key (OpenID4VCI 1.0, F.1).
const proofType = "openid4vci-proof+jwt"

// holder is the key that a credential is bound to: a new one each time.
type holder struct{ key *ecdsa.PrivateKey }

func newHolder() (*holder, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make holder key: %w", err)
	}
	return &holder{key: key}, nil
}

func (h *holder) public() jose.JSONWebKey { return jose.JSONWebKey{Key: h.key.Public()} }

// is reports whether a JWK is this key.
func (h *holder) is(jwk []byte) bool {
	var other jose.JSONWebKey
	if json.Unmarshal(jwk, &other) != nil {
		return false
	}
	known, ok := other.Key.(*ecdsa.PublicKey)
	return ok && h.key.PublicKey.Equal(known)
}

// proof is a proof to be signed. It can be made wrong in every way that an
// issuer has to notice.
type proof struct {
	header map[string]any
	claims map[string]any
	// sign returns the signature over the input of the JWS; nil for that of
	// the holder.
	sign func(h *holder, input []byte) ([]byte, error)
}

// newProof is a right proof (OpenID4VCI 1.0, F.1). Without a nonce endpoint
// there is no nonce.
func newProof(h *holder, issuer, clientID, nonce string, now time.Time) *proof {
	made := &proof{
		header: map[string]any{"alg": "ES256", "typ": proofType, "jwk": h.public()},
		claims: map[string]any{"aud": issuer, "iat": now.Unix()},
	}
	if clientID != "" {
		made.claims["iss"] = clientID
	}
	if nonce != "" {
		made.claims["nonce"] = nonce
	}
	return made
}

// text signs the proof. The library is not asked: it refuses to make wrong
// ones.
func (p *proof) text(h *holder) (string, error) {
	header, err := json.Marshal(p.header)
	if err != nil {
		return "", fmt.Errorf("encode proof header: %w", err)
	}
	claims, err := json.Marshal(p.claims)
	if err != nil {
		return "", fmt.Errorf("encode proof: %w", err)
	}
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sign := p.sign
	if sign == nil {
		sign = signES256
	}
	signature, err := sign(h, []byte(input))
	if err != nil {
		return "", err
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// signES256 signs as RFC 7518, section 3.4, says.
func signES256(h *holder, input []byte) ([]byte, error) {
	hash := crypto.SHA256.New()
	hash.Write(input)
	r, s, err := ecdsa.Sign(rand.Reader, h.key, hash.Sum(nil))
	if err != nil {
		return nil, fmt.Errorf("sign proof: %w", err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature, nil
}
