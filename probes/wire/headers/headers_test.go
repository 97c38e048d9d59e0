package headers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/journey"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a server that sends the headers a strict policy wants, until a test
// changes one.
type site struct {
	header http.Header
	// change is made to the answer for one path only.
	path   string
	change func(http.Header)
	status map[string]int
}

func goodHeaders() http.Header {
	return http.Header{
		"Content-Type":              {"text/html; charset=utf-8"},
		"Strict-Transport-Security": {"max-age=31536000; includeSubDomains"},
		"Content-Security-Policy":   {"default-src 'none'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'"},
		"X-Content-Type-Options":    {"nosniff"},
		"Referrer-Policy":           {"no-referrer"},
		"Server":                    {"edge"},
	}
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := s.header.Clone()
	if s.change != nil && (s.path == "" || s.path == r.URL.Path) {
		s.change(header)
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	switch {
	case s.status[r.URL.Path] != 0:
		w.WriteHeader(s.status[r.URL.Path])
	case r.Method == "TOCSIN":
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.URL.Path == noSuchPage:
		w.WriteHeader(http.StatusNotFound)
	}
	if r.URL.Path == "/token" {
		fmt.Fprint(w, `{"access_token":"secret-of-the-token","token_type":"DPoP"}`)
		return
	}
	fmt.Fprint(w, "<!doctype html><p>hello</p>")
}

func run(t *testing.T, s *site, c Config) probes.Result {
	t.Helper()
	server := httptest.NewTLSServer(s)
	t.Cleanup(server.Close)
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c.URL = server.URL
	probe, err := New(journey.Config{Target: "test", Roots: roots}, "pages", c)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Run(t.Context())
}

func set(name string, values ...string) func(http.Header) {
	return func(h http.Header) { h[name] = values }
}

// The answers of one route are broken in every way the policy knows.
func TestEveryViolationIsBlamedOnItsRoute(t *testing.T) {
	const csp = "Content-Security-Policy"
	good := "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
	for name, tc := range map[string]struct {
		change func(http.Header)
		want   string // in detail; empty where the answer is good
	}{
		"as it should be":                        {func(http.Header) {}, ""},
		"HSTS missing":                           {set("Strict-Transport-Security"), "Strict-Transport-Security is missing"},
		"HSTS of ten minutes":                    {set("Strict-Transport-Security", "max-age=600; includeSubDomains"), "max-age=600"},
		"HSTS without subdomains":                {set("Strict-Transport-Security", "max-age=31536000"), "lacks includeSubDomains"},
		"HSTS without a number":                  {set("Strict-Transport-Security", "includeSubDomains; max-age=long"), "no usable max-age"},
		"HSTS twice, the first weak":             {set("Strict-Transport-Security", "max-age=0", "max-age=31536000; includeSubDomains"), "sent 2 times"},
		"HSTS in quotes and capitals":            {set("Strict-Transport-Security", `Max-Age="31536000" ; INCLUDESUBDOMAINS; preload`), ""},
		"CSP missing":                            {set(csp), "Content-Security-Policy is missing on a page"},
		"CSP as report only":                     {func(h http.Header) { h["Content-Security-Policy-Report-Only"] = h[csp]; delete(h, csp) }, "Content-Security-Policy is missing"},
		"CSP with unsafe-inline":                 {set(csp, good+"script-src 'self' 'unsafe-inline'"), "'unsafe-inline' in script-src"},
		"CSP with unsafe-inline by default-src":  {set(csp, "default-src 'self' 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"), "'unsafe-inline'"},
		"CSP with unsafe-inline beside a nonce":  {set(csp, good+"script-src 'nonce-abcdef' 'unsafe-inline'"), ""},
		"CSP with an empty nonce":                {set(csp, good+"script-src 'nonce-' 'unsafe-inline'"), "'unsafe-inline'"},
		"CSP with unsafe-eval":                   {set(csp, good+"script-src 'self' 'unsafe-eval'"), "'unsafe-eval'"},
		"CSP with scripts from any https":        {set(csp, good+"script-src https:"), "scripts come from anywhere (https:"},
		"CSP with strict-dynamic fallback":       {set(csp, good+"script-src 'nonce-abcdef' 'strict-dynamic' https:"), ""},
		"CSP without any script rule":            {set(csp, "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"), "neither script-src nor default-src"},
		"CSP without frame-ancestors":            {set(csp, "default-src 'none'; script-src 'self'; base-uri 'none'"), "no frame-ancestors"},
		"CSP with any frame-ancestor":            {set(csp, "default-src 'none'; base-uri 'none'; frame-ancestors *"), "frame-ancestors *"},
		"CSP without base-uri":                   {set(csp, "default-src 'none'; script-src 'self'; frame-ancestors 'none'"), "no base-uri"},
		"CSP without scripts needs no base-uri":  {set(csp, "default-src 'none'; frame-ancestors 'none'"), ""},
		"CSP with plug-ins from anywhere":        {set(csp, good+"object-src *"), "plug-ins"},
		"CSP in two headers that add up":         {set(csp, "script-src 'self'; object-src 'none'", "base-uri 'none'; frame-ancestors 'self'"), ""},
		"CSP whose first directive holds":        {set(csp, good+"script-src 'unsafe-inline'; script-src 'self'"), "'unsafe-inline'"},
		"nosniff missing":                        {set("X-Content-Type-Options"), "X-Content-Type-Options is missing"},
		"nosniff misspelt":                       {set("X-Content-Type-Options", "no-sniff"), `is "no-sniff"`},
		"referrer missing":                       {set("Referrer-Policy"), "Referrer-Policy is missing"},
		"referrer unsafe":                        {set("Referrer-Policy", "unsafe-url"), "unsafe-url"},
		"referrer with an old and a new word":    {set("Referrer-Policy", "no-referrer, strict-origin-when-cross-origin"), ""},
		"referrer ends in an unsafe word":        {set("Referrer-Policy", "no-referrer, origin"), "is origin"},
		"referrer unknown":                       {set("Referrer-Policy", "never"), "no known value"},
		"server tells its version":               {set("Server", "nginx/1.18.0"), "nginx/1.18.0"},
		"framework tells its version":            {set("X-Powered-By", "PHP/8.1"), "PHP/8.1"},
		"a proxy names the protocol":             {set("Via", "1.1 edge"), ""},
		"cookie without Secure":                  {set("Set-Cookie", "sid=s3cret; Path=/; HttpOnly; SameSite=Lax"), "of sid lacks Secure"},
		"cookie without HttpOnly":                {set("Set-Cookie", "sid=s3cret; Path=/; Secure; SameSite=Lax"), "of sid lacks HttpOnly"},
		"cookie without SameSite":                {set("Set-Cookie", "sid=s3cret; Path=/; Secure; HttpOnly"), "of sid lacks SameSite"},
		"cookie for other sites":                 {set("Set-Cookie", "sid=s3cret; Path=/; Secure; HttpOnly; SameSite=None"), "SameSite=None"},
		"cookie with a prefix it does not merit": {set("Set-Cookie", "__Host-sid=s3cret; Path=/app; Secure; HttpOnly; SameSite=Lax"), "__Host- needs"},
		"cookie that is right":                   {set("Set-Cookie", "__Host-sid=s3cret; Path=/; Secure; HttpOnly; SameSite=Lax"), ""},
		"cookie that is taken away":              {set("Set-Cookie", "sid=; Max-Age=0"), ""},
		"second cookie wrong":                    {set("Set-Cookie", "a=1; Secure; HttpOnly; SameSite=Lax", "b=2; HttpOnly; SameSite=Lax"), "of b lacks Secure"},
		"no type":                                {set("Content-Type", ""), "Content-Type is missing"},
		"code in a redirect that may be kept":    {set("Location", "https://rp.example/cb?code=abc"), "a redirect that carries a code"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, &site{header: goodHeaders(), path: "/login", change: tc.change}, Config{Routes: []Route{{Path: "/"}, {Path: "/login"}}})
			if tc.want == "" {
				if got.Reason != verdict.OK {
					t.Fatalf("%s: %s", got.Reason, got.Detail)
				}
				return
			}
			if got.Reason != verdict.Header || got.FailedStep != "GET /login" || !strings.Contains(got.Detail, tc.want) {
				t.Errorf("%s at %q: %s, want header at GET /login: %s", got.Reason, got.FailedStep, got.Detail, tc.want)
			}
			kept, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(kept), "s3cret") {
				t.Error("the value of a cookie is in the result")
			}
		})
	}
}

func TestTokensMustNotBeKept(t *testing.T) {
	asJSON := func(cache ...string) func(http.Header) {
		return func(h http.Header) {
			h["Content-Type"], h["Cache-Control"] = []string{"application/json"}, cache
		}
	}
	routes := Config{Routes: []Route{{Path: "/token", Method: http.MethodPost, Body: "grant_type=x"}}}
	got := run(t, &site{header: goodHeaders(), path: "/token", change: asJSON("max-age=60")}, routes)
	if got.Reason != verdict.Header || !strings.Contains(got.Detail, "no-store on an answer that has a token in it") {
		t.Errorf("kept token: %s: %s", got.Reason, got.Detail)
	}
	if got := run(t, &site{header: goodHeaders(), path: "/token", change: asJSON("private, NO-STORE")}, routes); got.Reason != verdict.OK {
		t.Errorf("token with no-store: %s: %s", got.Reason, got.Detail)
	}
	marked := Config{Routes: []Route{{Path: "/credential", Token: true}}}
	if got := run(t, &site{header: goodHeaders()}, marked); got.Reason != verdict.Header || !strings.Contains(got.Detail, "secret in it") {
		t.Errorf("route marked as secret: %s: %s", got.Reason, got.Detail)
	}
}

func TestErrorPagesAreJudgedToo(t *testing.T) {
	broken := &site{header: goodHeaders(), path: noSuchPage, change: set("Content-Security-Policy")}
	if got := run(t, broken, Config{}); got.Reason != verdict.Header || got.FailedStep != "GET "+noSuchPage {
		t.Errorf("404 page without CSP: %s at %s: %s", got.Reason, got.FailedStep, got.Detail)
	}
	no := false
	if got := run(t, broken, Config{ErrorPages: &no}); got.Reason != verdict.OK {
		t.Errorf("error pages off: %s: %s", got.Reason, got.Detail)
	}
	crash := &site{header: goodHeaders(), path: "/crash", change: set("Server", "Jetty(9.4.1)"), status: map[string]int{"/crash": 500}}
	got := run(t, crash, Config{Routes: []Route{{Path: "/"}, {Path: "/crash", Status: []int{500}}}})
	if got.Reason != verdict.Header || got.FailedStep != "GET /crash" {
		t.Errorf("500 page with a version: %s at %s: %s", got.Reason, got.FailedStep, got.Detail)
	}
}

func TestExceptionsHoldWhereTheyAreWritten(t *testing.T) {
	weak := &site{header: goodHeaders(), change: set("Referrer-Policy")}
	both := []Route{{Path: "/a", Except: []string{"referrer"}}, {Path: "/b"}}
	no := false
	if got := run(t, weak, Config{Routes: both, ErrorPages: &no}); got.FailedStep != "GET /b" {
		t.Errorf("exception of one route: %s at %q: %s", got.Reason, got.FailedStep, got.Detail)
	}
	if got := run(t, weak, Config{Routes: both, Except: []string{"referrer"}}); got.Reason != verdict.OK {
		t.Errorf("exception everywhere: %s: %s", got.Reason, got.Detail)
	}
}

// A page that is not there must not be judged in its place, nor pass.
func TestAnswersNobodyAskedForAreNotJudged(t *testing.T) {
	for status, want := range map[int]verdict.Reason{404: verdict.Status, 503: verdict.Unavailable} {
		got := run(t, &site{header: goodHeaders(), status: map[string]int{"/login": status}}, Config{Routes: []Route{{Path: "/login"}}})
		if got.Reason != want || got.FailedStep != "GET /login" {
			t.Errorf("%d: %s at %q: %s", status, got.Reason, got.FailedStep, got.Detail)
		}
	}
}

func TestAllViolationsAreListed(t *testing.T) {
	bare := http.Header{"Content-Type": {"text/html"}}
	got := run(t, &site{header: bare}, Config{})
	var notes []string
	for _, step := range got.Steps {
		notes = append(notes, step.Notes...)
	}
	if got.Figures["header_violations_count"] != 12 || len(notes) != 12 || !strings.Contains(got.Detail, "and 7 more") {
		t.Errorf("%v violations, notes %q, detail %s", got.Figures["header_violations_count"], notes, got.Detail)
	}
	if got.FailedStep != "GET /" {
		t.Errorf("failed step %q is not the first", got.FailedStep)
	}
}

func TestMistakesInThePlanAreExplained(t *testing.T) {
	for name, tc := range map[string]struct {
		config    Config
		key, hint string
	}{
		"no url":         {Config{}, "url", "https://id.example.org"},
		"plain http":     {Config{URL: "http://id.example.org"}, "url", "write https"},
		"not an address": {Config{URL: "id.example.org"}, "url", ""},
		"unknown policy": {Config{URL: "https://x", Policy: "lax"}, "policy", "strict"},
		"unknown rule":   {Config{URL: "https://x", Except: []string{"htst"}}, "except", `"hsts"`},
		"unknown rule of a route": {
			Config{URL: "https://x", Routes: []Route{{Path: "/a", Except: []string{"cookie"}}}}, "routes[0].except", `"cookies"`,
		},
		"method in small letters": {Config{URL: "https://x", Routes: []Route{{Path: "/a", Method: "get"}}}, "routes[0].method", "capitals"},
		"no path":                 {Config{URL: "https://x", Routes: []Route{{}}}, "routes[0].path", "/login"},
		"no status":               {Config{URL: "https://x", Routes: []Route{{Path: "/", Status: []int{20}}}}, "routes[0].status", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := map[string]string{}
			tc.config.Check(func(key, _, hint string) { found[key] = hint })
			if hint, reported := found[tc.key]; !reported || !strings.Contains(hint, tc.hint) {
				t.Errorf("reported %v, want %s with hint %q", found, tc.key, tc.hint)
			}
		})
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("default-src 'self'; script-src 'nonce-a'", "max-age=1", "a=b; Secure", `{"access_token":"x"}`)
	f.Add(",;;,", "=;max-age", "=", "{")
	f.Fuzz(func(t *testing.T, csp, hsts, cookie, body string) {
		header := http.Header{
			"Content-Type": {"text/html"}, "Content-Security-Policy": {csp}, "Strict-Transport-Security": {hsts},
			"Set-Cookie": {cookie}, "Referrer-Policy": {csp}, "Server": {hsts},
		}
		for _, violation := range judge(Limits{HSTSMaxAge: year}, answer{https: true, header: header, body: []byte(body)}, nil) {
			if violation.Rule == "" || violation.Why == "" {
				t.Errorf("empty violation %+v", violation)
			}
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	a := answer{https: true, status: 200, header: goodHeaders(), body: []byte("<p>")}
	for b.Loop() {
		if found := judge(Limits{HSTSMaxAge: year}, a, nil); len(found) != 0 {
			b.Fatal(found)
		}
	}
}
