package sdjwt

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Type is the typ of the part that the issuer signs (SD-JWT VC, 2.2.1).
const Type = "dc+sd-jwt"

// maxDisclosures bounds the work of a credential that a broken issuer made.
const maxDisclosures = 1000

// Credential is an SD-JWT with its disclosures, as issued. Nothing of it is
// believed before Verify.
type Credential struct {
	Header      jose.Header
	signed      *jose.JSONWebSignature
	disclosures []string
}

// Parse splits the issuance form <jwt>~<disclosure>~…~ (RFC 9901, section 4).
func Parse(text string, algorithms []jose.SignatureAlgorithm) (*Credential, error) {
	parts := strings.Split(text, "~")
	if len(parts) < 2 {
		return nil, errors.New("it is no SD-JWT: there is no ~ in it")
	}
	if parts[len(parts)-1] != "" {
		return nil, errors.New("it does not end in ~: an issued credential has no key binding")
	}
	if len(parts)-2 > maxDisclosures {
		return nil, fmt.Errorf("it has more than %d disclosures", maxDisclosures)
	}
	signed, err := jose.ParseSignedCompact(parts[0], algorithms)
	if err != nil {
		return nil, fmt.Errorf("the part that the issuer signs is malformed: %w", err)
	}
	credential := &Credential{
		Header: signed.Signatures[0].Protected, signed: signed, disclosures: parts[1 : len(parts)-1],
	}
	if typ := credential.Header.ExtraHeaders[jose.HeaderType]; typ != Type {
		return nil, fmt.Errorf("typ is %v, not %s", typ, Type)
	}
	return credential, nil
}

// ErrSignature is what Verify returns when none of the keys has signed.
var ErrSignature = errors.New("the signature is not of the issuer's key")

// Verify checks the signature against key and every disclosure against its
// digest, and returns what the credential says.
func (c *Credential) Verify(key crypto.PublicKey) (*Claims, error) {
	payload, err := c.signed.Verify(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	tree, err := object(payload)
	if err != nil {
		return nil, fmt.Errorf("the claims are no JSON object: %w", err)
	}
	all, err := disclose(tree, c.disclosures)
	if err != nil {
		return nil, err
	}
	return read(payload, all, len(c.disclosures))
}

// Claims is what a credential says.
type Claims struct {
	Issuer    string   `json:"iss"`
	Type      string   `json:"vct"`
	IssuedAt  *float64 `json:"iat"`
	NotBefore *float64 `json:"nbf"`
	Expires   *float64 `json:"exp"`
	Confirm   *struct {
		JWK json.RawMessage `json:"jwk"`
	} `json:"cnf"`
	Status *struct {
		List json.RawMessage `json:"status_list"`
	} `json:"status"`
	// All are the claims with every disclosure put in its place.
	All map[string]any `json:"-"`
	// Disclosures is how many there were.
	Disclosures int `json:"-"`
}

// read takes what must not be disclosed selectively from what the issuer
// signed, and nothing else (SD-JWT VC, 2.2.2.3).
func read(payload []byte, all map[string]any, disclosures int) (*Claims, error) {
	claims := &Claims{All: all, Disclosures: disclosures}
	if err := json.Unmarshal(payload, claims); err != nil {
		return nil, fmt.Errorf("the claims are malformed: %w", err)
	}
	if claims.Type == "" {
		return nil, errors.New("it has no vct")
	}
	return claims, nil
}
