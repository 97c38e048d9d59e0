package evidence_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/evidence"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// canaries are secrets of every kind that a login has. None may be found again.
type canaries struct {
	pin, clientSecret, code, access, refresh, cookie, csrf, verifier, proof string
}

func newCanaries() canaries {
	jws := func() string {
		part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
		return part(`{"alg":"ES256","kid":"k1"}`) + "." + part(`{"sub":"1000000001","jti":"`+rand.Text()+`"}`) + "." + part(rand.Text()+rand.Text())
	}
	opaque := func() string { return base64.RawURLEncoding.EncodeToString([]byte(rand.Text())) }
	return canaries{
		pin: "84 5+11/ü", clientSecret: "pass&word <" + rand.Text(), code: opaque(), access: jws(), refresh: opaque(),
		cookie: opaque(), csrf: opaque(), verifier: opaque(), proof: jws(),
	}
}

func (c canaries) all() []string {
	values := []string{c.pin, c.clientSecret, c.code, c.access, c.refresh, c.cookie, c.csrf, c.verifier, c.proof}
	for _, token := range []string{c.access, c.proof} {
		values = append(values, strings.Split(token, ".")[1:]...)
	}
	for _, value := range slices.Clone(values) {
		values = append(values, url.QueryEscape(value), base64.StdEncoding.EncodeToString([]byte(value)))
	}
	return values
}

// server plays a provider whose every answer carries secrets, and which fails
// in the end.
func (c canaries) server(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: c.cookie, Path: "/", Secure: true, HttpOnly: true})
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<form method=post action="/login?tx=%s"><input type=hidden name=csrf value='%s'><input name=pin value="%s"></form><a href="/x?state=%s&amp;scope=openid">on</a>`,
			c.code, c.csrf, c.pin, c.csrf)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://client.example/cb?code="+c.code+"&iss=https://id.example")
		w.WriteHeader(http.StatusSeeOther)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("DPoP-Nonce", c.csrf)
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"access_token":%q,"refresh_token":%q,"token_type":"Bearer","debug":"pin was %s, token %s","nested":{"id_token":%q}}`,
			c.access, c.refresh, c.pin, c.access, c.access)
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	return server
}

// run makes a journey that fails at its last step and says a secret aloud.
func (c canaries) run(t *testing.T, server *httptest.Server) probes.Result {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	probe, err := journey.New(journey.Config{Target: "test", Roots: pool}, journey.Spec{Name: "login", Attempts: 1, Walk: func(ctx context.Context, run *journey.Run) error {
		if err := run.Take(ctx, "form", func(ctx context.Context) error {
			if _, err := run.Get(ctx, server.URL+"/login?login_hint="+url.QueryEscape(c.pin), journey.AcceptHTML); err != nil {
				return err
			}
			action, err := url.Parse(server.URL + "/login?tx=" + c.code)
			if err != nil {
				return err
			}
			_, err = run.Submit(ctx, http.MethodPost, action, url.Values{"csrf": {c.csrf}, "pin": {c.pin}})
			return err
		}); err != nil {
			return err
		}
		return run.Take(ctx, "token", func(ctx context.Context) error {
			body := url.Values{"grant_type": {"authorization_code"}, "code": {c.code}, "code_verifier": {c.verifier}, "client_secret": {c.clientSecret}}
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/token", strings.NewReader(body.Encode()))
			if err != nil {
				return err
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("DPoP", c.proof)
			request.SetBasicAuth("tocsin", c.clientSecret)
			reply, err := run.Send(ctx, request)
			if err != nil {
				return err
			}
			return exchange.Unexpected(reply, "it says the PIN was "+c.pin)
		})
	}})
	if err != nil {
		t.Fatal(err)
	}
	result := probe.Run(t.Context())
	if result.Verdict != verdict.Fail || result.FailedStep != "token" || len(result.Exchanges) != 3 {
		t.Fatalf("%s at %q with %d exchanges: %s", result.Verdict, result.FailedStep, len(result.Exchanges), result.Detail)
	}
	return result
}

func newKeeper(t *testing.T, change func(*evidence.Config)) (*evidence.Keeper, string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "runs")
	cfg := evidence.Config{Folder: folder, TargetFile: "/etc/tocsin/target.yaml", PlanFile: "/etc/tocsin/plan.yaml", Secrets: func() ([]string, error) { return nil, nil }}
	if change != nil {
		change(&cfg)
	}
	keeper, err := evidence.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return keeper, folder
}

func TestNoSecretIsWrittenAnywhere(t *testing.T) {
	c := newCanaries()
	keeper, folder := newKeeper(t, func(cfg *evidence.Config) {
		cfg.Secrets = func() ([]string, error) { return []string{c.pin, c.clientSecret}, nil }
	})
	kept, err := keeper.Keep(t.Context(), c.run(t, c.server(t)))
	if err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	everything := map[string][]byte{"the result": written}
	files, err := filepath.Glob(filepath.Join(folder, kept.Evidence, "*"))
	if err != nil || len(files) < 4 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
		everything[filepath.Base(path)] = text
	}
	for where, text := range everything {
		for _, secret := range c.all() {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds the secret %q", where, secret)
			}
		}
	}
	har := string(everything["exchanges.har"])
	for _, useful := range []string{"grant_type=authorization_code", "alg ES256, kid k1", "session=[redacted", "iss=https://id.example", `"status": 500`, `scope=openid`} {
		if !strings.Contains(har, useful) {
			t.Errorf("the archive lacks %s", useful)
		}
	}
	if !strings.Contains(string(everything["chain.pem"]), "BEGIN CERTIFICATE") {
		t.Error("the chain of the server is missing")
	}
	if !strings.Contains(string(everything["index.html"]), "tocsin --target &#39;/etc/tocsin/target.yaml&#39; --plan &#39;/etc/tocsin/plan.yaml&#39; probe run login") {
		t.Error("the page does not say how to repeat the run")
	}
}

func TestWithoutKnowingTheSecretsNoExchangeIsWritten(t *testing.T) {
	c := newCanaries()
	keeper, folder := newKeeper(t, func(cfg *evidence.Config) {
		cfg.Secrets = func() ([]string, error) { return nil, errors.New("read secret: permission denied") }
	})
	kept, err := keeper.Keep(t.Context(), c.run(t, c.server(t)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, kept.Evidence, "exchanges.har")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("exchanges are there: %v", err)
	}
	bundle, err := evidence.Open(folder, kept.Evidence)
	if err != nil || !strings.Contains(bundle.Withheld, "permission denied") {
		t.Errorf("withheld %q, %v", bundle.Withheld, err)
	}
}

// ended is a run with an exchange, ended for a reason.
func ended(runID string, reason verdict.Reason) probes.Result {
	result := probes.Result{
		Probe: "login", Target: "lab", RunID: runID, Started: time.Now().UTC(),
		Steps:     []probes.Step{{Name: "token", MS: 12}},
		Exchanges: []probes.Exchange{{Step: "token", Method: "GET", URL: "https://id.example/token"}},
	}
	result.End(reason, "because")
	if !result.Verdict.Good() {
		result.FailedStep, result.Steps[0].Error = "token", "because"
	}
	return result
}

func TestTheLastGoodRunStandsBesideTheFailedOne(t *testing.T) {
	keeper, folder := newKeeper(t, nil)
	for _, result := range []probes.Result{ended("run-1", verdict.OK), ended("run-2", verdict.OK), ended("run-3", verdict.Timeout)} {
		if _, err := keeper.Keep(t.Context(), result); err != nil {
			t.Fatal(err)
		}
	}
	all, err := evidence.List(folder)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d bundles, %v: a pass leaves none", len(all), err)
	}
	if all[0].LastGood == nil || all[0].LastGood.RunID != "run-2" {
		t.Errorf("last good run %+v", all[0].LastGood)
	}
}

func TestTheSameFailureIsKeptOnceAMinute(t *testing.T) {
	now := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
	keeper, folder := newKeeper(t, func(cfg *evidence.Config) { cfg.Now = func() time.Time { return now } })
	cases := []struct {
		result probes.Result
		after  time.Duration
		want   string
	}{
		{ended("run-1", verdict.Timeout), 0, "run-1"},
		{ended("run-2", verdict.Timeout), 5 * time.Second, "run-1"},
		{ended("run-3", verdict.Refused), time.Second, "run-3"},
		{ended("run-4", verdict.Timeout), time.Minute, "run-4"},
	}
	for _, tc := range cases {
		now = now.Add(tc.after)
		kept, err := keeper.Keep(t.Context(), tc.result)
		if err != nil || kept.Evidence != tc.want {
			t.Errorf("run %s points to the evidence %q, %v", tc.result.RunID, kept.Evidence, err)
		}
	}
	if all, err := evidence.List(folder); err != nil || len(all) != 3 {
		t.Errorf("%d bundles, %v", len(all), err)
	}
}

func TestEvidenceIsBoundedInAgeAndSize(t *testing.T) {
	now := time.Now()
	keeper, folder := newKeeper(t, func(cfg *evidence.Config) {
		cfg.Now, cfg.Again, cfg.MaxAge = func() time.Time { return now }, time.Nanosecond, time.Hour
	})
	report := filepath.Join(folder, "a-scenario")
	if err := os.MkdirAll(report, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now = now.Add(time.Second)
		if _, err := keeper.Keep(t.Context(), ended("run-"+rand.Text(), verdict.Timeout)); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(2 * time.Hour)
	if err := keeper.Prune(); err != nil {
		t.Fatal(err)
	}
	if all, err := evidence.List(folder); err != nil || len(all) != 0 {
		t.Errorf("%d bundles outlive their time, %v", len(all), err)
	}
	if _, err := os.Stat(report); err != nil {
		t.Errorf("the report of a scenario was taken away: %v", err)
	}
	small, folder := newKeeper(t, func(cfg *evidence.Config) { cfg.Again, cfg.MaxTotal = time.Nanosecond, 20_000 })
	for range 8 {
		if _, err := small.Keep(t.Context(), ended("run-"+rand.Text(), verdict.Timeout)); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := evidence.List(folder); err != nil || len(all) == 0 || len(all) > 4 {
		t.Errorf("%d bundles within 20 kB, %v", len(all), err)
	}
}

func TestARunThatNeverStartedLeavesNoBundle(t *testing.T) {
	keeper, folder := newKeeper(t, nil)
	missed := probes.Result{Probe: "login", RunID: "run-1"}
	missed.End(verdict.Missed, "the machine was asleep")
	if kept, err := keeper.Keep(t.Context(), missed); err != nil || kept.Evidence != "" {
		t.Errorf("evidence %q, %v", kept.Evidence, err)
	}
	if all, err := evidence.List(folder); err != nil || len(all) != 0 {
		t.Errorf("%d bundles, %v", len(all), err)
	}
}

func FuzzRedactedTextHoldsNoKnownSecret(f *testing.F) {
	const secret = "correct horse/battery+staple"
	f.Add("plain", "https://id.example/cb?code=x", "")
	f.Add("<input value='", "' name=x>", "eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, before, after, more string) {
		redactor := evidence.NewRedactor([]string{secret})
		for _, form := range []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
			text := redactor.Text(before + form + after + form + more)
			if strings.Contains(text, form) && !strings.Contains(before+after+more, form) {
				t.Errorf("%q holds %q", text, form)
			}
			if address := redactor.URL(before + form + after); strings.Contains(address, form) && !strings.Contains(before+after, form) {
				t.Errorf("%q holds %q", address, form)
			}
		}
	})
}
