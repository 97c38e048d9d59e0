package authorize

import (
	"net/url"
	"strings"
	"testing"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
)

func FuzzParse(f *testing.F) {
	challenge := strings.Repeat("A", 43)
	f.Add("response_type=code&scope=openid&code_challenge_method=S256&code_challenge=" + challenge)
	f.Add("response_type=code&scope=openid+openid&prompt=login+consent&code_challenge_method=S256&code_challenge=" + challenge)
	f.Add("prompt=none&ui_locales=a+b&request_uri=x&state=%00")
	client := &clients.Client{
		ID: "c", RedirectURIs: []string{"https://c/cb"}, Scopes: []string{"openid", "profile"}, GrantTypes: []string{"authorization_code"},
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil || single(values) != nil {
			return
		}
		if redirect, err := redirectURI(values, client); err == nil && redirect != "https://c/cb" {
			t.Errorf("redirects to %q", redirect)
		}
		params, err := Parse(values, client)
		if err != nil {
			if oautherr.Verdict(err) == nil {
				t.Errorf("bad input is no verdict: %v", err)
			}
			return
		}
		for _, scope := range params.Scopes {
			if scope != "openid" && scope != "profile" {
				t.Errorf("scope %q got through", scope)
			}
		}
		if !isChallenge(params.CodeChallenge) {
			t.Errorf("challenge %q got through", params.CodeChallenge)
		}
	})
}
