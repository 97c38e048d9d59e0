package token_test

import (
	"context"
	"net/http"
	"testing"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
)

func TestClientCredentials(t *testing.T) {
	for _, test := range []struct {
		name, scope string
		party       func(*tokentest.Provider) *tokentest.Party
		key         bool
		kind        oautherr.Kind
	}{
		{"a scope of its own", "tax:read", plain, false, ""},
		{"a scope of its own, twice", "tax:read tax:read", plain, false, ""},
		{"bound to a key", "tax:read", fapi, true, ""},
		{"without the proof that it needs", "tax:read", fapi, false, oautherr.InvalidDPoPProof},
		{"no scope", "", plain, false, oautherr.InvalidScope},
		{"a scope it is not registered for", "tax:write", plain, false, oautherr.InvalidScope},
		{"openid", "openid", plain, false, oautherr.InvalidScope},
		{"claims of a person", "tax:read profile", plain, false, oautherr.InvalidScope},
		{"a public client", "tax:read", wallet, true, oautherr.UnauthorizedClient},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := tokentest.NewProvider(t, errInvalid)
			party := test.party(p)
			var key *tokentest.Key
			if test.key {
				key = party.Key
			}
			w := p.Token(t, party.Form(t, p.Clock, "grant_type", "client_credentials", "scope", test.scope), key)
			if test.kind != "" {
				wantRefusal(t, w, 400, test.kind)
				return
			}
			response := tokentest.Decode[token.Response](t, w, http.StatusOK)
			access := opened[token.AccessClaims](t, p, response.AccessToken, token.AccessType)
			if access.Subject != party.ID || access.Scope != "tax:read" || access.Person != "" || response.IDToken != "" || response.RefreshToken != "" {
				t.Errorf("got %+v, %+v", response, access)
			}
			if (access.Thumbprint() != "") != test.key {
				t.Errorf("bound to %q", access.Thumbprint())
			}
		})
	}
}

// giftGrant takes requests of nobody in particular.
type giftGrant struct{ anonymous bool }

func (g giftGrant) TakesAnonymous() bool { return g.anonymous }

func (g giftGrant) Answer(_ context.Context, r *token.Request) (*token.Response, error) {
	return &token.Response{AccessToken: "for " + r.Client.ID, TokenType: "Bearer"}, nil
}

func TestAnonymousRequests(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	p.Plain.GrantTypes = append(p.Plain.GrantTypes, "gift")
	for _, test := range []struct {
		name      string
		anonymous bool
		named     bool
		status    int
	}{
		{"of nobody, where that is allowed", true, false, 200},
		{"of nobody, where it is not", false, false, 401},
		{"of a client that names itself", true, true, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			p.Endpoint.Grants["gift"] = giftGrant{test.anonymous}
			form := map[string][]string{"grant_type": {"gift"}}
			if test.named {
				form = p.Plain.Form(t, p.Clock, "grant_type", "gift")
			}
			w := p.Token(t, form, nil)
			if w.Code != test.status {
				t.Fatalf("got %d: %s", w.Code, w.Body)
			}
			if want := map[bool]string{true: "for plain", false: "for "}[test.named]; w.Code == 200 &&
				tokentest.Decode[token.Response](t, w, 200).AccessToken != want {
				t.Errorf("got %s", w.Body)
			}
		})
	}
	// Naming a client that is not registered for the grant helps nobody.
	p.Endpoint.Grants["gift"] = giftGrant{true}
	wantRefusal(t, p.Token(t, p.Other.Form(t, p.Clock, "grant_type", "gift"), nil), 400, oautherr.UnauthorizedClient)
}
