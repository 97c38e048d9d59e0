package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/engine"
)

func TestAHealthySystemPassesWithEvidenceForEveryLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := healthy()
		outcome := perform(t.Context(), t, w)
		if outcome.Verdict != verdict.Pass {
			t.Fatalf("%s: %s", outcome.Verdict, outcome.Reason)
		}
		if outcome.Load.Logins != 1600 || outcome.Ledger.Written != 3200 || len(outcome.Alerts) != 1 || len(outcome.Faults) != 1 {
			t.Errorf("load %+v, ledger %+v, alerts %d", outcome.Load, outcome.Ledger, len(outcome.Alerts))
		}
		fault := outcome.Faults[0]
		if fault.SeenByProbe == nil || fault.Reverted == nil || fault.Recovered == nil || fault.RevertAsked.Sub(fault.Asked).Round(time.Second) != 35*time.Second {
			t.Errorf("fault %+v", fault)
		}
		if got := *outcome.Timings.LongestWait; got < 5900 || got > 6200 {
			t.Errorf("longest wait %.0f ms with a failover of 6 s", got)
		}
		if got := *outcome.Timings.AlertAfter; got != 11000 {
			t.Errorf("alert after %.0f ms", got)
		}
		want := "scenario.started,fault.asked,fault.injected,fault.reverted,load.run,scenario.verdict"
		if got := w.kinds(); got != want {
			t.Errorf("journal has %s, want %s", got, want)
		}
		if text := strings.Join(w.events, ""); strings.Contains(text, "secret-") {
			t.Error("the journal holds a code or a verifier")
		}
	})
}

// Each case spoils one thing, and exactly the line that promises it turns red.
func TestEachSabotageTurnsItsLineRed(t *testing.T) {
	cases := map[string]struct {
		spoil   func(*world)
		red     string
		unknown string
	}{
		"commits do not wait":           {func(w *world) { w.copies["postgres"] = 1 }, "a commit waits for another zone", ""},
		"one store without replicas":    {func(w *world) { w.copies["redis"] = 1 }, "Redis has a replica", ""},
		"the bell rings nowhere":        {func(w *world) { w.alertAfter = 0 }, "the right person is woken within 30 s", ""},
		"the bell rings too late":       {func(w *world) { w.alertAfter = 31 * time.Second }, "the right person is woken within 30 s", ""},
		"a changed word":                {func(w *world) { w.visual = verdict.Fail }, "the login page looks as approved", ""},
		"nobody approved the page":      {func(w *world) { w.visual = verdict.Unknown }, "", "the login page looks as approved"},
		"nobody listens for the pager":  {func(w *world) { w.pagerErr = errors.New("connection refused") }, "", "the right person is woken within 30 s"},
		"a query without data":          {func(w *world) { delete(w.copies, "redis") }, "", "Redis has a replica"},
		"a fault without effect":        {func(w *world) { w.effectless = true }, "", "the zone is dark and the others are not"},
		"every zone dark":               {func(w *world) { w.allDark = true }, "the zone is dark and the others are not", ""},
		"a lost consent":                {func(w *world) { w.lost = 1 }, "nothing acknowledged is lost, no code works twice", ""},
		"a ledger that cannot be read":  {func(w *world) { w.unread = 1 }, "", "nothing acknowledged is lost, no code works twice"},
		"a failover of thirteen second": {func(w *world) { w.failover = 13 * time.Second }, "a write is acknowledged again within 12 s", ""},
		"a zone that does not return": {func(w *world) { w.neverHeals = true },
			"every zone serves by itself; everything recovers without a human", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := healthy()
				c.spoil(w)
				outcome := perform(t.Context(), t, w)
				if red := lines(outcome, verdict.Fail); red != c.red {
					t.Errorf("red are %q, want %q (%s)", red, c.red, outcome.Reason)
				}
				if unknown := lines(outcome, verdict.Unknown); unknown != c.unknown {
					t.Errorf("unknown are %q, want %q (%s)", unknown, c.unknown, outcome.Reason)
				}
				if w.broken() {
					t.Error("the fault was left behind")
				}
			})
		})
	}
}

// unjudged fails the test if a line about the fault passed without one.
func unjudged(t *testing.T, outcome scenarios.Outcome) {
	t.Helper()
	for _, line := range outcome.Expectations {
		if line.Part == scenarios.PartExpect && line.Verdict.Good() {
			t.Errorf("%q passed (%s) though nothing was broken", line.Name, line.Reason)
		}
	}
}

func TestASystemThatIsDownIsNotBrokenFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := healthy()
		w.dead = true
		outcome := perform(t.Context(), t, w)
		if outcome.Verdict != verdict.Fail || len(outcome.Faults) != 0 || !w.brokenAt.IsZero() {
			t.Errorf("%s with %d faults: %s", outcome.Verdict, len(outcome.Faults), outcome.Reason)
		}
		unjudged(t, outcome)
	})
}

func TestWithoutSamplesNothingIsKnown(t *testing.T) {
	for name, spoil := range map[string]func(*world){
		"the load does not start":  func(w *world) { w.loadErr = errors.New("k6 not found") },
		"no login ever ends":       func(w *world) { w.silent = true },
		"the fault cannot be made": func(w *world) { w.injectErr = errors.New("held by another run") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := healthy()
				spoil(w)
				outcome := perform(t.Context(), t, w)
				if outcome.Verdict != verdict.Unknown {
					t.Errorf("%s: %s", outcome.Verdict, outcome.Reason)
				}
				for _, line := range outcome.Expectations {
					if line.Part == scenarios.PartExpect && line.Verdict.Good() && line.Name != "the load was really there" {
						t.Errorf("%q passed: %s", line.Name, line.Reason)
					}
				}
			})
		})
	}
}

func TestReturningPeopleHaveConsentedFirst(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*world)
		want  verdict.Verdict
		red   string
	}{
		"and wait for no database":   {func(w *world) { w.failover = 2 * time.Second }, verdict.Pass, ""},
		"a wait of four seconds":     {func(w *world) { w.failover = 4 * time.Second }, verdict.Fail, "no login waits longer than 3 s"},
		"nobody's consent is taken":  {func(w *world) { w.silent = true }, verdict.Unknown, ""},
		"the load program is absent": {func(w *world) { w.loadErr = errors.New("k6 not found") }, verdict.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := healthy()
				c.spoil(w)
				outcome := performNamed(t.Context(), t, w, "zone-loss-returning")
				if outcome.Verdict != c.want || lines(outcome, verdict.Fail) != c.red {
					t.Errorf("%s: %s; red are %q", outcome.Verdict, outcome.Reason, lines(outcome, verdict.Fail))
				}
				if c.want == verdict.Unknown && !w.brokenAt.IsZero() {
					t.Error("a zone was broken although not everybody had consented")
				}
				if c.want == verdict.Pass && outcome.Load.Logins != 1400 {
					t.Errorf("%d logins counted, want 1400: those before do not count", outcome.Load.Logins)
				}
			})
		})
	}
}

func TestAnInterruptionRevertsAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := healthy()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Second, cancel)
		started := time.Now()
		outcome := perform(ctx, t, w)
		if w.broken() || outcome.Faults[0].Reverted == nil {
			t.Fatal("the fault was left behind")
		}
		if took := time.Since(started); took > 35*time.Second {
			t.Errorf("it took %s to stop", took)
		}
		last := outcome.Expectations[len(outcome.Expectations)-1]
		if outcome.Verdict != verdict.Unknown || !strings.Contains(last.Reason, "interrupted") || !strings.Contains(last.Reason, "the fault was reverted at") {
			t.Errorf("%s: %s", outcome.Verdict, last.Reason)
		}
		if !strings.HasSuffix(w.kinds(), "fault.reverted,load.run,scenario.verdict") {
			t.Errorf("journal has %s", w.kinds())
		}
	})
}

func TestAStopConditionRevertsAndFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := healthy()
		w.failShare, w.failover = true, 0
		started := time.Now()
		outcome := perform(t.Context(), t, w)
		fault := outcome.Faults[0]
		if held := fault.Reverted.Sub(fault.Asked); held > 15*time.Second {
			t.Errorf("the fault was held for %s while everything failed", held)
		}
		last := outcome.Expectations[len(outcome.Expectations)-1]
		if outcome.Verdict != verdict.Fail || last.Verdict != verdict.Fail || !strings.Contains(last.Reason, "failed") || w.broken() {
			t.Errorf("%s after %s: %s", outcome.Verdict, time.Since(started), last.Reason)
		}
	})
}

func TestAFaultThatCannotBeRevertedIsCriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := healthy()
		w.revertErr = errors.New("socket gone")
		outcome := perform(t.Context(), t, w)
		if outcome.Verdict.Good() || !strings.Contains(outcome.Reason, "socket gone") {
			t.Errorf("%s: %s", outcome.Verdict, outcome.Reason)
		}
	})
}

func TestWhatTheJournalDoesNotTakeIsNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := healthy()
		w.journalFull = engine.KindFaultAsked
		outcome := perform(t.Context(), t, w)
		if !w.brokenAt.IsZero() || outcome.Verdict != verdict.Unknown || !strings.Contains(outcome.Reason, "disk is full") {
			t.Errorf("%s: %s", outcome.Verdict, outcome.Reason)
		}
	})
}

func TestOneScenarioAtATime(t *testing.T) {
	folder := t.TempDir()
	release, err := engine.Lock(folder, "zone-loss, run 1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Lock(folder, "zone-loss, run 2"); !errors.Is(err, engine.ErrBusy) || !strings.Contains(err.Error(), "run 1") {
		t.Errorf("second scenario: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	again, err := engine.Lock(folder, "zone-loss, run 3")
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
}
