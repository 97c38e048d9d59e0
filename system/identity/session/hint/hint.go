// Package hint reads the id_token_hint of authorization and logout requests: an
// ID token of this provider that comes back.
package hint

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"tocsin/system/identity/jws"
)

// ErrNone means that an id_token_hint is no ID token of this provider. A hint
// is no proof: whoever gets this goes on without one, or asks the person.
var ErrNone = errors.New("id_token_hint is not an ID token of this provider")

// idTokenType is the typ of ID tokens, maxHint bounds one, in characters.
const (
	idTokenType = "JWT"
	maxHint     = 4096
)

// Verifier checks the provider's own tokens: jws.ErrInvalid is a verdict, any
// other error is not.
type Verifier interface {
	Verify(token, typ string, claims any) error
}

// Hint is what an ID token that comes back tells of an earlier login.
type Hint struct {
	Subject   string
	SessionID string
	// ClientID is the client that the token was made for.
	ClientID string
}

// Read reads an id_token_hint. Expired ones are taken too: what matters is
// who it was about (OpenID Connect Core, 3.1.2.1; RP-Initiated Logout 1.0, 4).
func Read(verifier Verifier, issuer, token string) (*Hint, error) {
	if len(token) > maxHint {
		return nil, ErrNone
	}
	var claims struct {
		Issuer    string   `json:"iss"`
		Audience  audience `json:"aud"`
		Party     string   `json:"azp"`
		Subject   string   `json:"sub"`
		SessionID string   `json:"sid"`
	}
	err := verifier.Verify(token, idTokenType, &claims)
	if errors.Is(err, jws.ErrInvalid) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("read id_token_hint: %w", err)
	}
	if claims.Issuer != issuer || claims.Subject == "" || len(claims.Audience) == 0 {
		return nil, ErrNone
	}
	hint := &Hint{Subject: claims.Subject, SessionID: claims.SessionID, ClientID: claims.Audience[0]}
	if slices.Contains(claims.Audience, claims.Party) {
		hint.ClientID = claims.Party
	}
	return hint, nil
}

// audience is a string or an array of strings (RFC 7519, 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(a))
	}
	*a = make(audience, 1)
	return json.Unmarshal(text, &(*a)[0])
}
