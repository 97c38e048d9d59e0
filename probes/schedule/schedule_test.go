package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/exchange"
	"tocsin/probes/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow is a probe that takes a fixed time.
type slow struct {
	name string
	took time.Duration
	// deaf probes do not end when their context does.
	deaf bool
}

func (s slow) Name() string { return s.name }

func (s slow) Run(ctx context.Context) probes.Result {
	result := probes.Result{Probe: s.name, Started: time.Now()}
	if s.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-ctx.Done():
		var failure *exchange.Failure
		if !errors.As(context.Cause(ctx), &failure) {
			failure = exchange.Ownf(verdict.Stopped, ctx.Err(), "stopped")
		}
		result.End(failure.Reason, failure.Detail)
	case <-time.After(s.took):
		result.End(verdict.OK, "worked")
	}
	result.MS = float64(time.Since(result.Started).Milliseconds())
	return result
}

// watched is a schedule under way and what it said.
type watched struct {
	*schedule.Schedule
	results []probes.Result
	// stop ends the schedule and waits for it.
	stop func()

	mu      sync.Mutex
	missed  map[string]int
	removed []string
}

// watch starts a schedule.
func watch(t *testing.T, cfg schedule.Config) *watched {
	t.Helper()
	w := &watched{missed: map[string]int{}}
	told := cfg.Missed
	cfg.Missed = func(probe string, starts int) {
		w.mu.Lock()
		w.missed[probe] += starts
		w.mu.Unlock()
		if told != nil {
			told(probe, starts)
		}
	}
	cfg.Removed = func(probe string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.removed = append(w.removed, probe)
	}
	planned, err := schedule.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Schedule = planned
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		planned.Run(ctx, func(batch []probes.Result) { w.results = append(w.results, batch...) })
	}()
	w.stop = func() {
		cancel()
		<-done
	}
	return w
}

// observe runs a schedule for a time.
func observe(t *testing.T, cfg schedule.Config, length time.Duration) *watched {
	t.Helper()
	w := watch(t, cfg)
	time.Sleep(length)
	w.stop()
	return w
}

func (w *watched) allMissed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := 0
	for _, starts := range w.missed {
		sum += starts
	}
	return sum
}

// gone are the probes that were reported as removed.
func (w *watched) gone() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.removed)
}

// count counts runs by probe and reason.
func (w *watched) count(probe string, reason verdict.Reason) int {
	sum := 0
	for _, result := range w.results {
		if result.Probe == probe && result.Reason == reason {
			sum += max(result.Runs, 1)
		}
	}
	return sum
}

func one(probe probes.Probe, overlap int) []schedule.Entry {
	return []schedule.Entry{{Probe: probe, Interval: 5 * time.Second, Overlap: overlap}}
}

func TestThePhaseFollowsFromTheNamesAlone(t *testing.T) {
	const interval = 5 * time.Second
	first := schedule.Phase("login", "here", interval)
	if first != schedule.Phase("login", "here", interval) || first < 0 || first >= interval {
		t.Fatalf("phase %s", first)
	}
	spread := map[time.Duration]bool{}
	for i := range 100 {
		spread[schedule.Phase(fmt.Sprintf("zone-%d", i), "here", interval).Truncate(time.Second)] = true
	}
	if len(spread) != 5 {
		t.Errorf("100 probes use %d of 5 seconds", len(spread))
	}
	if schedule.Phase("login", "here", interval) == schedule.Phase("login", "there", interval) {
		t.Error("two checkpoints run at the same instant")
	}
}

func TestRunsStartAtTheirPhaseOneIntervalApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := observe(t, schedule.Config{Checkpoint: "here", Entries: one(slow{name: "login", took: time.Second}, 0)}, time.Minute)
		if len(w.results) != 12 || w.allMissed() != 0 {
			t.Fatalf("%d runs, %d missed in a minute of 5 s", len(w.results), w.allMissed())
		}
		phase := schedule.Phase("login", "here", 5*time.Second)
		for _, result := range w.results {
			if got := result.Intended.Sub(result.Intended.Truncate(5 * time.Second)); got != phase {
				t.Errorf("run intended at phase %s, want %s", got, phase)
			}
			if result.Verdict == verdict.Pass && result.LatencyMS != 1000 {
				t.Errorf("latency %v ms, want 1000", result.LatencyMS)
			}
			if result.Checkpoint != "here" {
				t.Errorf("run from checkpoint %q", result.Checkpoint)
			}
		}
	})
}

func TestATargetThatHangsFailsInEveryIntervalAndNoRunIsMissed(t *testing.T) {
	for _, overlap := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			w := observe(t, schedule.Config{Entries: one(slow{name: "login", took: time.Hour}, overlap)}, time.Minute)
			under := overlap // when it is stopped
			if got := w.count("login", verdict.Timeout); w.allMissed() != 0 || got < 12-under || len(w.results) != 12 {
				t.Fatalf("%d runs, %d timeouts, %d missed", len(w.results), got, w.allMissed())
			}
			for _, result := range w.results {
				most := time.Duration(overlap)*5*time.Second - 250*time.Millisecond
				if took := time.Duration(result.LatencyMS) * time.Millisecond; took > most {
					t.Errorf("a run took %s, and may take %s", took, most)
				}
			}
		})
	}
}

func TestALongRunThatWasAllowedEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := observe(t, schedule.Config{Entries: one(slow{name: "login", took: 19 * time.Second}, 4)}, time.Minute)
		if got := w.count("login", verdict.OK); w.allMissed() != 0 || got < 8 || len(w.results) != 12 {
			t.Fatalf("%d runs, %d passed, %d missed", len(w.results), got, w.allMissed())
		}
	})
}

func TestRunsOfOneProbeNeverOverlapAndTheMissedStartIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := observe(t, schedule.Config{Entries: one(slow{name: "login", took: 12 * time.Second, deaf: true}, 1)}, time.Minute)
		if w.allMissed() != 8 || len(w.results) != 12 {
			t.Fatalf("%d results with %d missed: every start must have its result", len(w.results), w.allMissed())
		}
		if got := w.count("login", verdict.Missed); got != 8 {
			t.Errorf("%d unknown results for 8 missed starts", got)
		}
		var free time.Time
		for _, result := range w.results {
			if result.Reason == verdict.Missed {
				continue
			}
			if result.Started.Before(free) {
				t.Errorf("the run of %s began while the one before was under way", result.Started)
			}
			free = result.Started.Add(12 * time.Second)
		}
	})
}

func TestRunsOfAllProbesTogetherAreBoundedAndWhatFindsNoSlotIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := schedule.Config{Concurrency: 3}
		for i := range 10 {
			probe := slow{name: fmt.Sprintf("probe-%d", i), took: 4 * time.Second}
			cfg.Entries = append(cfg.Entries, schedule.Entry{Probe: probe, Interval: 5 * time.Second})
		}
		w := watch(t, cfg)
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			if under := w.UnderWay(); under > 3 {
				t.Fatalf("%d runs under way", under)
			}
		}
		w.stop()
		saturated := 0
		for i := range 10 {
			name := fmt.Sprintf("probe-%d", i)
			saturated += w.count(name, verdict.Saturated)
			for _, result := range w.results {
				if result.Probe == name && result.Reason == verdict.Stopped && result.MS == 0 {
					saturated++ // it still waited for a slot
				}
			}
		}
		if len(w.results) != 120 || saturated == 0 || saturated != w.allMissed() {
			t.Errorf("%d results of 120 starts, %d saturated, %d missed", len(w.results), saturated, w.allMissed())
		}
		for _, result := range w.results {
			if late := result.Started.Sub(result.Intended); late > 501*time.Millisecond {
				t.Errorf("a run started or was given up %s late", late)
			}
		}
	})
}

func TestASlowStoreNeverDelaysAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		missed := 0
		planned, err := schedule.New(schedule.Config{
			Entries: one(slow{name: "login", took: time.Second}, 1), Missed: func(string, int) { missed++ },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var results []probes.Result
		planned.Run(ctx, func(batch []probes.Result) {
			time.Sleep(20 * time.Second)
			results = append(results, batch...)
		})
		if missed != 0 || len(results) != 12 {
			t.Fatalf("%d recorded, %d missed", len(results), missed)
		}
		for _, result := range results {
			if late := result.Started.Sub(result.Intended); late != 0 {
				t.Errorf("run started %s late", late)
			}
		}
	})
}

// broken is a probe with a mistake in it.
type broken struct{ nobody *slow }

func (broken) Name() string { return "broken" }

func (b broken) Run(context.Context) probes.Result { return probes.Result{Probe: b.nobody.name} }

func TestAProbeThatPanicsIsUnknownAndTheOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entries := append(one(broken{}, 1), one(slow{name: "login", took: time.Second}, 1)...)
		w := observe(t, schedule.Config{Entries: entries}, time.Minute)
		if w.count("broken", verdict.Internal) != 12 || w.count("login", verdict.OK) < 11 {
			t.Errorf("results %+v", w.results)
		}
	})
}

func TestAScheduleWithoutSenseIsRefused(t *testing.T) {
	for name, cfg := range map[string]schedule.Config{
		"no probe":             {},
		"no interval":          {Entries: []schedule.Entry{{Probe: slow{name: "login"}}}},
		"a negative overlap":   {Entries: one(slow{name: "login"}, -1)},
		"two of the same name": {Entries: append(one(slow{name: "login"}, 1), one(slow{name: "login"}, 1)...)},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := schedule.New(cfg); err == nil {
				t.Fatal("accepted")
			}
		})
	}
}
