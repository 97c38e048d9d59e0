package authorize_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/login/logintest"
)

// Requests of a browser whose user has logged in, and has consented to profile
// and email.
func TestSession(t *testing.T) {
	for _, test := range []struct {
		name   string
		values url.Values
		set    func(*site)
		want   string
	}{
		{"a known consent needs no page", request(), nil, "code"},
		{"oidcc-prompt-none-logged-in", request("prompt", "none"), nil, "code"},
		{"oidcc-prompt-login", request("prompt", "login"), nil, "login"},
		{"prompt=select_account", request("prompt", "select_account"), nil, "login"},
		{"prompt=consent", request("prompt", "consent"), nil, "consent"},
		{"oidcc-max-age-1", request("max_age", "1"), nil, "login"},
		{"oidcc-max-age-10000", request("max_age", "10000"), nil, "code"},
		{"max_age=0 is prompt=login", request("max_age", "0"), nil, "login"},
		{"max_age and prompt=none", request("max_age", "1", "prompt", "none"), nil, "login_required"},
		{"default_max_age of the client", request(), func(s *site) { s.Clients[logintest.ClientID].DefaultMaxAge = new(int) }, "login"},
		{"max_age goes before default_max_age", request("max_age", "100"), func(s *site) { s.Clients[logintest.ClientID].DefaultMaxAge = new(int) }, "code"},
		{"another acr", request("acr_values", authenticator.OTP.ACR()), nil, "login"},
		{"another acr without a page", request("acr_values", authenticator.OTP.ACR(), "prompt", "none"), nil, "login_required"},
		{"the same acr", request("acr_values", authenticator.OTP.ACR()+" "+authenticator.PIN.ACR()), nil, "code"},
		{"an acr that the client may not use", request(), func(s *site) { s.Clients[logintest.ClientID].ACRs = []string{authenticator.OTP.ACR()} }, "login"},
		{"more than was allowed", request("claims", `{"userinfo":{"address":null}}`), nil, "consent"},
		{"more than was allowed, without a page", request("claims", `{"userinfo":{"address":null}}`, "prompt", "none"), nil, "consent_required"},
		{"a client that may not ask for more is not asked about it", request("claims", `{"userinfo":{"address":null}}`), func(s *site) {
			s.Clients[logintest.ClientID].Claims = []string{"name", "email"}
		}, "code"},
		{"a session that was ended", request(), func(s *site) { s.revoked["session"] = true }, "login"},
		{"a session that has expired", request(), func(s *site) { s.Pass(9 * time.Hour) }, "login"},
		{"consent that cannot be told is no verdict", request(), func(s *site) { s.Grants.Replica.SetAway(true) }, "page: unavailable"},
		{"nor without a page", request("prompt", "none"), func(s *site) { s.Grants.Replica.SetAway(true) }, "temporarily_unavailable"},
		{"the primary is not needed", request("prompt", "none"), func(s *site) { s.Grants.Primary.SetAway(true) }, "code"},
		{"oidcc-id-token-hint", request("prompt", "none", "id_token_hint", "person-1"), nil, "code"},
		{"an ID token of another person", request("prompt", "none", "id_token_hint", "person-2"), nil, "login_required"},
		{"an ID token of another person, with a page", request("id_token_hint", "person-2"), nil, "login"},
		{"an ID token of another client", request("prompt", "none", "id_token_hint", "other-client"), nil, "login_required"},
		{"an ID token of another issuer", request("prompt", "none", "id_token_hint", "other-issuer"), nil, "login_required"},
		{"no ID token", request("prompt", "none", "id_token_hint", "eyJhbGciOiJub25lIn0.e30."), nil, "login_required"},
		{"no ID token, with a page, is no hint", request("id_token_hint", "x"), nil, "code"},
		{"a hint that cannot be told is no verdict", request("id_token_hint", "away"), nil, "page: unavailable"},
		{"nor is it without a page", request("prompt", "none", "id_token_hint", "away"), nil, "temporarily_unavailable"},
		{"a value for sub", request("prompt", "none", "claims", `{"id_token":{"sub":{"value":"nobody"}}}`), nil, "login_required"},
		{"a hint and a value for sub that differ", request("id_token_hint", "person-1", "claims", `{"id_token":{"sub":{"value":"nobody"}}}`), nil, "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			s.Consent(t, "openid", "profile", "email")
			s.hint("person-1", logintest.Issuer, logintest.ClientID, logintest.Person)
			s.hint("person-2", logintest.Issuer, logintest.ClientID, logintest.OtherPerson)
			s.hint("other-client", logintest.Issuer, "other", logintest.Person)
			s.hint("other-issuer", "https://evil.example", logintest.ClientID, logintest.Person)
			s.hints["away"] = func(any) error { return logintest.ErrAway }
			current := s.Session()
			current.ID = "session"
			s.Pass(2 * time.Second)
			if test.set != nil {
				test.set(s)
			}
			w := s.get(t, test.values, current)
			if got := s.outcome(t, w); got != test.want {
				t.Errorf("%s, want %s (%+v)", got, test.want, s.pages.failure)
			}
			if test.want == "page: unavailable" && (w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "") {
				t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
			}
		})
	}
}

// hint makes token the ID token of a person.
func (s *site) hint(token, issuer, clientID, person string) {
	subject := s.Keys.Subject("", person)
	s.hints[token] = func(claims any) error {
		return json.Unmarshal(fmt.Appendf(nil, `{"iss":%q,"aud":[%q],"sub":%q,"exp":1}`, issuer, clientID, subject), claims)
	}
}

func TestCodeFromASessionKeepsItsAuthTime(t *testing.T) {
	s := newSite(t)
	s.Consent(t, "openid", "profile", "email")
	current := s.Session()
	s.Pass(time.Hour)
	answer := logintest.Answer(t, s.get(t, request("prompt", "none"), current).Header().Get("Location"))
	got, err := s.Codes.Open(answer.Get("code"))
	if err != nil || !got.AuthTime.Equal(current.AuthTime) || got.SessionID != current.ID || got.Person != logintest.Person {
		t.Errorf("code %+v, %v", got, err)
	}
}

func TestLoginAfterMaxAgeHasANewAuthTime(t *testing.T) {
	s := newSite(t)
	s.Consent(t, "openid", "profile", "email")
	current := s.Session()
	s.Pass(2 * time.Second)
	begun := s.begun(t, s.get(t, request("max_age", "1"), current))
	outcome, err := s.Service.Authenticate(t.Context(), begun, authenticator.PIN, logintest.IndividualID, logintest.PIN)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Codes.Open(outcome.Code)
	if err != nil || !got.AuthTime.After(current.AuthTime) || !got.ShowAuthTime {
		t.Errorf("code %+v, %v", got, err)
	}
}
