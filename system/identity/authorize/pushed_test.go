package authorize_test

import (
	"net/url"
	"testing"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/transaction"
)

func TestPushedRequest(t *testing.T) {
	push := func(t *testing.T, s *site, clientID string, values url.Values) string {
		t.Helper()
		uri, err := s.requests.Seal(clientID, values)
		if err != nil {
			t.Fatal(err)
		}
		return uri
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T, *site) url.Values
		want string
	}{
		{"fapi2-security-profile-final-par-without-duplicate-parameters", func(t *testing.T, s *site) url.Values {
			return url.Values{"client_id": {logintest.ClientID}, "request_uri": {push(t, s, logintest.ClientID, request())}}
		}, "login"},
		{"what is beside it is ignored", func(t *testing.T, s *site) url.Values {
			return request("request_uri", push(t, s, logintest.ClientID, request()), "redirect_uri", "https://evil.example", "response_type", "token")
		}, "login"},
		{"fapi2-security-profile-final-par-attempt-to-use-request_uri-for-different-client", func(t *testing.T, s *site) url.Values {
			s.Clients["other"] = &clients.Client{ID: "other", RedirectURIs: []string{logintest.RedirectURI}}
			return url.Values{"client_id": {"other"}, "request_uri": {push(t, s, logintest.ClientID, request())}}
		}, "page: invalid_request_uri"},
		{"fapi2-security-profile-final-par-attempt-to-use-expired-request_uri", func(t *testing.T, s *site) url.Values {
			uri := push(t, s, logintest.ClientID, request())
			s.Pass(transaction.PushedLife)
			return url.Values{"client_id": {logintest.ClientID}, "request_uri": {uri}}
		}, "invalid_request_uri"},
		{"fapi2-security-profile-final-ensure-unsigned-authorization-request-without-using-par-fails", func(_ *testing.T, s *site) url.Values {
			s.Clients[logintest.ClientID].RequirePAR = true
			return request()
		}, "invalid_request"},
		{"a client that has to push, and does", func(t *testing.T, s *site) url.Values {
			s.Clients[logintest.ClientID].RequirePAR = true
			return url.Values{"client_id": {logintest.ClientID}, "request_uri": {push(t, s, logintest.ClientID, request())}}
		}, "login"},
		{"a redirect URI that was taken from the client since", func(t *testing.T, s *site) url.Values {
			uri := push(t, s, logintest.ClientID, request())
			s.Clients[logintest.ClientID].RedirectURIs = nil
			return url.Values{"client_id": {logintest.ClientID}, "request_uri": {uri}}
		}, "page: invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			if got := s.outcome(t, s.get(t, test.run(t, s), nil)); got != test.want {
				t.Errorf("%s, want %s (%+v)", got, test.want, s.pages.failure)
			}
		})
	}
	t.Run("fapi2-security-profile-final-state-only-outside-request-object-not-used", func(t *testing.T) {
		s := newSite(t)
		values := request("request_uri", push(t, s, logintest.ClientID, request("state", "-")), "state", "outside")
		if got := s.begun(t, s.get(t, values, nil)); got.State != "" || got.Pushed == "" {
			t.Errorf("transaction %+v", got)
		}
	})
}

func TestPushedRequestFromASessionIsCompletedOnce(t *testing.T) {
	s := newSite(t)
	s.Consent(t, "openid", "profile", "email")
	uri, err := s.requests.Seal(logintest.ClientID, request())
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{"client_id": {logintest.ClientID}, "request_uri": {uri}}
	for i, want := range []string{"code", "invalid_request_uri", "invalid_request_uri"} {
		if got := s.outcome(t, s.get(t, values, s.Session())); got != want {
			t.Errorf("visit %d: %s, want %s", i+1, got, want)
		}
	}
	s.Marks.SetAway(true)
	if got := s.outcome(t, s.get(t, values, s.Session())); got != "page: unavailable" {
		t.Errorf("when nobody can tell: %s", got)
	}
}
