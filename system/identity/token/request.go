package token

import (
	"context"
	"encoding/json"
	"net/url"

	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/dpop"
	"tocsin/system/identity/spent"
)

// Request is one token request of a client that is authenticated, if it has to be.
type Request struct {
	Client *clientauth.Authenticated
	// Proof is nil when the tokens are to be bearer tokens.
	Proof *dpop.Proof
	Form  url.Values
	// Attempt names this request among all others, for marks.
	Attempt string
}

// Marks returns what the request itself uses up, and own.
func (r *Request) Marks(own ...spent.Mark) []spent.Mark {
	marks := make([]spent.Mark, 0, len(r.Client.Marks)+len(own)+1)
	marks = append(marks, r.Client.Marks...)
	if r.Proof != nil {
		marks = append(marks, r.Proof.Mark)
	}
	return append(marks, own...)
}

// thumbprint is the key that tokens are bound to, "" for bearer tokens.
func (r *Request) thumbprint() string {
	if r.Proof == nil {
		return ""
	}
	return r.Proof.Thumbprint
}

// Grant answers the requests of one grant type. A verdict is an
// *oautherr.Error; any other error means that nothing can be said now.
type Grant interface {
	Answer(ctx context.Context, r *Request) (*Response, error)
}

// AnonymousGrant is a Grant that also takes requests that name no client
// (OpenID4VCI 1.0, 6.1).
type AnonymousGrant interface {
	Grant
	TakesAnonymous() bool
}

// Response is that of RFC 6749, 5.1, with id_token (OpenID Connect Core,
// 3.1.3.3), grant_id (Grant Management for OAuth 2.0, 5.2) and
// authorization_details (RFC 9396, 7).
type Response struct {
	AccessToken          string                `json:"access_token"`
	TokenType            string                `json:"token_type"`
	ExpiresIn            int                   `json:"expires_in"`
	RefreshToken         string                `json:"refresh_token,omitempty"`
	Scope                string                `json:"scope,omitempty"`
	IDToken              string                `json:"id_token,omitempty"`
	GrantID              string                `json:"grant_id,omitempty"`
	AuthorizationDetails []AuthorizationDetail `json:"authorization_details,omitempty"`
}

// OpenIDCredential is the type of authorization details about credentials.
const OpenIDCredential = "openid_credential"

// AuthorizationDetail is what a client may ask a credential issuer for
// (OpenID4VCI 1.0, 6.2).
type AuthorizationDetail struct {
	Type                      string   `json:"type"`
	CredentialConfigurationID string   `json:"credential_configuration_id"`
	CredentialIdentifiers     []string `json:"credential_identifiers,omitempty"`
}

// encode returns the body of a response: small, and made once.
func (r *Response) encode() ([]byte, error) { return json.Marshal(r) }
