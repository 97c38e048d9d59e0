package schedule_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/schedule"
)

// slow is a probe that takes a fixed time.
type slow struct {
	name string
	took time.Duration
}

func (s slow) Name() string { return s.name }

func (s slow) Run(ctx context.Context) probes.Result {
	started := time.Now()
	select {
	case <-ctx.Done():
		return probes.Result{Probe: s.name, Verdict: verdict.Unknown, Started: started}
	case <-time.After(s.took):
		return probes.Result{Probe: s.name, Verdict: verdict.Pass, Started: started}
	}
}

// observe runs a schedule for a time and returns what it recorded and missed.
func observe(t *testing.T, cfg schedule.Config, length time.Duration, record func(probes.Result)) ([]probes.Result, int) {
	t.Helper()
	var mu sync.Mutex
	missed := 0
	cfg.Missed = func(string) {
		mu.Lock()
		defer mu.Unlock()
		missed++
	}
	planned, err := schedule.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var results []probes.Result
	planned.Run(ctx, func(result probes.Result) {
		record(result)
		results = append(results, result)
	})
	return results, missed
}

func ignore(probes.Result) {}

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
		cfg := schedule.Config{Checkpoint: "here", Entries: []schedule.Entry{{Probe: slow{"login", time.Second}, Interval: 5 * time.Second}}}
		results, missed := observe(t, cfg, time.Minute, ignore)
		if len(results) != 12 || missed != 0 {
			t.Fatalf("%d runs, %d missed in a minute of 5 s", len(results), missed)
		}
		phase := schedule.Phase("login", "here", 5*time.Second)
		for _, result := range results {
			if got := result.Intended.Sub(result.Intended.Truncate(5 * time.Second)); got != phase {
				t.Errorf("run intended at phase %s, want %s", got, phase)
			}
			if result.Verdict == verdict.Pass && result.LatencyMS != 1000 {
				t.Errorf("latency %v ms, want 1000", result.LatencyMS)
			}
		}
	})
}

func TestATargetThatHangsDoesNotStopTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := schedule.Config{Overlap: 4, Entries: []schedule.Entry{{Probe: slow{"login", 19 * time.Second}, Interval: 5 * time.Second}}}
		results, missed := observe(t, cfg, time.Minute, ignore)
		if missed != 0 || len(results) != 12 {
			t.Fatalf("%d runs, %d missed", len(results), missed)
		}
	})
}

func TestARunThatCannotStartIsUnknownAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := schedule.Config{Target: "lab", Overlap: 1, Entries: []schedule.Entry{{Probe: slow{"login", 12 * time.Second}, Interval: 5 * time.Second}}}
		results, missed := observe(t, cfg, time.Minute, ignore)
		if missed == 0 || len(results) != 12 {
			t.Fatalf("%d results with %d missed: every tick must have its result", len(results), missed)
		}
		unknown := 0
		for _, result := range results {
			if result.Verdict == verdict.Unknown && result.MS == 0 && result.Reason != "" {
				unknown++
			}
		}
		if unknown != missed {
			t.Errorf("%d unknown results for %d missed runs", unknown, missed)
		}
	})
}

func TestASlowStoreNeverDelaysAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := schedule.Config{Entries: []schedule.Entry{{Probe: slow{"login", time.Second}, Interval: 5 * time.Second}}}
		results, missed := observe(t, cfg, time.Minute, func(probes.Result) { time.Sleep(20 * time.Second) })
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

func TestAScheduleWithoutSenseIsRefused(t *testing.T) {
	for name, cfg := range map[string]schedule.Config{
		"no probe":    {},
		"no interval": {Entries: []schedule.Entry{{Probe: slow{name: "login"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := schedule.New(cfg); err == nil {
				t.Fatal("accepted")
			}
		})
	}
}
