package schedule_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/verdict"
	"tocsin/probes/schedule"
)

func entry(name, version string, interval, took time.Duration) schedule.Entry {
	return schedule.Entry{Probe: slow{name: name, took: took}, Interval: interval, Version: version}
}

func TestAReloadLeavesAloneWhatIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, schedule.Config{Entries: []schedule.Entry{
			entry("same", "1", 5*time.Second, 3*time.Second), entry("changed", "1", 5*time.Second, 3*time.Second),
			entry("moved", "1", 5*time.Second, 3*time.Second), entry("removed", "1", 5*time.Second, 3*time.Second),
		}})
		time.Sleep(30 * time.Second)
		change, err := w.Replace([]schedule.Entry{
			entry("same", "1", 5*time.Second, time.Second), entry("changed", "2", 5*time.Second, time.Second),
			entry("moved", "1", 10*time.Second, time.Second), entry("added", "1", 5*time.Second, time.Second),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := schedule.Change{Added: []string{"added"}, Removed: []string{"removed"}, Changed: []string{"changed", "moved"}, Kept: 1}
		if diff := cmp.Diff(want, change); diff != "" {
			t.Error(diff)
		}
		time.Sleep(30 * time.Second)
		w.stop()
		for name, starts := range map[string]int{"same": 12, "changed": 12, "moved": 9, "removed": 6, "added": 6} {
			count := 0
			interval := 5 * time.Second
			for _, result := range w.results {
				if result.Probe != name {
					continue
				}
				count++
				if name == "moved" && count > 6 {
					interval = 10 * time.Second
				}
				phase := schedule.Phase(name, "", interval)
				if got := result.Intended.Sub(result.Intended.Truncate(interval)); got != phase {
					t.Errorf("%s ran at phase %s, want %s", name, got, phase)
				}
			}
			if count != starts {
				t.Errorf("%s: %d runs, want %d", name, count, starts)
			}
		}
		if w.allMissed() != 0 || w.count("removed", verdict.Stopped) != 0 {
			t.Errorf("%d missed; runs under way at the reload must end by themselves", w.allMissed())
		}
		if w.gone() != "[removed]" {
			t.Errorf("gone: %v", w.gone())
		}
	})
}

func TestARemovedProbeIsGoneWhenItsLastRunIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := entry("other", "1", 5*time.Second, time.Second)
		w := watch(t, schedule.Config{Entries: []schedule.Entry{entry("long", "1", time.Minute, 30*time.Second), other}})
		time.Sleep(schedule.Phase("long", "", time.Minute) + time.Second)
		replace(t, w, []schedule.Entry{other})
		time.Sleep(time.Second)
		if w.gone() != "[]" {
			t.Error("gone while a run is under way: its result would bring its series back")
		}
		// It comes back before that run has ended, and must not overlap it.
		deaf := schedule.Entry{Probe: slow{name: "long", took: 30 * time.Second}, Interval: 2 * time.Second, Version: "2"}
		replace(t, w, []schedule.Entry{deaf, other})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if missed := w.allMissed(); missed != 5 {
			t.Errorf("%d of 5 starts missed while the old run is under way", missed)
		}
		replace(t, w, []schedule.Entry{other})
		time.Sleep(time.Minute)
		if w.gone() != "[long]" {
			t.Errorf("gone: %v", w.gone())
		}
		w.stop()
		if w.count("long", verdict.OK) != 1 {
			t.Errorf("the run under way did not end by itself: %+v", w.results)
		}
	})
}

func replace(t *testing.T, w *watched, entries []schedule.Entry) {
	t.Helper()
	if _, err := w.Replace(entries); err != nil {
		t.Fatal(err)
	}
}

func TestAReloadWithoutSenseChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, schedule.Config{Entries: one(slow{name: "login", took: time.Second}, 1)})
		time.Sleep(30 * time.Second)
		if _, err := w.Replace([]schedule.Entry{{Probe: slow{name: "login"}}}); err == nil {
			t.Error("accepted")
		}
		time.Sleep(30 * time.Second)
		w.stop()
		if len(w.results) != 12 || w.allMissed() != 0 {
			t.Errorf("%d runs, %d missed", len(w.results), w.allMissed())
		}
	})
}
