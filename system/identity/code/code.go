// Package code is the authorization code: sealed, so that it carries what it
// stands for through the loss of any store. That it is redeemed once is kept
// elsewhere (package spent).
package code

import (
	"errors"
	"time"

	"tocsin/system/identity/secret"
)

// ErrInvalid means that a text is no code of this provider, or has expired.
var ErrInvalid = errors.New("code is unknown or has expired")

// Code is what a code stands for.
type Code struct {
	// ID tells two codes for the same request apart.
	ID            string   `json:"id"`
	ClientID      string   `json:"client_id"`
	RedirectURI   string   `json:"redirect_uri"`
	Person        string   `json:"person"`
	Scopes        []string `json:"scopes"`
	GrantID       string   `json:"grant_id"`
	Nonce         string   `json:"nonce,omitempty"`
	CodeChallenge string   `json:"code_challenge"`
	// Thumbprint of the DPoP key that the request was bound to (RFC 9449, 10).
	DPoPThumbprint string    `json:"dpop_jkt,omitempty"`
	SessionID      string    `json:"sid"`
	AuthTime       time.Time `json:"auth_time"`
	ACR            string    `json:"acr"`
	AMR            []string  `json:"amr"`
	// Allowed are the claims that the person agreed to release; InIDToken those
	// of them that the request wanted in the ID token (OpenID Connect Core, 5.5).
	Allowed   []string `json:"allowed"`
	InIDToken []string `json:"in_id_token,omitempty"`
	// ShowAuthTime is set when auth_time has to be in the ID token.
	ShowAuthTime bool `json:"show_auth_time,omitempty"`
	// Configurations of credentials that the code is good for, by id, asked for
	// with authorization_details (OpenID4VCI 1.0, 5.1.1); those asked for by
	// scope follow from Scopes.
	Configurations []string  `json:"configurations,omitempty"`
	IssuerState    string    `json:"issuer_state,omitempty"`
	Resource       string    `json:"resource,omitempty"`
	Expires        time.Time `json:"exp"`
}

// Sealer makes codes and opens them.
type Sealer struct {
	box *secret.Box
	now func() time.Time
}

// NewSealer returns a sealer with keys.
func NewSealer(keys *secret.Keys, now func() time.Time) (*Sealer, error) {
	box, err := keys.Box("code")
	if err != nil {
		return nil, err
	}
	return &Sealer{box: box, now: now}, nil
}

// Seal returns c as a code. The same value gives the same code.
func (s *Sealer) Seal(c *Code) (string, error) { return s.box.SealSame(c) }

// Open returns what a code stands for, or ErrInvalid.
func (s *Sealer) Open(text string) (*Code, error) {
	opened := &Code{}
	if err := s.box.Open(text, opened); err != nil {
		return nil, ErrInvalid
	}
	if s.now().After(opened.Expires) {
		return nil, ErrInvalid
	}
	return opened, nil
}
