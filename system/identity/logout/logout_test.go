package logout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/jws"
	"tocsin/system/identity/login"
	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/logout"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/session"
	"tocsin/system/internal/trace"
	"tocsin/system/page"
)

const bye = "https://tax.example.org/bye"

type site struct {
	*logintest.Site
	endpoint *logout.Endpoint
	revoked  []string
	away     bool
	failure  page.Failure
}

// Verify implements hint.Verifier: a token is "<person> <client>".
func (s *site) Verify(token, _ string, claims any) error {
	person, client, found := strings.Cut(token, " ")
	if token == "away" {
		return logintest.ErrAway
	}
	if !found {
		return jws.ErrInvalid
	}
	return json.Unmarshal(fmt.Appendf(nil, `{"iss":%q,"aud":%q,"sub":%q,"sid":"hinted","exp":1}`,
		logintest.Issuer, client, s.Keys.Subject("", person)), claims)
}

// Revoke implements logout.Revoker.
func (s *site) Revoke(_ context.Context, id string, life time.Duration) error {
	if s.away {
		return logintest.ErrAway
	}
	if life != 24*time.Hour {
		return fmt.Errorf("life %s", life)
	}
	s.revoked = append(s.revoked, id)
	return nil
}

// Error implements authorize.Pages.
func (s *site) Error(w http.ResponseWriter, status int, _ string, failure page.Failure) {
	s.failure = failure
	w.WriteHeader(status)
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{Site: logintest.New(t)}
	endpoint, err := logout.New(logout.Config{
		Clients: s.Clients, Hints: s, Sessions: s.Sessions, Revoker: s, Keys: s.Keys, Judge: policy.Judge{}, Pages: s,
		Issuer: logintest.Issuer, UIPath: "/ui", Life: 24 * time.Hour, Now: s.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.endpoint = endpoint
	return s
}

func (s *site) get(t testing.TB, values url.Values, current *session.Session) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/logout?"+values.Encode(), nil)
	if current != nil {
		r.AddCookie(&http.Cookie{Name: session.Cookie, Value: s.seal(t, current)})
	}
	w := httptest.NewRecorder()
	s.endpoint.ServeHTTP(w, r)
	return w
}

func (s *site) seal(t testing.TB, current *session.Session) string {
	t.Helper()
	sealed, err := s.Sessions.Seal(current)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// parameters are names and values in turn.
func parameters(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values
}

func forgets(w *httptest.ResponseRecorder) bool {
	return slices.ContainsFunc(w.Result().Cookies(), func(c *http.Cookie) bool { return c.Name == session.Cookie && c.MaxAge < 0 })
}

func TestLogout(t *testing.T) {
	hint := logintest.Person + " " + logintest.ClientID
	for _, test := range []struct {
		name    string
		values  url.Values
		nobody  bool
		leads   string
		revoked []string
	}{
		{"an ID token of the person", parameters("id_token_hint", hint, "post_logout_redirect_uri", bye, "state", "a b"), false,
			bye + "?state=a+b", []string{"current", "hinted"}},
		{"with the client's id too", parameters("id_token_hint", hint, "client_id", logintest.ClientID), false, "/ui/logout?done=1", []string{"current", "hinted"}},
		{"from a browser that sent no cookie", parameters("id_token_hint", hint, "post_logout_redirect_uri", bye), true, bye, []string{"hinted"}},
		{"no ID token: the person is asked", parameters("client_id", logintest.ClientID, "post_logout_redirect_uri", bye), false, "/ui/logout?request=", nil},
		{"nothing at all: the person is asked", parameters(), false, "/ui/logout?request=", nil},
		{"an ID token that does not verify: the person is asked", parameters("id_token_hint", "forged"), false, "/ui/logout?request=", nil},
		{"an ID token of another person: the person is asked",
			parameters("id_token_hint", logintest.OtherPerson+" "+logintest.ClientID), false, "/ui/logout?request=", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			current := s.Session()
			current.ID = "current"
			if test.nobody {
				current = nil
			}
			w := s.get(t, test.values, current)
			if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), test.leads) {
				t.Errorf("%d %s, want %s", w.Code, w.Header().Get("Location"), test.leads)
			}
			if !slices.Equal(s.revoked, test.revoked) || forgets(w) != (test.revoked != nil) {
				t.Errorf("revoked %v, cookie gone %v", s.revoked, forgets(w))
			}
		})
	}
}

func TestNeverAnOpenRedirect(t *testing.T) {
	hint := logintest.Person + " " + logintest.ClientID
	for _, test := range []struct {
		name   string
		values url.Values
	}{
		{"an address that is not registered", parameters("id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example")},
		{"one that begins like a registered one", parameters("id_token_hint", hint, "post_logout_redirect_uri", bye+".evil.example")},
		{"one with more behind it", parameters("id_token_hint", hint, "post_logout_redirect_uri", bye+"?x=y")},
		{"a redirect URI of logins", parameters("id_token_hint", hint, "post_logout_redirect_uri", logintest.RedirectURI)},
		{"an address without a client", parameters("post_logout_redirect_uri", bye)},
		{"an address with an ID token that does not verify", parameters("id_token_hint", "forged", "post_logout_redirect_uri", bye)},
		{"an unknown client", parameters("client_id", "nobody", "post_logout_redirect_uri", bye)},
		{"a client that is not the ID token's", parameters("id_token_hint", hint, "client_id", "other")},
		{"an address given twice", parameters("id_token_hint", hint, "post_logout_redirect_uri", bye, "post_logout_redirect_uri", "https://evil.example")},
		{"a state with a line break", parameters("id_token_hint", hint, "post_logout_redirect_uri", bye, "state", "a\r\nb")},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			w := s.get(t, test.values, s.Session())
			if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" || s.failure.Kind != page.BadRequest || s.revoked != nil {
				t.Errorf("%d %s %+v, revoked %v", w.Code, w.Header().Get("Location"), s.failure, s.revoked)
			}
		})
	}
}

func TestSignedOutIsSaidOnlyWhenItIsTrue(t *testing.T) {
	hint := logintest.Person + " " + logintest.ClientID
	for name, test := range map[string]struct {
		values url.Values
		away   bool
	}{
		"revocations away": {parameters("id_token_hint", hint), true},
		"keys away":        {parameters("id_token_hint", "away"), false},
		"clients away":     {parameters("client_id", "away"), false},
	} {
		s := newSite(t)
		s.away = test.away
		w := s.get(t, test.values, s.Session())
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || forgets(w) || s.failure.Kind != page.Unavailable {
			t.Errorf("%s: %d, cookie gone %v", name, w.Code, forgets(w))
		}
	}
}

// Who looks for the cause finds the request in every log by its trace.
func TestPagesNameTheTrace(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for name, values := range map[string]url.Values{
		"a refusal": parameters("client_id", "nobody", "post_logout_redirect_uri", bye), "an outage": parameters("client_id", "away"),
	} {
		s := newSite(t)
		r := httptest.NewRequest(http.MethodGet, "/logout?"+values.Encode(), nil)
		s.endpoint.ServeHTTP(httptest.NewRecorder(), r.WithContext(trace.With(t.Context(), trace.Mark{TraceID: id})))
		if s.failure.Trace != id {
			t.Errorf("%s: got %+v", name, s.failure)
		}
	}
}

func TestPersonIsAsked(t *testing.T) {
	s := newSite(t)
	current := s.Session()
	w := s.get(t, parameters("client_id", logintest.ClientID, "post_logout_redirect_uri", bye, "state", "st", "ui_locales", "nb en"), current)
	asked, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	request := asked.Query().Get("request")
	call := func(path, request, cookie string, output any) int {
		t.Helper()
		body, err := json.Marshal(map[string]string{"request": request, "session": cookie})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.endpoint.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(body))))
		if err := json.Unmarshal(w.Body.Bytes(), output); err != nil {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Code
	}
	var view logout.View
	if got := call("/logout/view", request, s.seal(t, current), &view); got != http.StatusOK || view.ClientName != "Tax Office" || !view.SignedIn ||
		view.RedirectOrigin != "https://tax.example.org" || !slices.Equal(view.Locales, []string{"nb", "en"}) {
		t.Errorf("view: %d %+v", got, view)
	}
	if s.revoked != nil {
		t.Error("looking at the question ended the session")
	}
	var problem login.Problem
	if got := call("/logout/confirm", "AAAA", s.seal(t, current), &problem); got != http.StatusForbidden || problem.Error != "forged" {
		t.Errorf("forged: %d %+v", got, problem)
	}
	s.away = true
	if got := call("/logout/confirm", request, s.seal(t, current), &problem); got != http.StatusServiceUnavailable || problem.Error != "unavailable" {
		t.Errorf("revocations away: %d %+v", got, problem)
	}
	s.away = false
	var done logout.Done
	if got := call("/logout/confirm", request, s.seal(t, current), &done); got != http.StatusOK || done.Location != bye+"?state=st" || !slices.Equal(s.revoked, []string{current.ID}) {
		t.Errorf("confirm: %d %+v, revoked %v", got, done, s.revoked)
	}
	s.Pass(11 * time.Minute)
	if got := call("/logout/confirm", request, "", &problem); got != http.StatusGone || problem.Error != "gone" {
		t.Errorf("late: %d %+v", got, problem)
	}
}

func FuzzLogout(f *testing.F) {
	s := newSite(f)
	f.Add("id_token_hint=x&post_logout_redirect_uri=https://tax.example.org/bye&client_id=tax-office&state=%0d")
	f.Add("post_logout_redirect_uri=//evil.example&client_id=tax-office")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/logout", nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		s.endpoint.ServeHTTP(w, r)
		if to := w.Header().Get("Location"); to != "" && !strings.HasPrefix(to, "/ui/") && to != bye && !strings.HasPrefix(to, bye+"?state=") {
			t.Errorf("%q leads to %q", query, to)
		}
	})
}
