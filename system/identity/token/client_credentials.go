package token

import (
	"context"
	"fmt"
	"slices"

	"tocsin/system/identity/claim"
	"tocsin/system/identity/oautherr"
)

// ClientCredentialsType is the grant_type of RFC 6749, 4.4.
const ClientCredentialsType = "client_credentials"

// ClientCredentials is the grant of RFC 6749, 4.4. It gives the client rights
// of its own, never those of a person.
type ClientCredentials struct {
	Ledger *Ledger
	Issuer *Issuer
}

// Answer implements Grant.
func (g *ClientCredentials) Answer(ctx context.Context, r *Request) (*Response, error) {
	if r.Client.IsPublic() { // RFC 6749, 4.4
		return nil, oautherr.New(oautherr.UnauthorizedClient, "a public client has no rights of its own")
	}
	scopes := distinct(r.Form.Get("scope"))
	if len(scopes) == 0 {
		return nil, oautherr.New(oautherr.InvalidScope, "scope is missing")
	}
	for _, scope := range scopes {
		personal := scope == "openid" || scope == "offline_access" || slices.Contains(claim.Scopes(), scope)
		if personal || !slices.Contains(r.Client.Scopes, scope) {
			return nil, oautherr.New(oautherr.InvalidScope, "the client may not ask for scope %.40q by itself", scope)
		}
	}
	if err := matchResource(r.Form, "", g.Issuer.URL); err != nil {
		return nil, err
	}
	var response *Response
	err := g.Ledger.Once(ctx, r.Attempt, r.Marks(), func() (err error) {
		response, err = g.Issuer.Issue(ctx, r, &Authorization{Scopes: scopes})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("issue client credentials: %w", err)
	}
	return response, nil
}
