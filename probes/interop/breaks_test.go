//go:build interop

package interop

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tocsin/internal/verdict"
)

// breakage is one way to break a provider from outside, and whom it must be
// blamed on.
type breakage struct {
	name string
	// arrange breaks the provider, and the target file where that is what is
	// wrong.
	arrange func(t *testing.T, s *subject, f *targetFile)
	step    string
	reason  verdict.Reason
}

func path(suffix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, suffix) }
}

// What the two providers have in common. Where their paths differ, both stand
// here: neither has the other's.
var (
	discovery = path("/.well-known/openid-configuration")
	jwks      = either(path("/jwks"), path("/keys"))
	token     = either(path("/token"), path("/oauth/token"))
	authorize = either(path("/auth"), path("/authorize"))
	userinfo  = either(path("/me"), path("/userinfo"))
	loginPage = func(r *http.Request) bool {
		return r.Method == http.MethodGet && (strings.HasPrefix(r.URL.Path, "/interaction/") || r.URL.Path == "/login/username")
	}
	loginForm = func(r *http.Request) bool {
		return r.Method == http.MethodPost && (strings.HasPrefix(r.URL.Path, "/interaction/") || r.URL.Path == "/login/username")
	}
)

func either(one, other func(*http.Request) bool) func(*http.Request) bool {
	return func(r *http.Request) bool { return one(r) || other(r) }
}

// meddled breaks what the front passes on.
func meddled(applies func(*http.Request) bool, meddle meddling) func(*testing.T, *subject, *targetFile) {
	return func(t *testing.T, s *subject, _ *targetFile) { s.front.with(t, at(applies, meddle)) }
}

func common() []breakage {
	return []breakage{
		{"discovery names another issuer", meddled(discovery, changed(func(body []byte) []byte {
			return regexp.MustCompile(`"issuer":"[^"]*"`).ReplaceAll(body, []byte(`"issuer":"https://evil.example"`))
		})), "discovery", verdict.Claims},
		{"discovery is half a document", meddled(discovery, truncated), "discovery", verdict.Reset},
		{"the key set lacks the key", meddled(jwks, changed(otherKeys)), "id-token", verdict.Signature},
		{"the key set is empty", meddled(jwks, answer(http.StatusOK, `{"keys":[]}`)), "jwks", verdict.Keys},
		{"502 at the token endpoint", meddled(token, answer(http.StatusBadGateway, "")), "token", verdict.Unavailable},
		{"200 with an error at the token endpoint", meddled(token, answer(http.StatusOK, `{"error":"invalid_grant"}`)), "token", verdict.Lie},
		{"authorize never answers", meddled(authorize, silent), "authorize", verdict.Timeout},
		{"the login page is another one", meddled(loginPage, answer(http.StatusOK, "<title>Maintenance</title><h1>Back soon</h1>")), "login-form", verdict.LoginForm},
		{"the login form leads nowhere", meddled(loginForm, answer(http.StatusNotFound, "")), "login", verdict.Status},
		{"authorize redirects with an error", meddled(authorize, sentBack), "code", verdict.ProtocolError},
		{"the response has another state", meddled(func(*http.Request) bool { return true }, relocated(func(query url.Values) { query.Set("state", "other") })), "code", verdict.Claims},
		{"an ID token of an earlier login", func(t *testing.T, s *subject, f *targetFile) {
			old := ""
			s.front.with(t, at(token, changed(func(body []byte) []byte { return replayed(t, body, &old) })))
			f.run(t, "login")
		}, "id-token", verdict.Claims},
		{"userinfo is about somebody else", meddled(userinfo, answer(http.StatusOK, `{"sub":"somebody"}`)), "userinfo", verdict.Claims},
		{"userinfo is half an answer", meddled(userinfo, truncated), "userinfo", verdict.Reset},
		{"nothing listens", func(t *testing.T, s *subject, f *targetFile) { f.connectTo(t, s, "127.0.0.1:1") }, "discovery", verdict.Refused},
		{"the name does not resolve", func(t *testing.T, s *subject, f *targetFile) { f.connectTo(t, s, "identity.invalid:443") }, "discovery", verdict.DNS},
		{"the secret of the client is another one", func(t *testing.T, _ *subject, f *targetFile) { f.secret(t, ".client-secret", "another") }, "token", verdict.ProtocolError},
	}
}

func behindTLS() []breakage {
	return []breakage{
		{"the certificate has expired", func(t *testing.T, s *subject, _ *targetFile) { s.front.expire(t) }, "discovery", verdict.TLSExpired},
		{"nobody trusts the certificate", func(t *testing.T, _ *subject, f *targetFile) { f.edit(t, "tls:", "# tls:") }, "discovery", verdict.TLSUntrusted},
		{"its clock is two hours ahead", func(t *testing.T, s *subject, _ *targetFile) {
			back := s.front.upstream(s.skewed(t, 2*time.Hour))
			t.Cleanup(back)
		}, "id-token", verdict.Claims},
	}
}

func inTheClear() []breakage {
	return []breakage{
		{"the password is another one", func(t *testing.T, _ *subject, f *targetFile) { f.secret(t, ".password", "wrong") }, "login", verdict.LoginRejected},
	}
}

// otherKeys gives every key another name.
func otherKeys(body []byte) []byte {
	return bytes.ReplaceAll(body, []byte(`"kid":"`), []byte(`"kid":"other-`))
}

// sentBack answers an authorization request with an error, as a provider does
// that does not want the client any more.
func sentBack(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	query := url.Values{"error": {"unauthorized_client"}, "state": {r.URL.Query().Get("state")}}
	http.Redirect(w, r, redirectURI+"?"+query.Encode(), http.StatusFound)
}

// relocated changes the response that the person carries back to the client.
func relocated(change func(url.Values)) meddling {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&relocating{ResponseWriter: w, change: change}, r)
	}
}

type relocating struct {
	http.ResponseWriter
	change func(url.Values)
}

func (r *relocating) WriteHeader(status int) {
	location, err := url.Parse(r.Header().Get("Location"))
	if err == nil && strings.HasPrefix(location.String(), redirectURI) {
		query := location.Query()
		r.change(query)
		location.RawQuery = query.Encode()
		r.Header().Set("Location", location.String())
	}
	r.ResponseWriter.WriteHeader(status)
}

// replayed puts the ID token that came first into every later answer.
func replayed(t *testing.T, body []byte, old *string) []byte {
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		t.Errorf("answer of the token endpoint: %v", err)
		return body
	}
	if *old == "" {
		*old, _ = members["id_token"].(string)
		return body
	}
	members["id_token"] = *old
	made, err := json.Marshal(members)
	if err != nil {
		t.Error(err)
	}
	return made
}
