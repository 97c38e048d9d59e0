package esignet

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/token"
)

func manager(scope string) *token.AccessClaims {
	return &token.AccessClaims{ClientID: "admin", Scope: scope}
}

func newClient(t testing.TB, pairs ...any) map[string]any {
	t.Helper()
	client := map[string]any{
		"clientId": "rp2", "clientName": "Second Party", "clientNameLangMap": map[string]string{"nob": "Kunde to"},
		"publicKey": publicKey(t), "relyingPartyId": "org", "userClaims": []string{"name", "email"},
		"authContextRefs": []string{"mosip:idp:acr:static-code"}, "logoUri": "https://rp.example/logo.png",
		"redirectUris": []string{redirect}, "grantTypes": []string{"authorization_code"}, "clientAuthMethods": []string{"private_key_jwt"},
		"status": "ACTIVE", "additionalConfig": map[string]any{"consent_expire_in_mins": 10, "dpop_bound_access_tokens": true, "require_pkce": true},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		client[pairs[i].(string)] = pairs[i+1]
	}
	return client
}

func TestClientIsRegisteredAndChanged(t *testing.T) {
	g := newRig(t)
	p := visit(t, g)
	g.access = manager(AddClientScope)
	for range 2 { // the second time because the first answer may be lost
		got := p.post("/client-mgmt/oidc-client", newClient(t))
		if got.status != 200 || string(got.response) != `{"clientId":"rp2","status":"ACTIVE"}` {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	made := g.clients["rp2"]
	if made.NameByLanguage["nb"] != "Kunde to" || !slices.Equal(made.Scopes, []string{"openid", "profile", "email"}) || made.ConsentLife != 10 ||
		!made.RequireDPoP || made.SectorOf() != "org" || made.UserinfoAlg != "ES256" || made.Keys.Keys[0].KeyID == "" {
		t.Errorf("registered %+v", made)
	}
	g.access = manager(UpdateClientScope)
	put := func(id string, client map[string]any) *reply {
		return p.send(p.request("PUT", "/client-mgmt/oidc-client/"+id, g.envelope(t, client)))
	}
	if got := put("rp2", newClient(t, "status", "INACTIVE", "clientName", "Changed", "clientId", "other")); got.status != 200 || !strings.Contains(got.body, `"status":"INACTIVE"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	changed := g.clients["rp2"]
	if changed.ID != "rp2" || !changed.Inactive || changed.Name != "Changed" || len(changed.Keys.Keys) != 1 {
		t.Errorf("changed to %+v", changed)
	}
	if got := p.post("/authorization/oauth-details", asking("clientId", "rp2")); got.code != "invalid_client_id" {
		t.Errorf("an inactive client: %d %s", got.status, got.code)
	}
	if got := put("nobody", newClient(t)); got.status != 400 || got.code != "invalid_client_id" {
		t.Errorf("an unknown client: %d %s", got.status, got.code)
	}
	if got := put("rp2", newClient(t, "status", "GONE")); got.status != 400 || got.code != "invalid_status" {
		t.Errorf("an unknown status: %d %s", got.status, got.code)
	}
}

func TestClientManagementNeedsItsToken(t *testing.T) {
	for _, test := range []struct {
		name   string
		access *token.AccessClaims
		status int
	}{
		{"no token", nil, 401},
		{"a token for something else", manager("profile"), 403},
		{"a token for updates only", manager(UpdateClientScope), 403},
		{"a token that a person lent", &token.AccessClaims{Scope: AddClientScope, Person: "sealed"}, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, func(c *Config) { c.Legacy200 = true })
			g.access = test.access
			recorder := httptest.NewRecorder()
			g.ServeHTTP(recorder, visit(t, g).request("POST", "/client-mgmt/client", g.envelope(t, newClient(t))))
			if recorder.Code != test.status || recorder.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%d %s", recorder.Code, recorder.Body)
			}
			if _, made := g.clients["rp2"]; made {
				t.Error("the client was registered")
			}
		})
	}
}

func TestRegistrationsAreRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		client map[string]any
		code   string
	}{
		{"an id that is taken", newClient(t, "clientId", "rp"), "duplicate_client_id"},
		{"an id with a slash", newClient(t, "clientId", "a/b"), "invalid_client_id"},
		{"no name", newClient(t, "clientName", " "), "invalid_client_name"},
		{"a name that turns the text around", newClient(t, "clientName", "a\u202eb"), "invalid_client_name"},
		{"a language that is none", newClient(t, "clientNameLangMap", map[string]string{"klingon": "x"}), "invalid_language_code"},
		{"no key", newClient(t, "publicKey", nil), "invalid_public_key"},
		{"a private key", newClient(t, "publicKey", json.RawMessage(`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`)), "invalid_public_key"},
		{"a secret as key", newClient(t, "publicKey", json.RawMessage(`{"kty":"oct","k":"AAAA"}`)), "invalid_public_key"},
		{"no relying party", newClient(t, "relyingPartyId", ""), "invalid_rp_id"},
		{"an unknown claim", newClient(t, "userClaims", []string{"shoe_size"}), "invalid_claim"},
		{"an unknown acr", newClient(t, "authContextRefs", []string{"mosip:idp:acr:biometrics"}), "invalid_acr"},
		{"no acr", newClient(t, "authContextRefs", []string{}), "invalid_acr"},
		{"a logo without https", newClient(t, "logoUri", "http://rp.example/l.png"), "invalid_uri"},
		{"no redirect URI", newClient(t, "redirectUris", []string{}), "invalid_redirect_uri"},
		{"a redirect URI with a fragment", newClient(t, "redirectUris", []string{redirect + "#x"}), "invalid_redirect_uri"},
		{"a redirect URI in clear", newClient(t, "redirectUris", []string{"http://rp.example/cb"}), "invalid_redirect_uri"},
		{"a redirect URI that is a script", newClient(t, "redirectUris", []string{"javascript:alert(1)"}), "invalid_redirect_uri"},
		{"the implicit grant", newClient(t, "grantTypes", []string{"implicit"}), "unsupported_grant_type"},
		{"a secret of its own", newClient(t, "clientAuthMethods", []string{"client_secret_basic"}), "invalid_client_auth"},
		{"encrypted userinfo", newClient(t, "additionalConfig", map[string]any{"userinfo_response_type": "JWE"}), "invalid_additional_config"},
		{"an unknown option", newClient(t, "additionalConfig", map[string]any{"fast": true}), "invalid_additional_config"},
		{"a consent for longer than a life", newClient(t, "additionalConfig", map[string]any{"consent_expire_in_mins": 1 << 40}), "invalid_additional_config"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t)
			g.access = manager(AddClientScope)
			before := len(g.clients)
			got := visit(t, g).post("/client-mgmt/client", test.client)
			if got.status != 400 || got.code != test.code || len(g.clients) != before {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

func TestUpdateKeepsOtherRights(t *testing.T) {
	g := newRig(t)
	g.access = manager(AddClientScope)
	p := visit(t, g)
	p.post("/client-mgmt/client", newClient(t))
	g.clients["rp2"].Scopes = append(g.clients["rp2"].Scopes, "records")
	g.access = manager(UpdateClientScope)
	p.send(p.request("PUT", "/client-mgmt/client/rp2", g.envelope(t, newClient(t, "userClaims", []string{"email"}))))
	if got := g.clients["rp2"].Scopes; !slices.Equal(got, []string{"openid", "email", "records"}) {
		t.Errorf("scopes %v", got)
	}
	if g.clients["rp2"].AuthMethod != clients.PrivateKeyJWT {
		t.Errorf("method %q", g.clients["rp2"].AuthMethod)
	}
}
