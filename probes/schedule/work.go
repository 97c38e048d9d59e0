package schedule

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
)

// patience is how long a worker waits for another run. Its stack has grown to
// what a run needs, and growing that of a new one is a good part of a run's cost.
const patience = time.Second

// work makes a run in the slot it was given, then, in the same slot, those that
// wait for one, and then whatever else is due while it waits.
func (s *Schedule) work(ctx context.Context, run start) {
	waiting := time.NewTimer(patience)
	defer waiting.Stop()
	for {
		for more := true; more; run, more = s.release(ctx, run) {
			s.run(ctx, run)
		}
		waiting.Reset(patience)
		select {
		case run = <-s.idle:
		case <-waiting.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// run makes one run.
func (s *Schedule) run(ctx context.Context, run start) {
	started := time.Now()
	begun := s.clock.read()
	if late := begun - run.due; late > s.cfg.Grace {
		// It was given a slot, but this process is too busy to use it.
		s.settle([]unstarted{{start: run, starts: 1, reason: verdict.Saturated, detail: gap{}.explain(late)}})
		return
	}
	s.cfg.Started(run.entry.Probe.Name(), begun-run.due)
	bounded, cancel := run.bound(ctx, begun)
	result := s.guarded(bounded, run.entry.Probe)
	cancel()
	ended := s.clock.read()
	// The intended start is told by the wall clock as it is now.
	result.Intended = started.Add(run.due - begun).UTC()
	result.LatencyMS = float64((ended - run.due).Microseconds()) / 1000
	result.IntervalMS = run.entry.Interval.Milliseconds()
	result.Checkpoint = s.cfg.Checkpoint
	s.excuse(&result, begun)
	s.finish(result)
}

// excuse turns a failure into unknown that this process may have made itself: it
// was not awake when the answer came.
func (s *Schedule) excuse(result *probes.Result, begun time.Duration) {
	if result.Verdict != verdict.Fail || !aboutTime(result.Reason) {
		return
	}
	s.mu.Lock()
	now, asleep := s.clock.look()
	hole, found := s.blind.during(begun, now, asleep)
	s.mu.Unlock()
	if found {
		result.End(verdict.Saturated, fmt.Sprintf("%s during the run; without that: %s", hole.explain(0), result.Detail))
	}
}

// aboutTime reports whether a failure may come from being slow. Others, such as
// a wrong certificate, are the same however late we look.
func aboutTime(reason verdict.Reason) bool {
	switch reason {
	case verdict.Timeout, verdict.Slow, verdict.Reset, verdict.DNS:
		return true
	default:
		return false
	}
}

// guarded runs a probe. A probe that panics is broken, and the others are not.
func (s *Schedule) guarded(ctx context.Context, probe probes.Probe) (result probes.Result) {
	started := time.Now()
	defer func() {
		if broken := recover(); broken != nil {
			result = probes.Result{
				Probe: probe.Name(), Target: s.cfg.Target, RunID: telemetry.RunID(), Started: started.UTC(),
			}
			result.End(verdict.Internal, fmt.Sprintf("the probe itself went wrong: panic at %s: %v", panickedAt(), broken))
		}
	}()
	return probe.Run(ctx)
}

// panickedAt says which line panicked; a deferred function may ask.
func panickedAt() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	inPanic := false
	for {
		frame, more := frames.Next()
		ofRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if inPanic && !ofRuntime {
			return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		}
		inPanic = inPanic || ofRuntime
		if !more {
			return "an unknown place"
		}
	}
}

// release gives the slot of a run that has ended to one that waits for it.
func (s *Schedule) release(ctx context.Context, ended start) (following start, more bool) {
	s.leave(ended)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 && ctx.Err() == nil {
		following = s.waiting[0]
		s.waiting = s.waiting[1:]
		return following, true
	}
	s.free++
	return start{}, false
}

// leave ends the place of a run among those of its probe.
func (s *Schedule) leave(run start) {
	s.mu.Lock()
	p, name := run.planned, run.entry.Probe.Name()
	p.under--
	gone := p.under == 0 && s.leaving[name] == p
	if gone {
		delete(s.leaving, name)
	}
	s.mu.Unlock()
	if gone {
		s.cfg.Removed(name)
	}
}
