package authorize_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"tocsin/system/authenticator"
	"tocsin/system/identity/authorize"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/login/logintest"
)

func TestClientsThatAreRefused(t *testing.T) {
	for name, set := range map[string]func(*clients.Client){
		"an inactive client":                       func(c *clients.Client) { c.Inactive = true },
		"a client without the authorization grant": func(c *clients.Client) { c.GrantTypes = []string{"client_credentials"} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			set(s.Clients[logintest.ClientID])
			if got := s.outcome(t, s.get(t, request(), s.Session())); got != "unauthorized_client" {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestRegisteredRedirectURI(t *testing.T) {
	app := &clients.Client{AuthMethod: clients.Public, RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]:1/cb?a=b", "app.example:/cb"}}
	web := &clients.Client{RedirectURIs: []string{"http://127.0.0.1/cb", "https://c.example/cb"}}
	for _, test := range []struct {
		client *clients.Client
		uri    string
		want   bool
	}{
		{app, "http://127.0.0.1/cb", true},
		{app, "http://127.0.0.1:50123/cb", true}, // RFC 8252, 7.3
		{app, "http://[::1]:50123/cb?a=b", true},
		{app, "app.example:/cb", true},
		{app, "http://127.0.0.1:50123/other", false},
		{app, "http://127.0.0.1:50123/cb?a=b", false},
		{app, "http://127.0.0.1:50123/cb#f", false},
		{app, "https://127.0.0.1:50123/cb", false},
		{app, "http://user@127.0.0.1:50123/cb", false},
		{app, "http://127.0.0.2:50123/cb", false},
		{app, "http://localhost:50123/cb", false}, // RFC 8252, 8.3
		{app, "http://127.0.0.1.evil.example:50123/cb", false},
		{app, "", false},
		{web, "http://127.0.0.1:50123/cb", false}, // only apps listen on any port
		{web, "https://c.example:443/cb", false},
		{web, "https://c.example/cb", true},
		{web, "https://c.example/cb/", false},
		{web, "https://c.example/%63b", false},
	} {
		if got := authorize.Registered(test.client, test.uri); got != test.want {
			t.Errorf("%s: %v", test.uri, got)
		}
	}
}

func TestBeginWithoutABrowser(t *testing.T) {
	s := newSite(t)
	begun, err := s.endpoint.Service.Begin(t.Context(), request(), nil)
	if err != nil || begun.Transaction == nil || begun.State == "" || begun.Location != "" {
		t.Errorf("begun %+v, %v", begun, err)
	}
	_, err = s.endpoint.Service.Begin(t.Context(), request("prompt", "none"), nil)
	var refusal *authorize.Refusal
	if !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Location, logintest.RedirectURI) {
		t.Errorf("refused with %v", err)
	}
}

func BenchmarkBegin(b *testing.B) {
	s := newSite(b)
	values := request("claims", `{"userinfo":{"name":{"essential":true}}}`, "acr_values", authenticator.PIN.ACR())
	b.ReportAllocs()
	for b.Loop() {
		if w := s.get(b, values, nil); w.Code != http.StatusSeeOther {
			b.Fatal(w.Code)
		}
	}
}
