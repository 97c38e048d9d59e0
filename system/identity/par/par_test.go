package par_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"tocsin/system/identity/authorize"
	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/transaction"
)

func TestPushedRequestComesBack(t *testing.T) {
	s := newSite(t)
	got := s.push(t, s.form(), "DPoP", strings.Repeat("A", 43)+" p1")
	if got.Status != http.StatusCreated || got.ExpiresIn < 60 || got.ExpiresIn > 90 || !strings.HasPrefix(got.RequestURI, "urn:ietf:params:oauth:request_uri:") {
		t.Fatalf("answer %+v", got)
	}
	if got.header.Get("DPoP-Nonce") == "" {
		t.Error("no nonce was offered")
	}
	values, id, err := s.requests.Open(got.RequestURI, logintest.ClientID)
	if err != nil || id == "" {
		t.Fatalf("open: %v", err)
	}
	if values.Get("state") != "st" || values.Get("dpop_jkt") != strings.Repeat("A", 43) || values.Has("client_assertion") || values.Has("client_assertion_type") {
		t.Errorf("parameters %v", values)
	}
	other := s.push(t, s.form())
	if _, second, err := s.requests.Open(other.RequestURI, logintest.ClientID); err != nil || second == id {
		t.Errorf("two requests share the id %s: %v", id, err)
	}
}

func TestPushIsRefused(t *testing.T) {
	jkt := strings.Repeat("A", 43)
	for _, test := range []struct {
		name    string
		changes []string
		dpop    string
		status  int
		kind    string
	}{
		{"fapi2-security-profile-final-par-authorization-request-containing-request_uri-form-param", []string{"request_uri", "urn:x"}, "", 400, "invalid_request"},
		{"fapi2-security-profile-final-par-ensure-pkce-required", []string{"code_challenge", "-", "code_challenge_method", "-"}, "", 400, "invalid_request"},
		{"fapi2-security-profile-final-par-plain-pkce-rejected", []string{"code_challenge_method", "plain"}, "", 400, "invalid_request"},
		{"fapi2-security-profile-final-ensure-redirect-uri-in-authorization-request", []string{"redirect_uri", "-"}, "", 400, "invalid_request"},
		{"fapi2-security-profile-final-ensure-registered-redirect-uri", []string{"redirect_uri", "https://evil.example"}, "", 400, "invalid_request"},
		{"fapi2-security-profile-final-ensure-response-type-code-idtoken-fails", []string{"response_type", "code id_token"}, "", 400, "unsupported_response_type"},
		{"fapi2-security-profile-final-ensure-response-type-token-fails", []string{"response_type", "token"}, "", 400, "unsupported_response_type"},
		{"fapi2-security-profile-final-ensure-mismatched-dpop-jkt-fails", []string{"dpop_jkt", strings.Repeat("B", 42) + "A"}, jkt + " p", 400, "invalid_dpop_proof"},
		{"a proof that does not hold", nil, "x", 400, "invalid_dpop_proof"},
		{"a client that does not authenticate", []string{"client_assertion", "-"}, "", 401, "invalid_client"},
		{"a client that cannot be told", []string{"client_assertion", "away x"}, "", 503, "temporarily_unavailable"},
		{"a request object", []string{"request", "x.y.z"}, "", 400, "request_not_supported"},
		{"authorization_details of another type", []string{"authorization_details", `[{"type":"x"}]`}, "", 400, "invalid_authorization_details"},
		{"a scope for nothing", []string{"scope", "nope"}, "", 400, "invalid_scope"},
		{"more than fits into an address", []string{
			"state", strings.Repeat("s", 2000), "nonce", strings.Repeat("n", 2000), "issuer_state", strings.Repeat("i", 2000),
		}, "", 400, "invalid_request"},
		{"an oversized body", []string{"x", strings.Repeat("x", 40_000)}, "", 400, "invalid_request"},
		{"a state with a control character", []string{"state", "\x00"}, "", 400, "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			var headers []string
			if test.dpop != "" {
				headers = []string{"DPoP", test.dpop}
			}
			got := s.push(t, s.form(test.changes...), headers...)
			if got.Status != test.status || got.Error != test.kind || got.RequestURI != "" {
				t.Errorf("answer %+v, want %d %s", got, test.status, test.kind)
			}
			if len(s.Marks.Lives()) != 0 {
				t.Error("a refused request used up its assertion")
			}
		})
	}
}

func TestPushTwiceTheSameParameter(t *testing.T) {
	for _, name := range []string{"client_id", "client_assertion", "client_assertion_type", "redirect_uri", "state", "dpop_jkt"} {
		s := newSite(t)
		form := s.form()
		form[name] = []string{form.Get(name), "x"}
		if got := s.push(t, form, "DPoP", strings.Repeat("A", 43)+" p"); got.Status < 400 || got.Status >= 500 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestPushInAnotherWay(t *testing.T) {
	s := newSite(t)
	t.Run("fapi2-security-profile-final-par-attempt-invalid-http-method", func(t *testing.T) {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			got := s.do(t, httptest.NewRequest(method, "/par?"+s.form().Encode(), nil))
			if got.Status != http.StatusMethodNotAllowed || got.header.Get("Allow") != http.MethodPost {
				t.Errorf("%s: %+v", method, got)
			}
		}
	})
	for _, kind := range []string{"", "application/json", "multipart/form-data; boundary=x", "text/plain"} {
		if got := s.push(t, s.form(), "Content-Type", kind); got.Status != http.StatusBadRequest || got.Error != "invalid_request" {
			t.Errorf("content type %q: %+v", kind, got)
		}
	}
}

func TestAssertionAndProofAreUsedOnce(t *testing.T) {
	s := newSite(t)
	first := s.form()
	jkt := strings.Repeat("A", 43)
	if got := s.push(t, first, "DPoP", jkt+" p1"); got.Status != http.StatusCreated {
		t.Fatalf("answer %+v", got)
	}
	if got := s.push(t, first, "DPoP", jkt+" p2"); got.Status != http.StatusUnauthorized || got.Error != "invalid_client" {
		t.Errorf("the assertion again: %+v", got)
	}
	fresh := s.form()
	if got := s.push(t, fresh, "DPoP", jkt+" p1"); got.Error != "invalid_dpop_proof" {
		t.Errorf("the proof again: %+v", got)
	}
	if got := s.push(t, fresh, "DPoP", jkt+" p2"); got.Status != http.StatusCreated {
		t.Errorf("an assertion that came with a used proof was used up: %+v", got)
	}
	s.Marks.SetAway(true)
	if got := s.push(t, s.form()); got.Status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.RequestURI != "" {
		t.Errorf("when nobody can tell: %+v", got)
	}
}

func TestAssertionInParallelIsUsedOnce(t *testing.T) {
	s := newSite(t)
	form := s.form()
	made := make(chan string, 50)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if got := s.push(t, form); got.Status == http.StatusCreated {
				made <- got.RequestURI
			} else if got.Error != "invalid_client" {
				t.Errorf("answer %+v", got)
			}
		})
	}
	group.Wait()
	if len(made) != 1 {
		t.Errorf("%d requests with one assertion", len(made))
	}
}

func TestOpen(t *testing.T) {
	s := newSite(t)
	uri := s.push(t, s.form()).RequestURI
	sealed := strings.TrimPrefix(uri, authorize.RequestURIPrefix)
	for name, open := range map[string][2]string{
		"another client":        {uri, "other"},
		"a changed request_uri": {authorize.RequestURIPrefix + "A" + sealed[1:], logintest.ClientID},
		"none":                  {"", logintest.ClientID},
		"a web address":         {"https://tax.example.org/request", logintest.ClientID},
		"without its prefix":    {sealed, logintest.ClientID},
	} {
		values, _, err := s.requests.Open(open[0], open[1])
		if verdict := oautherr.Verdict(err); values != nil || verdict == nil || verdict.Kind != oautherr.InvalidRequestURI {
			t.Errorf("%s: %v, %v", name, values, err)
		}
	}
	s.Pass(transaction.PushedLife)
	values, id, err := s.requests.Open(uri, logintest.ClientID)
	if verdict := oautherr.Verdict(err); verdict == nil || verdict.Kind != oautherr.InvalidRequestURI || values.Get("redirect_uri") != logintest.RedirectURI || id == "" {
		t.Errorf("expired: %v, %v; the way back to the client has to be known", values, err)
	}
}

func FuzzOpen(f *testing.F) {
	s := newSite(f)
	f.Add("urn:ietf:params:oauth:request_uri:AAAA")
	f.Add("")
	f.Fuzz(func(t *testing.T, uri string) {
		if values, _, err := s.requests.Open(uri, logintest.ClientID); values != nil || oautherr.Verdict(err) == nil {
			t.Errorf("opened %q: %v, %v", uri, values, err)
		}
	})
}

func FuzzPush(f *testing.F) {
	s := newSite(f)
	f.Add(s.form().Encode())
	f.Add("client_assertion=tax-office+x&dpop_jkt=&dpop_jkt=")
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/par", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if got := s.do(t, r); got.Status >= 500 && !strings.Contains(body, "away") {
			t.Errorf("%q: %+v", body, got)
		}
	})
}

func BenchmarkPush(b *testing.B) {
	s := newSite(b)
	b.ReportAllocs()
	for b.Loop() {
		if got := s.push(b, s.form()); got.Status != http.StatusCreated {
			b.Fatal(got)
		}
	}
}
