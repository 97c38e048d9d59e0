package console_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/dashboards/console"
	"tocsin/internal/journal"
	"tocsin/internal/verdict"
)

// bench is a console over a real journal.
type bench struct {
	t       *testing.T
	journal *journal.Journal
	console *console.Console
	runs    string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, runs: t.TempDir()}
	var err error
	b.journal, err = journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.journal.Close(); err != nil {
			t.Error(err)
		}
	})
	b.restart()
	return b
}

// restart makes a new console, which knows only what the journal says.
func (b *bench) restart() {
	b.t.Helper()
	made, err := console.New(console.Config{
		Target: "lab", Issuer: "https://localhost:8443", Journal: b.journal, RunsDir: b.runs, Log: slog.New(slog.DiscardHandler),
		Intervals: map[string]time.Duration{"login": 5 * time.Second, "zone-a": 5 * time.Second, "jwks": 5 * time.Second},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.console = made
}

func (b *bench) record(kind, runID string, payload any) {
	b.t.Helper()
	if _, err := b.journal.AppendValue(b.t.Context(), kind, runID, "", payload); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) run(probe string, v verdict.Verdict, ago time.Duration, reason string) {
	b.record(journal.KindProbeRun, "r", map[string]any{
		"probe": probe, "target": "lab", "verdict": v, "reason": reason, "failed_step": map[bool]string{false: "token"}[v.Good()],
		"started": time.Now().Add(-ago), "ms": 80, "trace_id": "abc",
	})
}

func (b *bench) get(path string) *httptest.ResponseRecorder {
	b.t.Helper()
	recorder := httptest.NewRecorder()
	b.console.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder
}

func (b *bench) summary() console.Summary {
	b.t.Helper()
	var s console.Summary
	if err := json.Unmarshal(b.get("/api/v1/summary").Body.Bytes(), &s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

func TestTheHeadlineSaysWhetherPeopleCanLogIn(t *testing.T) {
	cases := map[string]struct {
		runs func(b *bench)
		want verdict.Verdict
		text string
	}{
		"nothing measured is not green": {func(*bench) {}, verdict.Unknown, "not known"},
		"a pass":                        {func(b *bench) { b.run("login", verdict.Pass, time.Second, "") }, verdict.Pass, "People can log in"},
		"a pass after retry":            {func(b *bench) { b.run("login", verdict.PassAfterRetry, time.Second, "x") }, verdict.PassAfterRetry, "second attempt"},
		"a fail":                        {func(b *bench) { b.run("login", verdict.Fail, time.Second, "wrong nonce") }, verdict.Fail, "The last login failed"},
		"two fails in a row": {func(b *bench) {
			b.run("login", verdict.Fail, 6*time.Second, "x")
			b.run("login", verdict.Fail, time.Second, "x")
		}, verdict.Fail, "People cannot log in: 2 logins in a row failed"},
		"our own fault":                      {func(b *bench) { b.run("login", verdict.Unknown, time.Second, "no key") }, verdict.Unknown, "not known"},
		"an old pass says nothing about now": {func(b *bench) { b.run("login", verdict.Pass, time.Hour, "") }, verdict.Unknown, "not known"},
		"another probe's pass is no login":   {func(b *bench) { b.run("jwks", verdict.Pass, time.Second, "") }, verdict.Unknown, "not known"},
		"the last run counts, not the worst one": {func(b *bench) {
			b.run("login", verdict.Fail, 9*time.Second, "x")
			b.run("login", verdict.Pass, time.Second, "")
		}, verdict.Pass, "People can log in"},
		"a run of another target is not ours": {func(b *bench) {
			b.record(journal.KindProbeRun, "r", map[string]any{"probe": "login", "target": "other", "verdict": "pass", "started": time.Now(), "ms": 1})
		}, verdict.Unknown, "not known"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tc.runs(b)
			got := b.summary().Headline
			if got.Verdict != tc.want || !strings.Contains(got.Text, tc.text) {
				t.Errorf("got %+v", got)
			}
			if page := b.get("/"); page.Code != http.StatusOK || !strings.Contains(page.Body.String(), tc.text) {
				t.Errorf("the page (%d) does not say so", page.Code)
			}
		})
	}
}

func TestFailuresInARowAreOneLine(t *testing.T) {
	b := newBench(t)
	for range 3 {
		b.run("login", verdict.Fail, 20*time.Second, "token endpoint answered 503")
	}
	b.run("login", verdict.Pass, 10*time.Second, "")
	b.run("login", verdict.Fail, 5*time.Second, "token endpoint answered 503")
	for _, when := range []string{"at once", "after a restart"} {
		got := b.summary().Failures
		if len(got) != 2 || got[0].Count != 1 || got[1].Count != 3 {
			t.Errorf("%s: %+v", when, got)
		}
		b.restart()
	}
}

func TestAScenarioIsShownWhileItRunsAndWithItsReportAfterwards(t *testing.T) {
	b := newBench(t)
	b.record(journal.KindScenarioStarted, "run1", map[string]any{"scenario": map[string]any{"Name": "zone-loss"}, "parameters": map[string]string{"zone": "b"}})
	b.record(journal.KindFaultInjected, "run1", map[string]any{"id": "f1", "fault": map[string]string{"kind": "kill", "zone": "b"}, "injected": time.Now()})
	s := b.summary()
	if len(s.Scenarios) != 1 || !s.Scenarios[0].Running || s.Scenarios[0].Scenario != "zone-loss zone=b" {
		t.Errorf("while it runs: %+v", s.Scenarios)
	}
	if len(s.Faults) != 1 || s.Faults[0].Where != "zone b" {
		t.Errorf("faults: %+v", s.Faults)
	}
	if err := os.MkdirAll(filepath.Join(b.runs, "run1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.runs, "run1", "report.html"), []byte("<p>report"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.record(journal.KindScenarioVerdict, "run1", map[string]any{"scenario": "zone-loss", "verdict": "fail", "reason": "a lie", "started": time.Now().Add(-time.Minute), "ended": time.Now()})
	s = b.summary()
	if len(s.Scenarios) != 1 || s.Scenarios[0].Running || s.Scenarios[0].Verdict != verdict.Fail || len(s.Faults) != 0 {
		t.Fatalf("afterwards: %+v, faults %+v", s.Scenarios, s.Faults)
	}
	if report := b.get(s.Scenarios[0].Report); report.Code != http.StatusOK || report.Body.String() != "<p>report" {
		t.Errorf("report at %q: %d %s", s.Scenarios[0].Report, report.Code, report.Body)
	}
}

func TestNoFileOutsideTheRunsIsServed(t *testing.T) {
	b := newBench(t)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(b.runs, "link")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/runs/link", "/runs/", "/runs/..%2f..%2fetc/passwd", "/runs/none/report.html", "/assets/page.html", "/nothing"} {
		if got := b.get(path); got.Code == http.StatusOK {
			t.Errorf("%s answered %s", path, got.Body)
		}
	}
}

func TestWhatTheTargetSaysCannotBecomeMarkup(t *testing.T) {
	b := newBench(t)
	b.run("login", verdict.Fail, time.Second, `<script>alert(1)</script>`)
	b.record(journal.KindAlertReceived, "", map[string]any{"name": "X", "status": "firing", "runbook_url": "javascript:alert(1)", "received_at": time.Now()})
	page := b.get("/")
	if body := page.Body.String(); strings.Contains(body, "<script>alert") || strings.Contains(body, `href="javascript:`) {
		t.Error("markup of the target is in the page")
	}
	if policy := page.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
}

func TestAnAlertIsShownWithTheTimeItTook(t *testing.T) {
	b := newBench(t)
	received := time.Now()
	b.record(journal.KindAlertReceived, "", map[string]any{
		"name": "ZoneDown", "status": "firing", "severity": "critical", "labels": map[string]string{"zone": "b"},
		"annotations": map[string]string{"summary": "Nothing in a zone answers."}, "starts_at": received.Add(-4 * time.Second), "received_at": received,
	})
	got := b.summary().Receipts
	if len(got) != 1 || got[0].Name != "ZoneDown b" || got[0].DelaySeconds == nil || *got[0].DelaySeconds != 4 {
		t.Errorf("got %+v", got)
	}
}

func TestAJournalThatCannotBeReadIsSaid(t *testing.T) {
	b := newBench(t)
	if err := b.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if got := b.get("/"); got.Code != http.StatusServiceUnavailable {
		t.Errorf("answered %d", got.Code)
	}
}
