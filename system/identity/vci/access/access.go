// Package access decides what an access token allows at the endpoints that
// issue credentials (OpenID4VCI 1.0, 8.2 and 8.3.1.1).
package access

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
	"tocsin/system/identity/vci/configuration"
)

// Guard checks access tokens (bearer.Guard).
type Guard interface {
	Offer(w http.ResponseWriter, r *http.Request)
	Check(r *http.Request, scope string) (*token.AccessClaims, error)
}

// Persons opens the person in an access token (token.Persons).
type Persons interface {
	Open(pid string) (string, error)
}

// Gate admits requests.
type Gate struct {
	Guard   Guard
	Persons Persons
	Set     *configuration.Set
}

// Token is what an admitted request may do.
type Token struct {
	// Person is the authenticator's reference, ClientID empty for an anonymous
	// wallet, and Thumbprint empty for a bearer token.
	Person, ClientID, Thumbprint string
	scopes                       []string
	details                      []token.AuthorizationDetail
	set                          *configuration.Set
}

// Admit returns the token of a request. Verdicts are for bearer.Refuse.
func (g *Gate) Admit(w http.ResponseWriter, r *http.Request) (*Token, error) {
	g.Guard.Offer(w, r)
	claims, err := g.Guard.Check(r, "")
	if err != nil {
		return nil, err
	}
	if claims.Person == "" {
		return nil, oautherr.New(oautherr.InsufficientScope, "the access token is not of a person")
	}
	person, err := g.Persons.Open(claims.Person)
	if err != nil {
		return nil, fmt.Errorf("admit to credential issuance: %w", err)
	}
	return &Token{
		Person: person, ClientID: claims.ClientID, Thumbprint: claims.Thumbprint(),
		scopes: strings.Fields(claims.Scope), details: claims.AuthorizationDetails, set: g.Set,
	}, nil
}

// Identified returns the configuration that a credential_identifier of the
// token response stands for.
func (t *Token) Identified(identifier string) (*configuration.Configuration, error) {
	for _, detail := range t.details {
		if detail.Type == token.OpenIDCredential && slices.Contains(detail.CredentialIdentifiers, identifier) {
			if c, known := t.set.Get(detail.CredentialConfigurationID); known {
				return c, nil
			}
		}
	}
	return nil, oautherr.New(oautherr.UnknownCredentialIdentifier, "there is no such credential_identifier in the token response")
}

// Configured returns the configuration with an id, which must have been asked
// for by scope: where the token response gave identifiers, they must be used.
func (t *Token) Configured(id string) (*configuration.Configuration, error) {
	c, known := t.set.Get(id)
	if !known {
		return nil, oautherr.New(oautherr.UnknownCredentialConfiguration, "there is no such credential configuration")
	}
	for _, detail := range t.details {
		if detail.CredentialConfigurationID == id {
			return nil, oautherr.New(oautherr.InvalidCredentialRequest, "the credential must be asked for with the credential_identifier of the token response")
		}
	}
	if !slices.Contains(t.scopes, c.Scope) {
		return nil, oautherr.New(oautherr.InsufficientScope, "the access token does not allow this credential")
	}
	return c, nil
}

// Allows reports whether the token allows a configuration, however it was asked for.
func (t *Token) Allows(id string) bool {
	for _, detail := range t.details {
		if detail.CredentialConfigurationID == id {
			return true
		}
	}
	c, known := t.set.Get(id)
	return known && slices.Contains(t.scopes, c.Scope)
}
