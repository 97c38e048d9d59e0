package console_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/dashboards/console"
	"tocsin/internal/journal"
	"tocsin/internal/verdict"
)

// archive is a past that remembers what it was asked.
type archive struct {
	asked console.RunFilter
	runs  []console.PastRun
}

func (a *archive) Runs(_ context.Context, filter console.RunFilter) ([]console.PastRun, error) {
	a.asked = filter
	return a.runs, nil
}

func (a *archive) Months(context.Context, string, int, time.Time) ([]console.PastMonth, error) {
	up := 0.9999999
	return []console.PastMonth{{
		Month: "2026-11", Uptime: &up, AtLeast: 0.5, Missing: 0.5, DownSeconds: 90, MaintenanceSeconds: 7200, Runs: 40,
		Days: []console.PastDay{{Date: "2026-11-01", Uptime: &up, Bad: 1, Maintenance: 3}, {Date: "2026-11-02"}},
	}}, nil
}

func (b *bench) remembering(past console.Past, live console.Live) {
	b.t.Helper()
	made, err := console.New(console.Config{
		Target: "lab", Issuer: "https://localhost:8443", Journal: b.journal, RunsDir: b.runs, Log: slog.New(slog.DiscardHandler),
		Intervals: map[string]time.Duration{"login": 5 * time.Second}, Past: past, Live: live,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.console = made
}

func TestTheHistoryOfAProbeHasMonthsFiltersAndEvidence(t *testing.T) {
	b := newBench(t)
	past := &archive{runs: []console.PastRun{
		{At: time.Now(), Verdict: verdict.Fail, Reason: verdict.Timeout, Detail: "<b>late</b>", RunID: "run1", Evidence: "run1", Times: 1},
		{At: time.Now(), Verdict: verdict.Fail, Reason: verdict.Timeout, RunID: "run2", Evidence: "gone", Times: 1},
	}}
	b.remembering(past, console.Live{})
	if err := os.MkdirAll(filepath.Join(b.runs, "run1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.runs, "run1", "index.html"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	page := b.get("/probes/login?verdict=fail&reason=timeout&days=30&checkpoint=oslo")
	body := page.Body.String()
	for _, want := range []string{"<b>99.999 %</b>", "50.000 %", "90 s", "2 h", `href="/runs/run1/index.html"`, "&lt;b&gt;late", `<option value="fail" selected>`, `value="oslo"`, "3 runs in maintenance", `<rect class="maintenance"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "/runs/gone") {
		t.Error("evidence that is gone is linked")
	}
	if got := past.asked; got.Verdict != verdict.Fail || got.Reason != verdict.Timeout || got.Checkpoint != "oslo" || got.Probe != "login" || time.Since(got.Since) < 29*24*time.Hour {
		t.Errorf("asked for %+v", got)
	}
	var encoded console.History
	if err := json.Unmarshal(b.get("/api/v1/probes/login").Body.Bytes(), &encoded); err != nil || len(encoded.Runs) != 2 || encoded.Filter.Days != 7 {
		t.Errorf("%v: %+v", err, encoded)
	}
	for path, code := range map[string]int{
		"/probes/logn": http.StatusNotFound, "/probes/login?verdict=good": http.StatusBadRequest,
		"/probes/login?reason=x": http.StatusBadRequest, "/probes/login?days=0": http.StatusBadRequest, "/assets/history.html": http.StatusNotFound,
	} {
		if got := b.get(path); got.Code != code {
			t.Errorf("%s answered %d, want %d", path, got.Code, code)
		}
	}
}

func TestWhatCheckpointsAndJobsSayIsShown(t *testing.T) {
	b := newBench(t)
	since := time.Now().Add(-time.Minute)
	b.remembering(nil, console.Live{
		Checkpoints: func(context.Context) ([]console.CheckpointSummary, error) {
			return []console.CheckpointSummary{{Name: "oslo", State: "silent", OtherPlan: true}}, nil
		},
		Votes: func() []console.VoteSummary {
			return []console.VoteSummary{{Probe: "login", Down: []string{"a", "b"}, Silent: []string{"oslo"}, Outage: &since, Decided: true}, {Probe: "jwks", Up: []string{"a"}, Alone: []string{"b"}, Decided: true}}
		},
		Heartbeats: func() []console.HeartbeatSummary {
			return []console.HeartbeatSummary{{Name: "batch", State: "missing", Verdict: verdict.Fail, Detail: "batch must report", Every: time.Hour}}
		},
	})
	b.record(journal.KindOutageDeclared, "", map[string]any{"kind": "declared", "probe": "login", "at": since, "sentence": "login is out: 2 of 3 checkpoints agree"})
	body := b.get("/").Body.String()
	for _, want := range []string{"Outages that checkpoints agree on", "failing at a, b; working at –; silent: oslo", "b alone sees it fail", "login is out: 2 of 3", "batch must report", ">another<", ">silent<"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if got := b.summary(); len(got.Checkpoints) != 1 || len(got.Votes) != 2 || len(got.Heartbeats) != 1 || len(got.Changes) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestARefusedConfigurationIsShownUntilItIsMended(t *testing.T) {
	b := newBench(t)
	b.record(journal.KindConsoleStarted, "", map[string]any{})
	b.record(journal.KindConfigRefused, "", map[string]any{"at": time.Now(), "cause": "signal", "problems": []string{"plan.yaml:3:1: key \"x\": unknown key"}})
	for _, when := range []string{"at once", "after a restart of the console alone"} {
		if got := b.summary().Config; got == nil || got.Refused == nil || len(got.Problems) != 1 || got.Cause != "start" {
			t.Errorf("%s: %+v", when, got)
		}
		b.restart()
	}
	b.record(journal.KindConfigLoaded, "", map[string]any{"at": time.Now(), "applied": true, "cause": "files changed", "added": []string{"third"}})
	if got := b.summary().Config; got.Refused != nil || got.Text() != "read again: added third" {
		t.Errorf("%+v", got)
	}
}
