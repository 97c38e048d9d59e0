package authorize_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/authorize"
	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/transaction"
	"tocsin/system/internal/trace"
)

// Requests of a browser where nobody has logged in. Names of the OpenID
// conformance suite are those of its modules.
func TestRequest(t *testing.T) {
	const essentialACR = `{"id_token":{"acr":{"essential":true,"values":["%s"]}}}`
	for _, test := range []struct {
		name   string
		values url.Values
		want   string
	}{
		{"oidcc-server", request(), "login"},
		{"oidcc-response-type-missing", request("response_type", "-"), "invalid_request"},
		{"fapi2-security-profile-final-ensure-response-type-code-idtoken-fails", request("response_type", "code id_token"), "unsupported_response_type"},
		{"fapi2-security-profile-final-ensure-response-type-token-fails", request("response_type", "token"), "unsupported_response_type"},
		{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", request("nonce", "-"), "login"},
		{"fapi2-security-profile-final-ensure-authorization-request-without-state-success", request("state", "-"), "login"},
		{"fapi2-security-profile-final-ensure-authorization-request-with-64-char-nonce-success", request("nonce", strings.Repeat("n", 64)), "login"},
		{"fapi2-security-profile-final-ensure-authorization-request-with-long-nonce", request("nonce", strings.Repeat("n", 384)), "login"},
		{"fapi2-security-profile-final-ensure-authorization-request-with-long-state", request("state", strings.Repeat("s", 1000)), "login"},
		{"a state of any size is no way to fill a header", request("state", strings.Repeat("s", 3000)), "invalid_request"},
		{"oidcc-alternate-happy-flow", request("scope", "email profile openid"), "login"},
		{"oidcc-display-page", request("display", "page"), "login"},
		{"oidcc-display-popup", request("display", "popup"), "login"},
		{"a display that does not exist", request("display", "hologram"), "invalid_request"},
		{"oidcc-prompt-login", request("prompt", "login"), "login"},
		{"oidcc-prompt-none-not-logged-in", request("prompt", "none"), "login_required"},
		{"prompt none with another", request("prompt", "none login"), "invalid_request"},
		{"a prompt that does not exist", request("prompt", "create"), "invalid_request"},
		{"oidcc-ensure-request-with-unknown-parameter-succeeds", request("extra", "foobar"), "login"},
		{"oidcc-login-hint", request("login_hint", "buffy@example.org"), "login"},
		{"a login_hint too long for any id is no help, and no error", request("login_hint", strings.Repeat("x", 500)), "login"},
		{"oidcc-ui-locales", request("ui_locales", "se"), "login"},
		{"oidcc-claims-locales", request("claims_locales", "se"), "login"},
		{"oidcc-ensure-request-with-acr-values-succeeds", request("acr_values", "1 2"), "login"},
		{"oidcc-claims-essential", request("claims", `{"userinfo":{"name":{"essential":true}}}`), "login"},
		{"claims that are no JSON", request("claims", `{`), "invalid_request"},
		{"fapi2-security-profile-final-test-essential-acr-sca-claim", request("claims", fmt.Sprintf(essentialACR, "urn:openbanking:psd2:sca")), "unmet_authentication_requirements"},
		{"an essential acr that can be met", request("claims", fmt.Sprintf(essentialACR, authenticator.OTP.ACR())), "login"},
		{"oidcc-ensure-request-with-valid-pkce-succeeds", request(), "login"},
		{"fapi2-security-profile-final-par-ensure-pkce-required", request("code_challenge", "-", "code_challenge_method", "-"), "invalid_request"},
		{"fapi2-security-profile-final-par-plain-pkce-rejected", request("code_challenge_method", "plain"), "invalid_request"},
		{"a challenge that is no hash", request("code_challenge", "short"), "invalid_request"},
		{"oidcc-ensure-registered-redirect-uri", request("redirect_uri", "https://tax.example.org/cb/other"), "page: invalid_request"},
		{"fapi2-security-profile-final-ensure-redirect-uri-in-authorization-request", request("redirect_uri", "-"), "page: invalid_request"},
		{"a redirect URI that only begins like a registered one", request("redirect_uri", logintest.RedirectURI+".evil.example"), "page: invalid_request"},
		{"a redirect URI in another case", request("redirect_uri", "https://tax.example.org/CB"), "page: invalid_request"},
		{"a redirect URI with a fragment", request("redirect_uri", logintest.RedirectURI+"#x"), "page: invalid_request"},
		{"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", request("request_uri", "https://tax.example.org/request.jwt"), "request_uri_not_supported"},
		{"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", request("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"},
		{"oidcc-ensure-request-object-with-redirect-uri", request("request", "eyJhbGciOiJub25lIn0.e30.", "redirect_uri", "https://evil.example/"), "page: invalid_request"},
		{"registration", request("registration", "{}"), "registration_not_supported"},
		{"response_mode query", request("response_mode", "query"), "login"},
		{"response_mode fragment", request("response_mode", "fragment"), "invalid_request"},
		{"max_age that is no number", request("max_age", "-1"), "invalid_request"},
		{"a huge max_age", request("max_age", "9223372036854775807"), "login"},
		{"a max_age beyond all numbers", request("max_age", "99999999999999999999"), "invalid_request"},
		{"a scope that nobody knows is ignored (RFC 6749, 3.3)", request("scope", "openid nope"), "login"},
		{"a scope without openid", request("scope", "profile"), "invalid_scope"},
		{"no scope", request("scope", "-"), "invalid_scope"},
		{"a scope for credentials without openid (OpenID4VCI 1.0, 5.1.2)", request("scope", logintest.Credential), "login"},
		{"authorization_details without a scope (OpenID4VCI 1.0, 5.1.1)",
			request("scope", "-", "authorization_details", `[{"type":"openid_credential","credential_configuration_id":"national_id_sd_jwt"}]`), "login"},
		{"authorization_details of another type", request("authorization_details", `[{"type":"payment"}]`), "invalid_authorization_details"},
		{"issuer_state", request("issuer_state", "x"), "login"},
		{"the one resource there is", request("resource", logintest.Issuer), "login"},
		{"a resource that is not known", request("resource", "https://other.example"), "invalid_target"},
		{"dpop_jkt", request("dpop_jkt", strings.Repeat("A", 43)), "login"},
		{"a dpop_jkt that is no thumbprint", request("dpop_jkt", "x"), "invalid_request"},
		{"no client_id", request("client_id", "-"), "page: invalid_request"},
		{"an unknown client", request("client_id", "nobody"), "page: invalid_request"},
		{"a client_id with a NUL, which a database would call its own error", request("client_id", "tax\x00office"), "page: invalid_request"},
		{"a client_id that is no UTF-8", request("client_id", "\xff\xfe"), "page: invalid_request"},
		{"an oversized client_id", request("client_id", strings.Repeat("x", 1000)), "page: invalid_request"},
		{"a client that cannot be told", request("client_id", "away"), "page: unavailable"},
		{"a state with a line break", request("state", "a\r\nSet-Cookie: x=y"), "invalid_request"},
		{"a nonce that is no UTF-8", request("nonce", "\xff"), "invalid_request"},
		{"right-to-left marks and other scripts are text", request("state", "\u202eحالة"), "login"},
		{"too much in all", request("state", strings.Repeat("s", 2000), "nonce", strings.Repeat("n", 2000)), "invalid_request"},
		{"a request_uri that nobody gave out", request("request_uri", authorize.RequestURIPrefix+"AAAA"), "page: invalid_request_uri"},
		{"an oversized request_uri", request("request_uri", authorize.RequestURIPrefix+strings.Repeat("A", 10_000)), "page: invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			w := s.get(t, test.values, nil)
			if got := s.outcome(t, w); got != test.want {
				t.Errorf("%s, want %s (%+v, %s)", got, test.want, s.pages.failure, w.Header().Get("Location"))
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Error("the answer may be stored")
			}
		})
	}
}

// Who looks for the cause finds the request in every log by its trace.
func TestPagesNameTheTrace(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, client := range []string{"nobody", "away"} {
		s := newSite(t)
		r := httptest.NewRequest(http.MethodGet, "/authorize?"+request("client_id", client).Encode(), nil)
		s.do(t, r.WithContext(trace.With(t.Context(), trace.Mark{TraceID: id})), nil)
		if s.pages.failure.Trace != id {
			t.Errorf("client %s: got %+v", client, s.pages.failure)
		}
	}
}

func TestStateComesBackWithAnError(t *testing.T) {
	s := newSite(t)
	for state, want := range map[string]string{"st": "st", "-": "", "a b&c=d#é": "a b&c=d#é"} {
		w := s.get(t, request("state", state, "prompt", "none"), nil)
		answer := logintest.Answer(t, w.Header().Get("Location"))
		if answer.Get("state") != want || answer.Has("state") != (want != "") {
			t.Errorf("state %q came back as %q", state, answer.Get("state"))
		}
	}
}

func TestParametersGivenTwice(t *testing.T) {
	for name, want := range map[string]string{
		"client_id": "page: invalid_request", "redirect_uri": "page: invalid_request", "request_uri": "page: invalid_request",
		"state": "invalid_request", "scope": "invalid_request", "nonce": "invalid_request", "claims": "invalid_request",
		"code_challenge": "invalid_request", "prompt": "invalid_request", "response_type": "invalid_request", "extra": "invalid_request",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			values := request()
			values[name] = []string{values.Get(name), "x"}
			w := s.get(t, values, nil)
			if got := s.outcome(t, w); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if name == "state" && logintest.Answer(t, w.Header().Get("Location")).Has("state") {
				t.Error("one of two states came back")
			}
		})
	}
	s := newSite(t)
	values := request()
	values["resource"] = []string{logintest.Issuer, logintest.Issuer}
	if got := s.outcome(t, s.get(t, values, nil)); got != "login" { // RFC 8707, 2
		t.Errorf("resource twice: %s", got)
	}
}

func TestPost(t *testing.T) {
	post := func(body, kind string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/authorize?client_id=ignored", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		return r
	}
	for _, test := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{"oidcc-ensure-post-request-succeeds", post(request().Encode(), "application/x-www-form-urlencoded"), "login"},
		{"a body that is no form", post(`{"client_id":"x"}`, "application/json"), "page: invalid_request"},
		{"an oversized body", post(request().Encode()+"&x="+strings.Repeat("x", 40_000), "application/x-www-form-urlencoded"), "page: invalid_request"},
		{"a query that cannot be read", httptest.NewRequest(http.MethodGet, "/authorize?client_id=%zz", nil), "page: invalid_request"},
		{"an oversized query", httptest.NewRequest(http.MethodGet, "/authorize?"+strings.Repeat("x", 40_000), nil), "page: invalid_request"},
		{"a hundred parameters", httptest.NewRequest(http.MethodGet, "/authorize?"+request().Encode()+hundred(), nil), "page: invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			if got := s.outcome(t, s.do(t, test.r, nil)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func hundred() string {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "&p%d=x", i)
	}
	return b.String()
}

func TestTransactionCarriesTheRequest(t *testing.T) {
	s := newSite(t)
	w := s.get(t, request(
		"scope", "profile openid nope openid", "prompt", "consent login consent", "max_age", "300", "login_hint", "123",
		"ui_locales", "nb  en nb "+strings.Repeat("x", 40), "acr_values", "x "+authenticator.OTP.ACR(), "dpop_jkt", strings.Repeat("A", 43),
		"authorization_details", `[{"type":"openid_credential","credential_configuration_id":"national_id_sd_jwt"}]`, "issuer_state", "is", "resource", logintest.Issuer,
		"claims", `{"id_token":{"sub":{"value":"someone"},"email":null}}`,
	), nil)
	got := s.begun(t, w)
	if !slices.Equal(got.Scopes, []string{"openid", "profile"}) || !slices.Equal(got.Prompt, []string{"consent", "login"}) || got.MaxAge != 300 ||
		got.LoginHint != "123" || !slices.Equal(got.Locales, []string{"nb", "en"}) || !slices.Equal(got.ACRs, []string{authenticator.OTP.ACR()}) ||
		got.DPoPThumbprint == "" || !slices.Equal(got.Configurations, []string{logintest.Credential}) || got.IssuerState != "is" || got.Resource != logintest.Issuer ||
		got.Subject != "someone" || len(got.Claims.IDToken) != 1 || got.State != "st" || got.Nonce != "no" || got.Session != nil || got.Pushed != "" {
		t.Errorf("transaction %+v", got)
	}
	if !got.Started.Equal(s.Now()) || !got.Expires.Equal(s.Now().Add(10*time.Minute)) {
		t.Errorf("from %s to %s", got.Started, got.Expires)
	}
}

func TestBrowserKeepsThreeLogins(t *testing.T) {
	s := newSite(t)
	var jar []*http.Cookie
	var ids []string
	for range 5 {
		w := s.get(t, request(), nil, jar...)
		jar = after(jar, w.Result().Cookies())
		ids = append(ids, s.begun(t, w).ID)
		s.Pass(time.Second)
	}
	var names []string
	for _, cookie := range jar {
		names = append(names, cookie.Name)
		if cookie.Name == authorize.BrowserCookie && (!cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || len(cookie.Value) < 20) {
			t.Errorf("browser cookie %+v", cookie)
		}
	}
	slices.Sort(names)
	want := []string{authorize.BrowserCookie}
	for _, id := range ids[2:] {
		want = append(want, transaction.CookiePrefix+id)
	}
	if !slices.Equal(names, want) {
		t.Errorf("cookies %v, want %v", names, want)
	}
}

// after is what a browser does with new cookies.
func after(jar, fresh []*http.Cookie) []*http.Cookie {
	for _, cookie := range fresh {
		jar = slices.DeleteFunc(jar, func(known *http.Cookie) bool { return known.Name == cookie.Name })
		if cookie.MaxAge >= 0 {
			jar = append(jar, cookie)
		}
	}
	return jar
}
