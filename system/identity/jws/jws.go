// Package jws makes and checks the provider's own tokens: compact JWS with
// ES256, signed by an HSM node. It does not know what claims mean.
package jws

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"tocsin/system/hsm/client"
)

// ErrInvalid means that a token was not made by this issuer, or not as given.
var ErrInvalid = errors.New("token does not verify")

// Keys names the key of each node and finds public keys.
type Keys interface {
	KeyOf(node string) (kid string, known bool)
	// Public returns nil when there is no such key, and an error when it cannot tell.
	Public(kid string) (*ecdsa.PublicKey, error)
	Refresh()
}

// HSM signs digests.
type HSM interface {
	Sign(ctx context.Context, orderFor func(node string) (client.Order, bool)) (signature []byte, node string, err error)
}

// Signer makes tokens.
type Signer struct {
	hsm  HSM
	keys Keys
}

// NewSigner returns a signer.
func NewSigner(hsm HSM, keys Keys) *Signer { return &Signer{hsm: hsm, keys: keys} }

// header is the JOSE header; typ tells an access token from an ID token
// (RFC 9068, 2.1), so that one is never taken for the other.
type header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`
}

// Sign returns claims as a token of the given type. It fails when no HSM node
// signs; asking again is safe.
func (s *Signer) Sign(ctx context.Context, kind string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	body := "." + base64.RawURLEncoding.EncodeToString(payload)
	inputs := map[string]string{} // by node: the header names the key
	signature, node, err := s.hsm.Sign(ctx, func(node string) (client.Order, bool) {
		kid, known := s.keys.KeyOf(node)
		if !known {
			return client.Order{}, false
		}
		input, err := signingInput(kid, kind, body)
		if err != nil {
			return client.Order{}, false
		}
		inputs[node] = input
		return client.Order{KeyID: kid, Digest: sha256.Sum256([]byte(input))}, true
	})
	if err != nil {
		s.keys.Refresh()
		return "", fmt.Errorf("sign token: %w", err)
	}
	return inputs[node] + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func signingInput(kid, kind, body string) (string, error) {
	head, err := json.Marshal(header{Algorithm: "ES256", KeyID: kid, Type: kind})
	if err != nil {
		return "", fmt.Errorf("encode header: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(head) + body, nil
}

// Verifier checks tokens without asking anybody.
type Verifier struct {
	keys Keys
}

// NewVerifier returns a verifier.
func NewVerifier(keys Keys) *Verifier { return &Verifier{keys: keys} }

// Verify checks the signature and type of token and decodes its claims. It
// fails with ErrInvalid; any other error says nothing about the token.
func (v *Verifier) Verify(token, kind string, claims any) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return fmt.Errorf("%w: not a compact JWS", ErrInvalid)
	}
	var raw [3][]byte
	for i, part := range parts {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return fmt.Errorf("%w: part %d is not base64url", ErrInvalid, i+1)
		}
		raw[i] = decoded
	}
	var head header
	if err := json.Unmarshal(raw[0], &head); err != nil {
		return fmt.Errorf("%w: header is not JSON", ErrInvalid)
	}
	if head.Algorithm != "ES256" || head.Type != kind || len(raw[2]) != 64 {
		return fmt.Errorf("%w: not an ES256 token of type %s", ErrInvalid, kind)
	}
	key, err := v.keys.Public(head.KeyID)
	if err != nil {
		return fmt.Errorf("verify token: %w", err)
	}
	if key == nil {
		return fmt.Errorf("%w: unknown key", ErrInvalid)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(raw[2][:32]), new(big.Int).SetBytes(raw[2][32:])
	if !ecdsa.Verify(key, digest[:], r, s) {
		return fmt.Errorf("%w: wrong signature", ErrInvalid)
	}
	if err := json.Unmarshal(raw[1], claims); err != nil {
		return fmt.Errorf("%w: claims are not JSON", ErrInvalid)
	}
	return nil
}
