package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/dashboards/console"
	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/visual"
	"tocsin/visual/baseline"
)

func TestPicturesAreDecidedAboutInTheConsole(t *testing.T) {
	heading, state := "Log in", t.TempDir()
	target := loginPage(t, &heading)
	check := func(wantCode int) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := execute(t.Context(), []string{"visual", "check", "--target", target, "--state", state}, &stdout, &stderr); code != wantCode {
			t.Fatalf("check exits %d: %s%s", code, stdout.String(), stderr.String())
		}
	}
	check(verdict.ExitUnknown)
	events, err := journal.Open(t.Context(), filepath.Join(state, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { events.Close() })
	store, err := baseline.Open(visual.BaselineDir(state))
	if err != nil {
		t.Fatal(err)
	}
	shown := newReviews(events, state, "test", func() *baseline.Store { return store })
	only := func() console.Picture {
		t.Helper()
		all, err := shown.Pictures(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("pictures %+v, %v", all, err)
		}
		return all[0]
	}
	first := only()
	if first.Reason != verdict.NoBaseline || !first.Approvable || !strings.HasPrefix(first.Actual, "/runs/"+first.RunID+"/visual/") {
		t.Errorf("first %+v", first)
	}
	decision := console.Decision{Picture: first.Name, RunID: first.RunID, SHA256: first.SHA256, Approve: true, By: "alice"}
	other := decision
	other.SHA256 = strings.Repeat("0", 64)
	if err := shown.Decide(t.Context(), other); !errors.Is(err, console.ErrNewerPicture) {
		t.Errorf("approved what was not on the screen: %v", err)
	}
	if err := shown.Decide(t.Context(), decision); err != nil {
		t.Fatal(err)
	}
	check(verdict.ExitPass)
	if passed := only(); passed.Verdict != verdict.Pass || passed.ApprovedBy != "alice" || len(passed.History) != 1 || passed.ApprovedReason == "" {
		t.Errorf("passed %+v", passed)
	}

	heading = "Log on"
	check(verdict.ExitFail)
	failed := only()
	if failed.Reason != verdict.Appearance || len(failed.Regions) == 0 || failed.Difference == "" || len(failed.Changes) == 0 {
		t.Errorf("failed %+v", failed)
	}
	decision = console.Decision{Picture: failed.Name, RunID: failed.RunID, SHA256: failed.SHA256, Approve: true, By: "alice"}
	if err := shown.Decide(t.Context(), decision); !errors.Is(err, console.ErrUndecidable) {
		t.Errorf("approved without a reason: %v", err)
	}
	decision.Approve, decision.Reason = false, "a typo"
	if err := shown.Decide(t.Context(), decision); err != nil {
		t.Fatal(err)
	}
	if history, err := store.History(t.Context(), "test", failed.Name); err != nil || len(history) != 2 || history[1].Action != baseline.Rejected {
		t.Errorf("history %+v, %v", history, err)
	}
	if rejected := only(); len(rejected.History) != 2 || rejected.History[1].Action != console.Rejected || rejected.History[1].Fingerprint != failed.Fingerprint {
		t.Errorf("rejected %+v", rejected)
	}
	old := map[string]any{"target": "test", "page": "login", "verdict": "pass", "started": time.Now()}
	if _, err := events.AppendValue(t.Context(), journal.KindVisualCheck, "r", "", old); err != nil {
		t.Fatal(err)
	}
	only() // a record from before checks had names is none
	if _, err := shown.Picture(t.Context(), "nothing"); !errors.Is(err, console.ErrNoPicture) {
		t.Errorf("a picture that there is not: %v", err)
	}
}

func TestOnlyAConsoleOfThisMachineTakesDecisionsByItself(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:9464": true, "[::1]:9464": true, "localhost:9464": true, ":9464": false, "0.0.0.0:9464": false, "192.0.2.1:9464": false,
	} {
		if got, err := decides(address, nil); err != nil || got != want {
			t.Errorf("at %s: %v, %v", address, got, err)
		}
	}
	if got, err := decides(":9464", []string{"tocsin.example.org"}); err != nil || !got {
		t.Errorf("where it is told to: %v, %v", got, err)
	}
}
