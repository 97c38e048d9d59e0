package token

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"tocsin/system/identity/claim"
	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/oautherr"
)

// ClientCredentials is the grant of RFC 6749, 4.4. It gives the client rights
// of its own, never those of a person.
type ClientCredentials struct {
	Issuer *Issuer
}

// Answer implements Grant.
func (g *ClientCredentials) Answer(ctx context.Context, client *clientauth.Authenticated, form url.Values) (*Response, error) {
	scopes := strings.Fields(form.Get("scope"))
	if len(scopes) == 0 {
		return nil, oautherr.New(oautherr.InvalidScope, "scope is missing")
	}
	for _, scope := range scopes {
		personal := scope == "openid" || slices.Contains(claim.Scopes(), scope)
		if personal || !slices.Contains(client.Scopes, scope) {
			return nil, oautherr.New(oautherr.InvalidScope, "the client may not ask for scope %.40q by itself", scope)
		}
	}
	return g.Issuer.access(ctx, AccessClaims{Subject: client.ID, ClientID: client.ID, Scope: joined(scopes)})
}
