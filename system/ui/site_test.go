package ui

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/html"

	"tocsin/system/identity/transaction"
	"tocsin/system/page"
)

const (
	tx       = "69207c00ABCDEFGHIJKLMNOP"
	callback = "https://client.example/cb?code=x"
	linkCode = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// answer is what the fake provider says to one step.
type answer struct {
	status int
	body   any
}

// upstream is a provider as this component sees it: JSON over HTTPS.
type upstream struct {
	mu      sync.Mutex
	answers map[string]answer
	calls   []string
	last    input
}

func refused(status int, problem string) answer {
	return answer{status, Problem{Error: problem, Back: "https://client.example/cb?error=x"}}
}

func login() *View {
	return &View{
		ClientName: "Tax Office", ClientLogo: "https://elsewhere.example/logo.png", RedirectOrigin: "https://client.example",
		Factors: []string{"PIN", "OTP", "WLA"}, LoginHint: "1000000001",
		Claims: []Claim{{"name", true}, {"birthdate", false}, {"email", false}},
	}
}

// newUpstream returns a provider to which every step succeeds.
func newUpstream() *upstream {
	done := answer{200, Next{Session: "s2", Location: callback}}
	authenticated := login()
	return &upstream{answers: map[string]answer{
		"/login/view":           {200, authenticated},
		"/login/pin":            {200, Next{State: "state2", Session: "s2"}},
		"/login/otp/send":       {200, Delivery{State: "state2", MaskedEmail: "k***@example.org", MaskedPhone: "*** 12 34"}},
		"/login/otp":            done,
		"/login/wallet/begin":   {200, Link{LinkCode: linkCode, URI: "https://id.example/ui/wallet?code=" + linkCode, ExpiresIn: 120}},
		"/login/wallet/status":  {200, Next{Pending: true}},
		"/login/wallet/view":    {200, authenticated},
		"/login/wallet/approve": {204, nil},
		"/login/consent":        done,
		"/logout/view":          {200, View{ClientName: "Tax Office", SignedIn: true}},
		"/logout/confirm":       {200, Next{}},
	}}
}

func (u *upstream) set(path string, given answer) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answers[path] = given
}

func (u *upstream) asked() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string(nil), u.calls...)
}

func (u *upstream) heard() input {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.last
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls = append(u.calls, r.URL.Path)
	u.last = input{}
	if err := json.NewDecoder(r.Body).Decode(&u.last); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	given, known := u.answers[r.URL.Path]
	if !known {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	w.WriteHeader(given.status)
	if given.body != nil {
		if err := json.NewEncoder(w).Encode(given.body); err != nil {
			panic(err)
		}
	}
}

func serve(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// newPages returns the component in front of providers.
func newPages(t testing.TB, providers ...http.Handler) *pages {
	t.Helper()
	var urls []string
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	for _, one := range providers {
		server := serve(t, one)
		urls = append(urls, server.URL)
		config.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	}
	log := slog.New(slog.DiscardHandler)
	texts, err := page.NewTexts("", log)
	if err != nil {
		t.Fatal(err)
	}
	set, err := page.NewSet(base, texts, log)
	if err != nil {
		t.Fatal(err)
	}
	provider := newProvider(urls, config)
	t.Cleanup(provider.nodes.Close)
	return &pages{provider: provider, set: set, log: log}
}

// person is somebody with a browser.
type person struct {
	t      testing.TB
	site   *httptest.Server
	client *http.Client
}

func newPerson(t testing.TB, providers ...http.Handler) *person {
	t.Helper()
	site := serve(t, newPages(t, providers...).handler(prometheus.NewRegistry()))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := site.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &person{t: t, site: site, client: client}
	p.keep(transaction.CookiePrefix+tx, "state1")
	return p
}

func (p *person) keep(name, value string) {
	p.client.Jar.SetCookies(p.address("/"), []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

func (p *person) cookie(name string) string {
	for _, c := range p.client.Jar.Cookies(p.address("/")) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (p *person) address(path string) *url.URL {
	p.t.Helper()
	address, err := url.Parse(p.site.URL + path)
	if err != nil {
		p.t.Fatal(err)
	}
	return address
}

// screen is an answer as a person sees it.
type screen struct {
	status   int
	header   http.Header
	location string
	body     string
	fields   url.Values
	action   string
}

func (p *person) open(path string, header ...string) *screen {
	p.t.Helper()
	request, err := http.NewRequest(http.MethodGet, p.address(path).String(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	return p.do(request)
}

// send submits the form on a screen with values put in.
func (p *person) send(on *screen, values ...string) *screen {
	p.t.Helper()
	form := url.Values{}
	for name, all := range on.fields {
		form[name] = all
	}
	for i := 0; i+1 < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	return p.post(on.action, form)
}

func (p *person) post(path string, form url.Values) *screen {
	p.t.Helper()
	request, err := http.NewRequest(http.MethodPost, p.address(path).String(), strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(request)
}

func (p *person) do(request *http.Request) *screen {
	p.t.Helper()
	response, err := p.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	seen := &screen{
		status: response.StatusCode, header: response.Header, location: response.Header.Get("Location"),
		body: string(body), fields: url.Values{},
	}
	seen.readForm(p.t)
	return seen
}

// readForm reads the first form of the page.
func (s *screen) readForm(t testing.TB) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	for node := range root.Descendants() {
		has := map[string]string{}
		for _, attribute := range node.Attr {
			has[attribute.Key] = attribute.Val
		}
		switch node.Data {
		case "form":
			if s.action != "" {
				return
			}
			s.action = has["action"]
		case "input":
			s.fields.Add(has["name"], has["value"])
		}
	}
}

// expect checks an answer: its status and what it says.
func (s *screen) expect(t *testing.T, status int, says ...string) {
	t.Helper()
	if s.status != status {
		t.Errorf("status %d, want %d: %.300s", s.status, status, s.body)
	}
	for _, words := range says {
		if !strings.Contains(s.body, words) {
			t.Errorf("page does not say %q: %s", words, s.body)
		}
	}
}

// leads checks that an answer sends the browser on to location.
func (s *screen) leads(t *testing.T, location string) {
	t.Helper()
	if s.status != http.StatusSeeOther || s.location != location {
		t.Errorf("answered %d to %q, want %q: %.300s", s.status, s.location, location, s.body)
	}
}
