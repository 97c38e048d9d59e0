package schedule_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/schedule"
)

// nap is how long a machine has been asleep.
type nap struct{ slept atomic.Int64 }

func (n *nap) asleep() time.Duration { return time.Duration(n.slept.Load()) }

func TestAMachineThatSleptMissesItsStartsAndSaysSoOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		machine := &nap{}
		machine.slept.Store(int64(time.Hour))
		w := watch(t, schedule.Config{Entries: one(slow{name: "login", took: time.Second}, 1), Asleep: machine.asleep})
		time.Sleep(30 * time.Second)
		synctest.Wait()
		machine.slept.Add(int64(10 * time.Minute))
		time.Sleep(30 * time.Second)
		w.stop()
		if missed := w.allMissed(); missed < 119 || missed > 121 {
			t.Errorf("%d starts missed in 10 minutes of 5 s", missed)
		}
		told := 0
		for _, result := range w.results {
			if result.Reason == verdict.Missed {
				told++
				if result.Runs != w.allMissed() || !strings.Contains(result.Detail, "asleep for about 10m") {
					t.Errorf("the gap is told as %d runs: %s", result.Runs, result.Detail)
				}
			}
		}
		if told != 1 {
			t.Errorf("the gap is told %d times", told)
		}
		if passed := w.count("login", verdict.OK); passed < 11 || passed > 12 {
			t.Errorf("%d runs passed while the machine was awake", passed)
		}
	})
}

func TestAProcessThatGetsNoProcessorBlamesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The timetable is stuck in a callback, as it would be without a
		// processor. The hanging probe times out meanwhile.
		var started time.Time
		cfg := schedule.Config{
			Entries: []schedule.Entry{
				{Probe: slow{name: "deaf", took: 11 * time.Second, deaf: true}, Interval: 5 * time.Second},
				{Probe: slow{name: "hangs", took: time.Hour}, Interval: 8 * time.Second},
				{Probe: slow{name: "works", took: time.Second}, Interval: 5 * time.Second},
			},
			Missed: func(probe string, _ int) {
				if probe == "deaf" && started.IsZero() {
					started = time.Now()
					time.Sleep(12 * time.Second)
				}
			},
		}
		w := observe(t, cfg, time.Minute)
		if w.count("works", verdict.Saturated) < 2 {
			t.Errorf("starts that passed by unseen are not ours: %+v", w.results)
		}
		excused := 0
		for _, result := range w.results {
			ended := result.Started.Add(time.Duration(result.MS) * time.Millisecond)
			if result.Reason == verdict.Timeout && ended.After(started.Add(time.Second)) && ended.Before(started.Add(12*time.Second)) {
				t.Errorf("a timeout at %s is the target's, though nobody looked since %s", ended, started)
			}
			if result.Probe == "hangs" && result.Reason == verdict.Saturated && result.MS > 0 {
				excused++
				if !strings.Contains(result.Detail, "no processor") || !strings.Contains(result.Detail, "was not over after") {
					t.Errorf("detail %q", result.Detail)
				}
			}
		}
		if excused == 0 {
			t.Error("no timeout was excused")
		}
		if w.count("hangs", verdict.Timeout) == 0 || w.count("works", verdict.OK) == 0 {
			t.Error("the schedule did not recover")
		}
	})
}
