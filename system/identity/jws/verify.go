package jws

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
	"tocsin/system/identity/keyset"
)

// ErrInvalid means that a token was not made by this issuer, or not as given.
var ErrInvalid = errors.New("token does not verify")

// VerifyingKeys finds public keys.
type VerifyingKeys interface {
	// Verifying returns nil when there is no such key, and an error when it
	// cannot tell.
	Verifying(kid string) (*keyset.Key, error)
}

const (
	// maxToken bounds a token. The largest that this issuer makes, a signed
	// user profile, has a few kilobytes.
	maxToken = 16 << 10
	// maxHeader bounds an encoded header.
	maxHeader = 1 << 10
	// maxSignature is the encoded length of the longest signature, RSA with
	// 4096 bits.
	maxSignature = 683
)

// Verifier checks tokens without asking anybody. It is safe for concurrent use.
type Verifier struct {
	keys VerifyingKeys

	mu sync.RWMutex
	// headers are decoded ones of tokens that did verify: this issuer's own,
	// which are few.
	headers map[string]header
}

// header is what counts of a JOSE header.
type header struct {
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Type      string          `json:"typ"`
	Critical  json.RawMessage `json:"crit"`
}

// NewVerifier returns a verifier.
func NewVerifier(keys VerifyingKeys) *Verifier {
	return &Verifier{keys: keys, headers: map[string]header{}}
}

// Verify checks the signature and type of token and decodes its claims. It
// fails with ErrInvalid; any other error says nothing about the token.
func (v *Verifier) Verify(token, typ string, claims any) error {
	if len(token) > maxToken {
		return fmt.Errorf("%w: %d bytes", ErrInvalid, len(token))
	}
	// The decoder passes over line breaks; the same token must not have many forms.
	if strings.ContainsAny(token, "\r\n") {
		return fmt.Errorf("%w: line breaks in it", ErrInvalid)
	}
	headText, rest, first := strings.Cut(token, ".")
	bodyText, signatureText, second := strings.Cut(rest, ".")
	if !first || !second || len(headText) > maxHeader || len(signatureText) > maxSignature {
		return fmt.Errorf("%w: not a compact JWS", ErrInvalid)
	}
	head, known, err := v.header(headText)
	if err != nil {
		return err
	}
	if head.Type != typ {
		return fmt.Errorf("%w: not a token of type %s", ErrInvalid, typ)
	}
	key, err := v.key(head)
	if err != nil {
		return err
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(signatureText)
	if err != nil {
		return fmt.Errorf("%w: signature is not base64url", ErrInvalid)
	}
	digest := sha256.Sum256([]byte(token[:len(headText)+1+len(bodyText)]))
	if !protocol.Verify(key.Algorithm, key.Public, digest[:], signature) {
		return fmt.Errorf("%w: wrong signature", ErrInvalid)
	}
	if !known {
		v.remember(headText, head)
	}
	body, err := base64.RawURLEncoding.Strict().DecodeString(bodyText)
	if err != nil {
		return fmt.Errorf("%w: claims are not base64url", ErrInvalid)
	}
	if err := json.Unmarshal(body, claims); err != nil {
		return fmt.Errorf("%w: claims do not decode", ErrInvalid)
	}
	return nil
}

// key returns the key that the header names. The algorithm is a property of the
// key; a header that asks for another (none, HMAC with the public key, another
// padding) is a forgery (RFC 8725, 3.1 and 3.2).
func (v *Verifier) key(head header) (*keyset.Key, error) {
	key, err := v.keys.Verifying(head.KeyID)
	if err != nil {
		return nil, fmt.Errorf("verify token: %w", err)
	}
	if key == nil || key.Use != keyset.Token {
		return nil, fmt.Errorf("%w: unknown key", ErrInvalid)
	}
	if jose.SignatureAlgorithm(head.Algorithm) != key.Algorithm {
		return nil, fmt.Errorf("%w: the key is not for that algorithm", ErrInvalid)
	}
	return key, nil
}

func (v *Verifier) header(text string) (head header, known bool, err error) {
	v.mu.RLock()
	head, known = v.headers[text]
	v.mu.RUnlock()
	if known {
		return head, true, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return head, false, fmt.Errorf("%w: header is not base64url", ErrInvalid)
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return head, false, fmt.Errorf("%w: header does not decode", ErrInvalid)
	}
	// Nothing is understood that could be critical (RFC 7515, 4.1.11).
	if head.Critical != nil {
		return head, false, fmt.Errorf("%w: critical header members", ErrInvalid)
	}
	return head, false, nil
}

func (v *Verifier) remember(text string, head header) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.headers) >= maxHeaders {
		clear(v.headers)
	}
	v.headers[strings.Clone(text)] = head
}
