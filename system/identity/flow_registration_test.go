package identity_test

import (
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// registration describes a client as eSignet's partner management does.
func registration(id string) map[string]any {
	return map[string]any{
		"clientId": id, "clientName": "Land Registry", "clientNameLangMap": map[string]string{"eng": "Land Registry", "nob": "Kartverket"},
		"publicKey": jose.JSONWebKey{Key: shared.clientKey.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}, "relyingPartyId": "land-registry",
		"userClaims": []string{"name", "birthdate", "email"}, "authContextRefs": []string{acrPIN}, "logoUri": "https://registry.example/logo.png",
		"redirectUris": []string{shared.callback}, "grantTypes": []string{"authorization_code"}, "clientAuthMethods": []string{"private_key_jwt"},
	}
}

func (p *party) register(method, gateway, path, access string, request any) *reply {
	p.t.Helper()
	answer := p.authorized(method, gateway+"/v1/esignet/client-mgmt/"+path, access, string(envelope(p.t, request)))
	got := &reply{status: answer.status}
	decode(p.t, answer, got)
	return got
}

func TestAClientRegisteredThroughESignetsInterfaceLogsSomebodyIn(t *testing.T) {
	t.Parallel()
	registrar := newParty(t, "registrar")
	add, change := registrar.own("add_oidc_client"), registrar.own("update_oidc_client")
	wanted := registration("land-registry-portal")
	for name, access := range map[string]string{
		"a token of another scope": change, "a client without that right": newParty(t, clientID).own("credential_offer"), "no token": "x",
	} {
		got := registrar.authorized(http.MethodPost, here()+"/v1/esignet/client-mgmt/oidc-client", access, string(envelope(t, wanted)))
		if got.status != http.StatusForbidden && got.status != http.StatusUnauthorized {
			t.Errorf("registered with %s: %d %s", name, got.status, got.body)
		}
	}
	for _, gateway := range gateways() { // the second time as after a lost answer
		if got := registrar.register(http.MethodPost, gateway, "oidc-client", add, wanted); got.status != http.StatusOK {
			t.Fatalf("register at %s: %d %s", gateway, got.status, got.code())
		}
	}
	other := registration("land-registry-portal")
	other["clientName"] = "Somebody else"
	if got := registrar.register(http.MethodPost, there(), "oidc-client", add, other); got.code() != "duplicate_client_id" {
		t.Errorf("another client with the id: %d %s", got.status, got.code())
	}
	bad := registration("evil")
	bad["redirectUris"] = []string{"http://evil.example/cb"}
	if got := registrar.register(http.MethodPost, there(), "oidc-client", add, bad); got.code() != "invalid_redirect_uri" {
		t.Errorf("a redirect URI that is not https: %d %s", got.status, got.code())
	}

	a := newParty(t, "land-registry-portal").ask("openid profile email")
	page := newESignetPage(t, there())
	page.begin(a, acrPIN)
	page.authenticate("PIN", "2000000173", pin)
	made, _ := page.authCode("name")
	_, info := a.esignetTokens(here(), made)
	if info.header.Get("Content-Type") != "application/jwt" {
		t.Fatalf("userinfo: %d %s %s", info.status, info.header.Get("Content-Type"), info.body)
	}
	if told := claims(t, info.body); told["name"] == nil || told["birthdate"] != nil || told["gender"] != nil {
		t.Errorf("userinfo: %v", told)
	}

}

func TestAClientThatWasSwitchedOffLogsNobodyIn(t *testing.T) {
	t.Parallel()
	registrar := newParty(t, "registrar")
	add, change := registrar.own("add_oidc_client"), registrar.own("update_oidc_client")
	wanted := registration("land-registry-kiosk")
	if got := registrar.register(http.MethodPost, here(), "oidc-client", add, wanted); got.status != http.StatusOK {
		t.Fatalf("register: %d %s", got.status, got.code())
	}
	wanted["status"] = "INACTIVE"
	if got := registrar.register(http.MethodPut, there(), "oidc-client/unknown", change, wanted); got.code() != "invalid_client_id" {
		t.Errorf("update of an unknown client: %d %s", got.status, got.code())
	}
	if got := registrar.register(http.MethodPut, there(), "oidc-client/land-registry-kiosk", change, wanted); got.status != http.StatusOK {
		t.Fatalf("update: %d %s", got.status, got.code())
	}
	kiosk := newParty(t, "land-registry-kiosk")
	a := kiosk.ask("openid")
	for _, gateway := range gateways() {
		page := newESignetPage(t, gateway)
		if got := page.send(http.MethodPost, "v3/oauth-details", esignetRequest(a, acrPIN)); got.code() != "invalid_client_id" {
			t.Errorf("eSignet's interface at %s: %d %s", gateway, got.status, got.code())
		}
		if told := a.callback(page.get(a.at(gateway))); told.Get("error") != "unauthorized_client" {
			t.Errorf("the authorization endpoint at %s: %v", gateway, told)
		}
		if got := kiosk.token(gateway, a.grant("x")...); got.Error != "invalid_client" {
			t.Errorf("the token endpoint at %s: %d %s", gateway, got.answer.status, got.answer.body)
		}
	}
}
