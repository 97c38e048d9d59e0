package authorize_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"tocsin/system/identity/authorize"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/par"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/session"
	"tocsin/system/identity/transaction"
	"tocsin/system/page"
)

// site is the authorization endpoint of a provider in memory.
type site struct {
	*logintest.Site
	endpoint *authorize.Endpoint
	requests *par.Requests
	hints    hints
	revoked  map[string]bool
	pages    *pages
}

// hints maps ID tokens to their claims.
type hints map[string]func(claims any) error

// Verify implements hint.Verifier.
func (h hints) Verify(token, typ string, claims any) error {
	decode, known := h[token]
	if !known || typ != "JWT" {
		return jws.ErrInvalid
	}
	return decode(claims)
}

type revocations map[string]bool

// Revoked implements authorize.Revocations.
func (r revocations) Revoked(ids ...string) bool {
	for _, id := range ids {
		if r[id] {
			return true
		}
	}
	return false
}

// pages remembers the last error shown.
type pages struct{ failure page.Failure }

// Error implements authorize.Pages.
func (p *pages) Error(w http.ResponseWriter, status int, _ string, failure page.Failure) {
	p.failure = failure
	w.WriteHeader(status)
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{Site: logintest.New(t), hints: hints{}, revoked: map[string]bool{}, pages: &pages{}}
	requests, err := par.NewRequests(s.Keys, s.Now)
	if err != nil {
		t.Fatal(err)
	}
	s.requests = requests
	s.endpoint = &authorize.Endpoint{
		Service: &authorize.Service{
			Clients: s.Clients, Pushed: requests, Login: s.Service, Hints: s.hints, Revocations: revocations(s.revoked),
			Transactions: s.Transactions, Keys: s.Keys,
			Rules: authorize.Rules{Issuer: logintest.Issuer, Credentials: s.Credentials},
			Judge: policy.Judge{}, Life: s.Service.Life, Now: s.Now,
		},
		Sessions: s.Sessions, Pages: s.pages, UIPath: "/ui", Log: slog.New(slog.DiscardHandler),
	}
	return s
}

// request returns a good authorization request with changes: name and value in
// turn. The value "-" takes a parameter away.
func request(changes ...string) url.Values {
	values := url.Values{
		"client_id": {logintest.ClientID}, "redirect_uri": {logintest.RedirectURI}, "response_type": {"code"},
		"scope": {"openid profile email"}, "state": {"st"}, "nonce": {"no"},
		"code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("A", 43)},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "-" {
			values.Del(changes[i])
			continue
		}
		values[changes[i]] = []string{changes[i+1]}
	}
	return values
}

// get sends the request from a browser with a session, or with none.
func (s *site) get(t testing.TB, values url.Values, current *session.Session, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	t.Helper()
	return s.do(t, httptest.NewRequest(http.MethodGet, "/authorize?"+values.Encode(), nil), current, cookies...)
}

func (s *site) do(t testing.TB, r *http.Request, current *session.Session, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	t.Helper()
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	if current != nil {
		sealed, err := s.Sessions.Seal(current)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: session.Cookie, Value: sealed})
	}
	s.pages.failure = page.Failure{}
	w := httptest.NewRecorder()
	s.endpoint.ServeHTTP(w, r)
	return w
}

// outcome tells in a word where an answer led: "login", "consent", "code", the
// error that the client is told, or "page: " and the error that the person is
// shown.
func (s *site) outcome(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code != http.StatusSeeOther {
		if w.Header().Get("Location") != "" {
			t.Errorf("%d with a Location", w.Code)
		}
		kind, _, _ := strings.Cut(s.pages.failure.Detail, ":")
		if s.pages.failure.Kind == page.Unavailable {
			kind = "unavailable"
		}
		return "page: " + kind
	}
	location := w.Header().Get("Location")
	if path, query, ours := strings.Cut(location, "?tx="); ours && strings.HasPrefix(path, "/ui/") {
		if s.begun(t, w).ID != query {
			t.Errorf("the page is about %s, the cookie about %s", query, s.begun(t, w).ID)
		}
		return strings.TrimPrefix(path, "/ui/")
	}
	answer := logintest.Answer(t, location)
	if answer.Has("code") {
		return "code"
	}
	return answer.Get("error")
}

// begun returns the transaction in the cookie of an answer.
func (s *site) begun(t testing.TB, w *httptest.ResponseRecorder) *transaction.Transaction {
	t.Helper()
	for _, cookie := range w.Result().Cookies() {
		if strings.HasPrefix(cookie.Name, transaction.CookiePrefix) && cookie.MaxAge > 0 {
			opened, err := s.Transactions.Open(cookie.Value)
			if err != nil {
				t.Fatal(err)
			}
			return opened
		}
	}
	t.Fatal("no transaction cookie")
	return nil
}
