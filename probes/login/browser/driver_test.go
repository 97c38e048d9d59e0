package browser_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/evidence"
	"tocsin/probes/form"
	"tocsin/probes/journey"
	"tocsin/probes/login"
	"tocsin/probes/login/browser"
	"tocsin/probes/otp"
)

const (
	personID  = "1000000001"
	personPIN = "545411"
	issued    = "SplxlOBeZQQYbYS6WxSbIA77"
)

// site is a provider whose pages are made by a script: without one there is
// nothing on them.
type site struct {
	*httptest.Server
	callback string

	mu      sync.Mutex
	pin     string // what is accepted
	says    string // by the page after a wrong one
	script  string // of the page, in place of the usual
	status  int    // of the page
	code    string // the one-time code, where one is asked for
	codes   string // the file that it is sent to
	post    bool   // answer by a form
	foreign bool   // to whoever logs in
	calls   []string
	headers http.Header
}

const app = `
const root = document.getElementById("root"), tx = new URLSearchParams(location.search).get("tx");
const show = (html) => { root.innerHTML = html };
const call = async (path, body) => (await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })).json();
const on = (id, act) => document.getElementById(id).addEventListener("click", act);
const fail = (text) => { document.getElementById("problem").textContent = text };
const answer = (to, post) => {
	if (!post) { location.href = to; return }
	const address = new URL(to), form = document.createElement("form");
	form.method = "post"; form.action = address.origin + address.pathname;
	for (const [name, value] of address.searchParams) { const i = document.createElement("input"); i.type = "hidden"; i.name = name; i.value = value; form.append(i) }
	document.body.append(form); form.submit();
};
const consent = (to, post) => {
	show('<h1>Share your data?</h1><button type="button" id="no">Deny</button> <button type="button" id="yes">Allow</button>');
	on("yes", () => answer(to, post));
};
const code = (then) => {
	show('<h1>Enter the code</h1>' + '<input maxlength="1" inputmode="numeric" aria-label="digit">'.repeat(6) + '<button type="button" id="verify">Verify</button><p id="problem" role="alert"></p>');
	const boxes = [...root.querySelectorAll("input")];
	boxes.forEach((box, i) => box.addEventListener("input", () => boxes[i + 1]?.focus()));
	on("verify", async () => {
		const got = await call("/api/code", { code: boxes.map((b) => b.value).join("") });
		if (got.error) fail(got.error); else consent(got.to, got.post);
	});
};
setTimeout(() => {
	show('<nav><button type="button">Menu</button></nav><h1>Log in</h1><input id="uin" placeholder="Individual id"> <input id="secret" type="password" placeholder="PIN">' +
		'<div style="position:fixed;inset:0;background:#0001"></div><button type="button" id="go">Continue</button><p id="problem" role="alert"></p>');
	on("go", async () => {
		if (!keyed) { fail("nobody typed"); return }
		const got = await call("/api/login", { id: document.getElementById("uin").value, pin: document.getElementById("secret").value, tx });
		if (got.error) fail(got.error); else if (got.code) code(); else consent(got.to, got.post);
	});
	let keyed = false;
	root.addEventListener("keydown", () => { keyed = true });
}, 100);`

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{pin: personPIN, status: http.StatusOK, script: app, says: "wrong PIN"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, request *http.Request) {
		s.note(request)
		http.Redirect(w, request, "/app?tx=tx-Canary-Zk39fLq2Vd81Bn77", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /app", func(w http.ResponseWriter, request *http.Request) {
		s.note(request)
		s.mu.Lock()
		defer s.mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'unsafe-inline'; form-action *")
		w.WriteHeader(s.status)
		fmt.Fprint(w, `<!doctype html><html lang="en"><title>Provider</title><div id="root"></div><script src="/app.js"></script>`)
	})
	mux.HandleFunc("GET /app.js", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, s.script)
	})
	mux.HandleFunc("POST /api/login", func(w http.ResponseWriter, request *http.Request) {
		s.note(request)
		s.answer(w, request, func(got map[string]string) map[string]any {
			switch {
			case got["id"] != personID || got["pin"] != s.pin:
				return map[string]any{"error": s.says}
			case s.code != "":
				if err := os.WriteFile(s.codes, []byte("Your code is "+s.code+"\n"), 0o600); err != nil {
					t.Error(err)
				}
				return map[string]any{"code": true}
			}
			return map[string]any{"to": s.callback + "?code=" + issued + "&state=s", "post": s.post}
		})
	})
	mux.HandleFunc("POST /api/code", func(w http.ResponseWriter, request *http.Request) {
		s.note(request)
		s.answer(w, request, func(got map[string]string) map[string]any {
			if got["code"] != s.code {
				return map[string]any{"error": "wrong code " + got["code"]}
			}
			return map[string]any{"to": s.callback + "?code=" + issued + "&state=s", "post": s.post}
		})
	})
	mux.HandleFunc("/callback", func(http.ResponseWriter, *http.Request) { t.Error("the redirect URI was fetched") })
	s.Server = httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	s.callback = s.URL + "/callback"
	t.Cleanup(s.Close)
	return s
}

func (s *site) note(request *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, request.Method+" "+request.URL.Path)
	s.headers = request.Header.Clone()
}

func (s *site) answer(w http.ResponseWriter, request *http.Request, judge func(map[string]string) map[string]any) {
	var got map[string]string
	if err := json.NewDecoder(request.Body).Decode(&got); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(judge(got)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// person is who logs in, with a PIN of its own.
func person(t *testing.T, pin string) login.Person {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(path, []byte(pin), 0o600); err != nil {
		t.Fatal(err)
	}
	return login.Person{ID: personID, SecretFile: path, Method: form.BySecret}
}

// logIn makes one login as a probe does, and returns where it led.
func (s *site) logIn(t *testing.T, cfg browser.Config, limit time.Duration) (probes.Result, *url.URL) {
	t.Helper()
	address, err := url.Parse(s.URL + "/authorize?client_id=tocsin")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !s.foreign {
		roots.AddCert(s.Certificate())
	}
	driver := browser.New(cfg)
	var landed *url.URL
	probe, err := journey.New(journey.Config{Target: "test", Roots: roots, AttemptTimeout: limit}, journey.Spec{
		Name: "login", Attempts: 1,
		Walk: func(ctx context.Context, run *journey.Run) (err error) {
			landed, err = driver.Login(ctx, run, login.Request{Address: address, RedirectURI: s.callback})
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return probe.Run(t.Context()), landed
}

func stepNames(result probes.Result) []string {
	var names []string
	for _, step := range result.Steps {
		names = append(names, step.Name)
	}
	return names
}

const patient = time.Minute

func TestLoginByScriptsOnly(t *testing.T) {
	s := newSite(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	result, landed := s.logIn(t, browser.Config{Person: person(t, personPIN)}, patient)
	s.Server.CloseClientConnections()
	if result.Verdict != verdict.Pass || landed == nil || landed.Query().Get("code") != issued || landed.Query().Get("state") != "s" {
		t.Fatalf("%s (%s) at %s: %s; landed at %v", result.Verdict, result.Reason, result.FailedStep, result.Detail, landed)
	}
	if want := []string{"browser", "authorize", "login-form", "login", "consent"}; !slices.Equal(stepNames(result), want) {
		t.Errorf("steps %v, want %v", stepNames(result), want)
	}
	if result.Figures["login_page_fcp_seconds"] <= 0 || result.Figures["login_page_load_seconds"] <= 0 {
		t.Errorf("figures %v", result.Figures)
	}
	authorize := result.Steps[1]
	if len(authorize.Hops) != 2 || authorize.Hops[0].Status != http.StatusSeeOther || authorize.Phases.TLS == nil || authorize.Hops[0].SpanID == "" {
		t.Errorf("authorize saw %+v", authorize)
	}
	if got := result.Steps[3].Hops; len(got) != 1 || got[0].URL != s.URL+"/api/login" {
		t.Errorf("login saw %+v", got)
	}
	if len(result.Artifacts) > 0 || result.CertExpiry.IsZero() {
		t.Errorf("a login that works left %d artifacts; certificate until %s", len(result.Artifacts), result.CertExpiry)
	}
	if s.headers.Get("Traceparent") == "" || !strings.Contains(s.headers.Get("User-Agent"), "tocsin/") || !strings.Contains(s.headers.Get("User-Agent"), "Chrome") {
		t.Errorf("requests are not marked: %v", s.headers)
	}
}

func TestLoginWithCodeBySelectorsAndFormPost(t *testing.T) {
	s := newSite(t)
	s.code, s.codes, s.post = "493817", filepath.Join(t.TempDir(), "codes"), true
	codes, err := otp.New(target.OTP{Kind: target.OTPFile, Paths: []string{s.codes}, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	who := person(t, personPIN)
	who.Codes = codes
	result, landed := s.logIn(t, browser.Config{Person: who, Fields: browser.Selectors{ID: "#uin", Secret: "input[type=password]", Submit: "#go"}}, patient)
	if result.Verdict != verdict.Pass || landed == nil || landed.Query().Get("code") != issued {
		t.Fatalf("%s (%s) at %s: %s; landed at %v", result.Verdict, result.Reason, result.FailedStep, result.Detail, landed)
	}
	if want := []string{"browser", "inbox", "authorize", "login-form", "login", "otp", "consent"}; !slices.Equal(stepNames(result), want) {
		t.Errorf("steps %v, want %v", stepNames(result), want)
	}
}

func TestBrokenPagesAreBlamedAtTheirStep(t *testing.T) {
	wrongPIN := browser.Config{Person: person(t, "999999")}
	right := browser.Config{Person: person(t, personPIN)}
	for name, c := range map[string]struct {
		sabotage func(*site)
		cfg      browser.Config
		reason   verdict.Reason
		step     string
		says     string
	}{
		"a person who is not accepted":  {func(*site) {}, wrongPIN, verdict.LoginRejected, "login", "wrong PIN"},
		"a script that is broken":       {func(s *site) { s.script = "throw new Error()" }, right, verdict.LoginForm, "login-form", "no login form"},
		"a page that is down":           {func(s *site) { s.status = http.StatusServiceUnavailable; s.script = "" }, right, verdict.Unavailable, "login-form", "503"},
		"a script that goes in circles": {func(s *site) { s.script = "location.href = '/app?' + Math.random()" }, right, verdict.Redirect, "login-form", "in circles"},
		"a selector that is none": {func(*site) {}, browser.Config{Person: person(t, personPIN), Fields: browser.Selectors{ID: "##"}},
			verdict.OwnConfig, "login-form", "no CSS selector"},
		"a foreign certificate": {func(s *site) {
			s.foreign = true
		}, right, verdict.TLSUntrusted, "authorize", "foreign"},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "a person who is not accepted" {
				t.Skip("starts a browser")
			}
			s := newSite(t)
			s.mu.Lock()
			c.sabotage(s)
			s.mu.Unlock()
			result, _ := s.logIn(t, c.cfg, patient)
			if result.Reason != c.reason || result.FailedStep != c.step || !strings.Contains(result.Detail, c.says) {
				t.Errorf("%s at %q: %s; want %s at %q with %q", result.Reason, result.FailedStep, result.Detail, c.reason, c.step, c.says)
			}
		})
	}
}

func TestMissingBrowserIsOurOwnFault(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	result, _ := newSite(t).logIn(t, browser.Config{Person: person(t, personPIN)}, patient)
	if result.Verdict != verdict.Unknown || result.Reason != verdict.OwnBrowser || result.FailedStep != "browser" || !strings.Contains(result.Detail, "apt-get install chromium") {
		t.Errorf("%s (%s) at %s: %s", result.Verdict, result.Reason, result.FailedStep, result.Detail)
	}
}

// TestEvidenceOfAFailedLoginHoldsNoSecret lets the page say what was typed, and
// what looks like a token, in every way it can.
func TestEvidenceOfAFailedLoginHoldsNoSecret(t *testing.T) {
	const canary = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlQ0FOQVJZ"
	var pictures [][]byte
	for _, pin := range []string{"735913", "824602"} {
		s := newSite(t)
		s.says = "PIN " + pin + " is wrong, your token is " + canary
		s.script = app + `
			const kept = document.createElement("input"); kept.type = "hidden"; kept.value = "` + canary + `"; document.body.append(kept);
			document.body.dataset.pin = "` + pin + `"; document.body.append(document.createComment("` + pin + `"));
			const host = document.createElement("div"); document.body.append(host);
			host.attachShadow({ mode: "open" }).innerHTML = "<p>again: ` + pin + `</p><input value='` + pin + `'>";`
		who := person(t, pin)
		result, _ := s.logIn(t, browser.Config{Person: who}, patient)
		if result.Reason != verdict.LoginRejected || len(result.Artifacts) != 2 || len(result.Exchanges) < 4 {
			t.Fatalf("%s: %s; %d artifacts, %d exchanges", result.Reason, result.Detail, len(result.Artifacts), len(result.Exchanges))
		}
		folder := t.TempDir()
		keeper, err := evidence.New(evidence.Config{Folder: folder, Secrets: func() ([]string, error) { return []string{pin}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		kept, err := keeper.Keep(t.Context(), result)
		if err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(filepath.Join(folder, kept.Evidence))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, file := range files {
			content, err := os.ReadFile(filepath.Join(folder, kept.Evidence, file.Name()))
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, file.Name())
			for _, secret := range []string{pin, canary, "c2lnbmF0dXJlQ0FOQVJZ", "tx-Canary-Zk39fLq2Vd81Bn77", issued} {
				if bytes.Contains(content, []byte(secret)) {
					t.Errorf("%s holds %q", file.Name(), secret)
				}
			}
			if file.Name() == "page.html.txt" && !bytes.Contains(content, []byte("is wrong, your token is")) {
				t.Errorf("the DOM does not show the page:\n%s", content)
			}
			if file.Name() == "page.png" {
				pictures = append(pictures, content)
			}
		}
		for _, want := range []string{"page.png", "page.html.txt", "exchanges.har", "chain.pem"} {
			if !slices.Contains(names, want) {
				t.Errorf("no %s in %v", want, names)
			}
		}
	}
	// A secret that can be seen would make two pictures of two.
	if len(pictures) == 2 && !bytes.Equal(pictures[0], pictures[1]) {
		t.Error("the picture depends on the secret")
	}
}

func TestBrowserThatIsNotReadyInTimeIsOurOwnFault(t *testing.T) {
	s := newSite(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s.script = "" // a page on which nothing ever comes
	result, _ := s.logIn(t, browser.Config{Person: person(t, personPIN)}, 100*time.Millisecond)
	s.Server.CloseClientConnections()
	if result.Reason != verdict.OwnBrowser || !strings.Contains(result.Detail, "not ready in time") {
		t.Errorf("%s at %s: %s", result.Reason, result.FailedStep, result.Detail)
	}
}
