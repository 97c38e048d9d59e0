package identity

import (
	"net/http"
	"time"

	"tocsin/system/identity/discovery"
	"tocsin/system/identity/grantquery"
	"tocsin/system/identity/introspect"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/revoke"
	"tocsin/system/identity/token"
	"tocsin/system/identity/userinfo"
	"tocsin/system/identity/vci/offer"
	"tocsin/system/page"
)

// oauth is the endpoints that clients talk to.
type oauth struct {
	routes   []route
	metadata []byte
	jwks     http.Handler
	token    *token.Endpoint
	userinfo *userinfo.Endpoint
}

func (p *provider) oauth() (*oauth, error) {
	described := discovery.Config{
		Issuer: p.config.Issuer, Locales: page.Languages(), CredentialScopes: p.credentials.Set.Scopes(),
		GrantTypes:             []string{token.AuthorizationCodeType, token.RefreshTokenType, token.ClientCredentialsType, offer.PreAuthorizedCode},
		AnonymousPreAuthorized: true,
	}
	metadata, err := discovery.Metadata(described, p.log)
	if err != nil {
		return nil, err
	}
	o := &oauth{jwks: discovery.JWKS(p.keys, p.log), token: p.token()}
	if o.metadata, err = discovery.Document(described); err != nil {
		return nil, err
	}
	o.userinfo = &userinfo.Endpoint{
		Guard: p.guard, Persons: p.tokens.Persons, Claims: p.people, Signer: p.tokens.Signer, Issuer: p.config.Issuer, Log: p.log,
	}
	o.routes = []route{
		{"GET /.well-known/openid-configuration", "discovery", metadata},
		{"GET /.well-known/oauth-authorization-server", "discovery", metadata},
		{"GET /jwks.json", "jwks", o.jwks},
		{"POST /token", "token", o.token},
		{"POST /introspect", "introspect", &introspect.Endpoint{
			Auth: p.auth, Ledger: p.ledger, Verifier: p.verifier, Refresh: p.refresh, Families: p.stores.spent,
			Revocations: p.stores.revocations, Issuer: p.config.Issuer, Now: time.Now, Log: p.log,
		}},
		{"POST /revoke", "revoke", &revoke.Endpoint{
			Auth: p.auth, Ledger: p.ledger, Verifier: p.verifier, Refresh: p.refresh, Revocations: p.stores.revocations,
			AccessLife: p.config.Lifetimes.AccessToken.Std(), Now: time.Now, Log: p.log,
		}},
		{"GET /userinfo", "userinfo", o.userinfo},
		{"POST /userinfo", "userinfo", o.userinfo},
		{"GET /grants/{grant_id}", "grants", &grantquery.Endpoint{Guard: p.guard, Grants: p.stores.db, Log: p.log}},
	}
	return o, nil
}

func (p *provider) token() *token.Endpoint {
	return &token.Endpoint{
		Auth: p.auth, Proofs: p.proofs, Logins: p.logins, Log: p.log,
		Grants: map[string]token.Grant{
			token.AuthorizationCodeType: &token.AuthorizationCode{
				Codes: p.codes, Ledger: p.ledger, Revocations: p.stores.revocations, Issuer: p.tokens, Claims: p.people,
				Refresh: p.refresh, RefreshLife: p.config.Lifetimes.RefreshToken.Std(),
				Identifiers: p.credentials.Set.Identifiers, Log: p.log,
			},
			token.RefreshTokenType: &token.RefreshToken{
				Refresh: p.refresh, Families: p.stores.spent, Ledger: p.ledger, Revocations: p.stores.revocations,
				Issuer: p.tokens, Identifiers: p.credentials.Set.Identifiers, Log: p.log,
			},
			token.ClientCredentialsType: &token.ClientCredentials{Ledger: p.ledger, Issuer: p.tokens},
			offer.PreAuthorizedCode:     p.credentials.Grant(p.tokens, p.ledger, p.stores.revocations, p.config.Lifetimes.AccessToken.Std()),
		},
	}
}

func (p *provider) notFound(w http.ResponseWriter, r *http.Request) {
	oautherr.WriteJSON(w, r, p.log, oautherr.New(oautherr.NotFound, "there is no such endpoint"))
}
