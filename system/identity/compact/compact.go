// Package compact reads JWS that others made (RFC 7515, compact serialization):
// assertions of clients and proofs of possession. It is strict where a lenient
// reader and a strict one could disagree: member names are taken exactly as
// written and only once, base64url without padding or stray bits, and the
// algorithms are asymmetric ones only. What the claims mean is its callers'.
package compact

import (
	"encoding/base64"
	"errors"
	"strings"
)

var (
	// ErrMalformed means that a text is no JWS that may be taken here.
	ErrMalformed = errors.New("not a compact JWS")
	// ErrSignature means that the signature is not of the key.
	ErrSignature = errors.New("signature does not verify")
)

// Token is a JWS that was split and decoded, and is not yet believed.
type Token struct {
	Header Header
	// Payload is the decoded payload: any bytes at all.
	Payload []byte

	input     string
	signature []byte
}

// Header holds the members of a protected header that matter here; others are
// ignored (RFC 7515, 4).
type Header struct {
	Algorithm string
	Type      string
	KeyID     string
	// JWK, X5C and KeyAttestation are JSON as it came, nil when absent.
	JWK            []byte
	X5C            []byte
	KeyAttestation string
}

// Parse reads text of at most most bytes, without verifying it.
func Parse(text string, most int) (*Token, error) {
	if len(text) > most {
		return nil, ErrMalformed
	}
	head, rest, _ := strings.Cut(text, ".")
	body, signature, found := strings.Cut(rest, ".")
	if !found || strings.Contains(signature, ".") {
		return nil, ErrMalformed
	}
	// One buffer for all three parts: they live and die together.
	buffer := make([]byte, 0, len(text))
	parts := [3][]byte{}
	for i, part := range [3]string{head, body, signature} {
		start := len(buffer)
		var err error
		if buffer, err = Decode(buffer, part); err != nil {
			return nil, err
		}
		parts[i] = buffer[start:len(buffer):len(buffer)]
	}
	token := &Token{Payload: parts[1], input: text[:len(head)+1+len(body)], signature: parts[2]}
	if err := token.Header.decode(parts[0]); err != nil {
		return nil, err
	}
	return token, nil
}

// base64URL refuses padding and trailing bits.
var base64URL = base64.RawURLEncoding.Strict()

// Decode appends to bytes what text says in base64url. Of each value there is
// one text only: line breaks, which package base64 skips, are refused too
// (RFC 7515, 2).
func Decode(bytes []byte, text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, ErrMalformed
	}
	decoded, err := base64URL.AppendDecode(bytes, []byte(text))
	if err != nil {
		return nil, ErrMalformed
	}
	return decoded, nil
}

func (h *Header) decode(raw []byte) error {
	return Members(raw, func(name string, value []byte) (err error) {
		switch name {
		case "alg":
			h.Algorithm, err = String(value)
		case "typ":
			h.Type, err = String(value)
		case "kid":
			h.KeyID, err = String(value)
		case "key_attestation":
			h.KeyAttestation, err = String(value)
		case "jwk":
			h.JWK = value
		case "x5c":
			h.X5C = value
		case "crit", "b64":
			// No extension is understood, and critical ones must be (RFC 7515,
			// 4.1.11); an unencoded payload is one of them (RFC 7797, 6).
			err = ErrMalformed
		}
		return err
	})
}

// Verify checks the signature with key, which must be of the kind that the
// header's algorithm needs: a key never serves an algorithm of another kind.
func (t *Token) Verify(key any) error { return verify(t.Header.Algorithm, key, t.input, t.signature) }

// VerifyRS256 checks an RS256 signature, which Verify does not take. It is for
// callers who know that key was registered for RS256 by somebody outside the
// FAPI profile.
func (t *Token) VerifyRS256(key any) error {
	if t.Header.Algorithm != RS256 {
		return ErrSignature
	}
	return verifyRS256(key, t.input, t.signature)
}
