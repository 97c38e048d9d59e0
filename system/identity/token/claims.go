package token

import (
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// AccessType and IDType are the typ of the two kinds of token.
const (
	AccessType = "at+jwt" // RFC 9068, 2.1
	IDType     = "JWT"
)

// AccessClaims are those of an access token (RFC 9068, 2.2). It carries all
// that userinfo and credential issuance need, so that they ask no store.
type AccessClaims struct {
	Issuer string `json:"iss"`
	// Audience is the provider itself: userinfo, grant management and the
	// credential endpoints are its resources.
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	// ClientID is empty for a wallet that did not name itself.
	ClientID  string   `json:"client_id,omitempty"`
	Expires   int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	ID        string   `json:"jti"`
	Scope     string   `json:"scope,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"`
	ACR       string   `json:"acr,omitempty"`
	AMR       []string `json:"amr,omitempty"`
	SessionID string   `json:"sid,omitempty"`
	// Family is shared by all tokens that descend from one code.
	Family  string `json:"fam,omitempty"`
	GrantID string `json:"grant_id,omitempty"`
	// Allowed are the names of the claims that the person agreed to release.
	Allowed []string `json:"allowed_claims,omitempty"`
	// Person is the authenticator's reference, sealed (see Persons).
	Person       string        `json:"pid,omitempty"`
	Confirmation *Confirmation `json:"cnf,omitempty"`
	// UserinfoAlg is what userinfo signs its answer with; plain JSON when empty.
	UserinfoAlg jose.SignatureAlgorithm `json:"userinfo_signed_response_alg,omitempty"`

	AuthorizationDetails []AuthorizationDetail `json:"authorization_details,omitempty"`
}

// Confirmation names the key that a token is bound to (RFC 9449, 6.1).
type Confirmation struct {
	Thumbprint string `json:"jkt"`
}

// Thumbprint is that of the key the token is bound to, "" for a bearer token.
func (c *AccessClaims) Thumbprint() string {
	if c.Confirmation == nil {
		return ""
	}
	return c.Confirmation.Thumbprint
}

// idClaims are those of an ID token (OpenID Connect Core, 2 and 3.1.3.6).
type idClaims struct {
	Issuer          string   `json:"iss"`
	Audience        string   `json:"aud"`
	Subject         string   `json:"sub"`
	Expires         int64    `json:"exp"`
	IssuedAt        int64    `json:"iat"`
	AuthTime        int64    `json:"auth_time,omitempty"`
	Nonce           string   `json:"nonce,omitempty"`
	ACR             string   `json:"acr,omitempty"`
	AMR             []string `json:"amr,omitempty"`
	SessionID       string   `json:"sid,omitempty"`
	AccessTokenHash string   `json:"at_hash"`
}

// with returns the claims as JSON with others about the person. None of others
// has a name that is used here: they are those of claim.Supported.
func (c *idClaims) with(others map[string]any) (any, error) {
	if len(others) == 0 {
		return c, nil
	}
	own, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode ID token: %w", err)
	}
	more, err := json.Marshal(others)
	if err != nil {
		return nil, fmt.Errorf("encode claims of ID token: %w", err)
	}
	own[len(own)-1] = ','
	return json.RawMessage(append(own, more[1:]...)), nil
}
