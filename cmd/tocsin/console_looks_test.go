//go:build interop

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tocsin/dashboards/console"
	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/visual"
	"tocsin/visual/baseline"
	"tocsin/visual/checks"
	"tocsin/visual/compare"
	"tocsin/visual/corpus"
)

// tape is a journal that always says the same.
type tape []journal.Event

func (t tape) Read(_ context.Context, query journal.Query) ([]journal.Event, error) {
	found := slices.DeleteFunc(slices.Clone(t), func(e journal.Event) bool {
		return e.Seq <= query.AfterSeq || query.Kind != "" && e.Kind != query.Kind
	})
	if query.Newest {
		slices.Reverse(found)
	}
	if query.Limit > 0 && len(found) > query.Limit {
		found = found[:query.Limit]
	}
	return found, nil
}

func (t *tape) record(at time.Time, kind string, payload map[string]any) {
	encoded, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	*t = append(*t, journal.Event{Seq: int64(len(*t) + 1), Time: at, Kind: kind, RunID: "20300102-030405-abcdef01", Payload: encoded})
}

// madeUp is what the console shows: a quiet day with one thing that went wrong.
func madeUp(now time.Time) tape {
	var told tape
	for second := 60; second > 0; second -= 5 {
		for index, probe := range []string{"login", "jwks", "zone-a"} {
			run := map[string]any{
				"probe": probe, "target": "lab", "verdict": verdict.Pass, "reason": "ok", "detail": "works",
				"started": now.Add(-time.Duration(second) * time.Second), "ms": 80 + 7*index + second, "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
			}
			if probe == "zone-a" && second < 30 {
				run["verdict"], run["reason"], run["detail"], run["failed_step"] = verdict.Fail, "refused", "nothing listens at a.localhost:8451 (connection refused)", "discovery"
			}
			told.record(now, journal.KindProbeRun, run)
		}
	}
	told.record(now, journal.KindScenarioVerdict, map[string]any{
		"scenario": "zone-loss", "verdict": "pass", "reason": "everything promised was kept", "started": now.Add(-10 * time.Minute), "ended": now.Add(-8 * time.Minute),
	})
	told.record(now, journal.KindAlertReceived, map[string]any{
		"name": "ZoneDown", "status": "firing", "severity": "critical", "labels": map[string]string{"zone": "a"},
		"annotations": map[string]string{"summary": "Nothing in a zone answers."}, "starts_at": now.Add(-9 * time.Second), "received_at": now.Add(-5 * time.Second),
	})
	return told
}

// always is a past and an album that always say the same.
type always struct {
	now      time.Time
	pictures []console.Picture
}

func (a always) Runs(context.Context, console.RunFilter) ([]console.PastRun, error) {
	return []console.PastRun{
		{At: a.now.Add(-time.Minute), Checkpoint: "local", Verdict: verdict.Fail, Reason: verdict.Timeout, Step: "token", Detail: "no answer within 15s", MS: 15000, Times: 1},
		{At: a.now.Add(-2 * time.Minute), Checkpoint: "local", Verdict: verdict.Pass, Reason: verdict.OK, MS: 120, Times: 40},
	}, nil
}

func (a always) Months(context.Context, string, int, time.Time) ([]console.PastMonth, error) {
	up := 0.9991
	return []console.PastMonth{{
		Month: "2030-01", Uptime: &up, AtLeast: 0.99, Unknown: 0.004, Missing: 0.001, DownSeconds: 90, Runs: 40,
		Days: []console.PastDay{{Date: "2030-01-01", Uptime: &up, Bad: 1}, {Date: "2030-01-02", Uptime: &up}},
	}}, nil
}

func (a always) Pictures(context.Context) ([]console.Picture, error) { return a.pictures, nil }

func (a always) Picture(_ context.Context, name string) (*console.Picture, error) {
	for _, picture := range a.pictures {
		if picture.Name == name {
			return &picture, nil
		}
	}
	return nil, console.ErrNoPicture
}

func (a always) Decide(context.Context, console.Decision) error { return console.ErrUndecidable }

// album are the pictures of a page that changed and of one that did not.
func album(t *testing.T, runs string, now time.Time) []console.Picture {
	t.Helper()
	pairs, err := corpus.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	changed := pairs[slices.IndexFunc(pairs, func(p corpus.Pair) bool { return !p.Same })]
	files := map[string]string{}
	outcome, err := compare.Images(changed.Before, changed.Now, compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, picture := range map[string]image.Image{"baseline": changed.Before, "actual": changed.Now, "difference": outcome.Difference(changed.Now)} {
		file, err := compare.EncodePNG(picture)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(runs, name+".png"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		files[name] = "/runs/" + name + ".png"
	}
	failed := console.Picture{
		Name: "login__desktop__light__en-us", Verdict: verdict.Fail, Reason: verdict.Appearance, Detail: "0.3 % of the page changed", At: now.Add(-time.Minute),
		RunID: "20300102-030315-abcdef02", URL: "https://localhost:8443/ui/login", SHA256: fmt.Sprintf("%064d", 1), Fingerprint: "0123456789abcdef",
		Percent: 0.3, ChangedPixels: outcome.Changed, Width: outcome.Size.X, Height: outcome.Size.Y, Changes: []string{"text of `h1` changed from “Log in” to “Log on”"},
		Accessibility: []string{"serious: color-contrast at h1: Elements must meet minimum color contrast ratio thresholds"},
		Baseline:      files["baseline"], Actual: files["actual"], Difference: files["difference"], ApprovedBy: "Kari Nordmann", ApprovedAt: now.Add(-48 * time.Hour), Approvable: true,
		History: []console.PastDecision{{Action: console.Approved, By: "Kari Nordmann", At: now.Add(-48 * time.Hour), Reason: "first picture of the page"}},
	}
	for _, box := range outcome.Boxes {
		failed.Regions = append(failed.Regions, console.Region{X: box.Min.X, Y: box.Min.Y, Width: box.Dx(), Height: box.Dy()})
	}
	passed := failed
	passed.Name, passed.Verdict, passed.Reason, passed.Detail = "consent__desktop__light__en-us", verdict.Pass, verdict.OK, "is the approved picture to the byte"
	passed.Regions, passed.Changes, passed.Accessibility, passed.Difference, passed.Actual = nil, nil, nil, "", passed.Baseline
	passed.Percent, passed.ChangedPixels, passed.Fingerprint = 0, 0, ""
	return []console.Picture{failed, passed}
}

// Tocsin's own console is held to what Tocsin asks of others: every page in every
// view stands still, looks the same twice, and has no barrier.
func TestTheConsoleLooksAsApprovedAndHasNoBarrier(t *testing.T) {
	now, runs := time.Date(2030, 1, 2, 3, 4, 15, 0, time.UTC), t.TempDir()
	shown := always{now: now, pictures: album(t, runs, now)}
	page, err := console.New(console.Config{
		Target: "lab", Issuer: "https://localhost:8443", Journal: madeUp(now), RunsDir: runs, Past: shown, Reviews: shown, Decisions: true,
		Intervals: map[string]time.Duration{"login": 5 * time.Second, "jwks": 5 * time.Second, "zone-a": 5 * time.Second},
		Log:       slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(page)
	t.Cleanup(site.Close)
	file, err := checks.Load("testdata/console.yaml")
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	looker, err := visual.NewLooker(visual.Config{Target: &target.Target{Name: "console", Issuer: site.URL}, StateDir: state})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := looker.Close(); err != nil {
			t.Error(err)
		}
	})
	store, err := baseline.Open(visual.BaselineDir(state))
	if err != nil {
		t.Fatal(err)
	}
	for _, shot := range file.Shots() {
		first := looker.Check(t.Context(), visual.Look{Shot: shot})
		if first.Reason != verdict.NoBaseline || first.Findings > 0 {
			barriers, err := os.ReadFile(filepath.Join(filepath.Dir(first.Files.Actual), "accessibility.json"))
			t.Errorf("%s: %s, barriers: %s %v", shot.Name, first.Detail, barriers, err)
			continue
		}
		proposal, err := visual.ProposalFrom(state, first.RunID, "console", shot.Name)
		if err != nil {
			t.Fatal(err)
		}
		approval, err := proposal.Approval(t.Context(), store, "the test", "", now)
		if err != nil {
			t.Fatal(err)
		}
		if err := proposal.Approve(t.Context(), store, approval); err != nil {
			t.Fatal(err)
		}
		if second := looker.Check(t.Context(), visual.Look{Shot: shot}); second.Reason != verdict.OK {
			t.Errorf("%s the second time: %s: %s", shot.Name, second.Reason, second.Detail)
		}
	}
}
