package holder

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// ErrToken means that a text is no compact JWS, or that its signature is wrong.
var ErrToken = errors.New("not a valid signed token")

// Token is a parsed compact JWS (RFC 7515, 3.1) whose signature is not checked yet.
type Token struct {
	Header  Header
	Payload []byte

	signed    string
	signature []byte
}

// Header holds the JOSE header members that are understood.
type Header struct {
	Algorithm      string          `json:"alg"`
	Type           string          `json:"typ"`
	KeyID          *string         `json:"kid"`
	JWK            json.RawMessage `json:"jwk"`
	Certificates   []string        `json:"x5c"`
	KeyAttestation string          `json:"key_attestation"`
	Critical       json.RawMessage `json:"crit"`
}

// Parse takes a compact JWS of at most limit characters apart.
func Parse(text string, limit int) (*Token, error) {
	if len(text) > limit {
		return nil, fmt.Errorf("%w: too long", ErrToken)
	}
	head, rest, _ := strings.Cut(text, ".")
	body, signature, complete := strings.Cut(rest, ".")
	if !complete || head == "" || strings.Contains(signature, ".") {
		return nil, fmt.Errorf("%w: not three parts", ErrToken)
	}
	token := &Token{signed: text[:len(head)+1+len(body)]}
	header, err := base64.RawURLEncoding.Strict().DecodeString(head)
	if err != nil {
		return nil, fmt.Errorf("%w: header is not base64url", ErrToken)
	}
	token.Payload, err = base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("%w: payload is not base64url", ErrToken)
	}
	token.signature, err = base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		return nil, fmt.Errorf("%w: signature is not base64url", ErrToken)
	}
	if err := json.Unmarshal(header, &token.Header); err != nil {
		return nil, fmt.Errorf("%w: header is not JSON", ErrToken)
	}
	if token.Header.Critical != nil { // RFC 7515, 4.1.11: no extension is understood
		return nil, fmt.Errorf("%w: critical header", ErrToken)
	}
	if bytes.Equal(token.Header.JWK, []byte("null")) {
		token.Header.JWK = nil
	}
	return token, nil
}

// Verify checks the signature with key. The algorithm is that of the key, and
// the header has to name it.
func (t *Token) Verify(key *Key) error {
	if t.Header.Algorithm != key.algorithm {
		return fmt.Errorf("%w: algorithm is not that of the key", ErrToken)
	}
	if !key.verify([]byte(t.signed), t.signature) {
		return fmt.Errorf("%w: wrong signature", ErrToken)
	}
	return nil
}

func (k *Key) verify(message, signature []byte) bool {
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(public, message, signature)
	case *ecdsa.PublicKey:
		c, _ := curveOf(k.jwk.Curve)
		if len(signature) != 2*c.size { // RFC 7518, 3.4
			return false
		}
		var digest []byte
		if c.size == sha256.Size {
			sum := sha256.Sum256(message)
			digest = sum[:]
		} else {
			sum := sha512.Sum384(message)
			digest = sum[:]
		}
		r, s := new(big.Int).SetBytes(signature[:c.size]), new(big.Int).SetBytes(signature[c.size:])
		return ecdsa.Verify(public, digest, r, s)
	}
	return false
}
