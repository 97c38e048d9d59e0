package authorize

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/vci/configuration"
)

func fuzzed(t testing.TB) (*clients.Client, Rules) {
	t.Helper()
	set, err := configuration.NewSet("https://op", nil, configuration.DefaultBatch, configuration.NationalID("https://op")...)
	if err != nil {
		t.Fatal(err)
	}
	return &clients.Client{
		ID: "c", RedirectURIs: []string{"https://c/cb"}, Scopes: []string{"openid", "profile", "national_id_sd_jwt"}, GrantTypes: []string{"authorization_code"},
	}, Rules{Issuer: "https://op", Credentials: set}
}

func FuzzParse(f *testing.F) {
	good := "response_type=code&scope=openid&code_challenge_method=S256&code_challenge=" + strings.Repeat("A", 43)
	f.Add(good)
	f.Add(good + "&prompt=login+consent&max_age=0&acr_values=a+b&ui_locales=a+b&resource=x&resource=y")
	f.Add(good + "&claims=%7B%22userinfo%22%3A%7B%22name%22%3Anull%7D%7D&display=wap&dpop_jkt=x")
	f.Add("prompt=none&ui_locales=a+b&request_uri=x&state=%00")
	client, rules := fuzzed(f)
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		parsed, err := Parse(values, client, rules)
		if err != nil {
			if oautherr.Verdict(err) == nil {
				t.Errorf("bad input is no verdict: %v", err)
			}
			return
		}
		for _, scope := range parsed.Scopes {
			if !slices.Contains(client.Scopes, scope) {
				t.Errorf("scope %q got through", scope)
			}
		}
		if !isChallenge(parsed.CodeChallenge) || parsed.MaxAge < -1 || len(parsed.Locales) > maxLocales || len(parsed.LoginHint) > maxHint {
			t.Errorf("got through: %+v", parsed)
		}
	})
}

func FuzzAuthorizationDetails(f *testing.F) {
	f.Add(`[{"type":"openid_credential","credential_configuration_id":"national_id_sd_jwt","locations":["https://op"],"claims":[{"path":["a"]}]}]`)
	f.Add(`[{"type":"openid_credential"}] []`)
	f.Add(`[null]`)
	client, rules := fuzzed(f)
	f.Fuzz(func(t *testing.T, text string) {
		values := url.Values{
			"response_type": {"code"}, "code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("A", 43)}, "authorization_details": {text},
		}
		parsed, err := Parse(values, client, rules)
		if err != nil {
			if oautherr.Verdict(err) == nil {
				t.Errorf("bad input is no verdict: %v", err)
			}
			return
		}
		for _, id := range parsed.Configurations {
			if !strings.HasPrefix(id, "national_id_") {
				t.Errorf("%q asks for %q", text, id)
			}
		}
	})
}

func TestAuthorizationDetails(t *testing.T) {
	const good = `{"type":"openid_credential","credential_configuration_id":"national_id_sd_jwt"`
	client, rules := fuzzed(t)
	for name, test := range map[string]struct {
		text string
		good bool
	}{
		"one credential":                 {`[` + good + `}]`, true},
		"the same twice":                 {`[` + good + `},` + good + `}]`, true},
		"with claims and locations":      {`[` + good + `,"locations":["https://op"],"claims":[{"path":["a",null,0]}]}]`, true},
		"no array":                       {good + `}`, false},
		"an empty array":                 {`[]`, false},
		"too many":                       {`[` + strings.Repeat(good+`},`, 16) + good + `}]`, false},
		"an unknown type":                {`[{"type":"payment_initiation"}]`, false},
		"an unknown configuration":       {`[{"type":"openid_credential","credential_configuration_id":"x"}]`, false},
		"no configuration":               {`[{"type":"openid_credential"}]`, false},
		"another location":               {`[` + good + `,"locations":["https://other"]}]`, false},
		"a member of a wrong type":       {`[{"type":1}]`, false},
		"text after it":                  {`[` + good + `}] x`, false},
		"a bracket after it":             {`[` + good + `}]]`, false},
		"null":                           {`[null]`, false},
		"one good and one unknown alike": {`[` + good + `},{"type":"x"}]`, false},
	} {
		values := url.Values{
			"response_type": {"code"}, "code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("A", 43)}, "authorization_details": {test.text},
		}
		_, err := Parse(values, client, rules)
		verdict := oautherr.Verdict(err)
		if (err == nil) != test.good || err != nil && verdict.Kind != oautherr.InvalidAuthorizationDetails {
			t.Errorf("%s: %v", name, err)
		}
	}
}
