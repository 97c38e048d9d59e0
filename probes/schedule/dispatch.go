package schedule

import (
	"container/heap"
	"context"
	"fmt"
	"time"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
)

// heartbeat is how often the timetable looks at the clock at least: how long
// this process gets no processor shows only when it means to wake up.
const heartbeat = 250 * time.Millisecond

// keepTime starts runs when they are due, until ctx ends.
func (s *Schedule) keepTime(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.settle(s.giveUp())
			return
		case <-timer.C:
		case <-s.changed:
		}
		unstarted, wait := s.startDue(ctx)
		s.settle(unstarted)
		timer.Reset(wait)
	}
}

// unstarted is a run, or several of one probe in a row, that could not start.
type unstarted struct {
	start
	starts int
	reason verdict.Reason
	detail string
	// waited is set for a run that waited for a slot.
	waited bool
}

// startDue starts what is due and returns what could not start, and how long
// nothing is to do.
func (s *Schedule) startDue(ctx context.Context) (missed []unstarted, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, asleep := s.clock.look()
	hole, _ := s.blind.woke(now, asleep)
	missed = s.expire(now, missed)
	for len(s.table) > 0 && s.table[0].due <= now {
		p := s.table[0]
		if late := now - p.due; late > s.cfg.Grace {
			skipped := int((late-s.cfg.Grace-1)/p.entry.Interval) + 1
			missed = append(missed, unstarted{
				start: p.start(), starts: skipped, reason: hole.reason(), detail: hole.explain(late),
			})
			p.due += time.Duration(skipped) * p.entry.Interval
		} else {
			missed = s.launch(ctx, p, missed)
			p.due += p.entry.Interval
		}
		heap.Fix(&s.table, 0)
	}
	wait = heartbeat
	if len(s.table) > 0 {
		wait = min(wait, s.table[0].due-now)
	}
	if len(s.waiting) > 0 {
		wait = min(wait, s.waiting[0].due+s.cfg.Grace-now+1)
	}
	s.blind.expected = now + wait
	return missed, wait
}

// launch starts the run of p that is due, or lets it wait for a slot.
func (s *Schedule) launch(ctx context.Context, p *planned, missed []unstarted) []unstarted {
	if p.under >= p.entry.overlap() {
		detail := "the run before is still under way"
		if p.under > 1 {
			detail = fmt.Sprintf("%d earlier runs are still under way", p.under)
		}
		return append(missed, unstarted{start: p.start(), starts: 1, reason: verdict.Missed, detail: detail})
	}
	p.under++
	if s.free == 0 {
		s.waiting = append(s.waiting, p.start())
		return missed
	}
	s.free--
	run := p.start()
	select {
	case s.idle <- run:
	default:
		s.running.Go(func() { s.work(ctx, run) })
	}
	return missed
}

// expire gives up the runs that have waited for a slot as long as they may.
func (s *Schedule) expire(now time.Duration, missed []unstarted) []unstarted {
	for len(s.waiting) > 0 && now-s.waiting[0].due > s.cfg.Grace {
		missed = append(missed, unstarted{
			start: s.waiting[0], starts: 1, waited: true, reason: verdict.Saturated,
			detail: fmt.Sprintf("all %d slots for runs were taken for %s", s.cfg.Concurrency, s.cfg.Grace),
		})
		s.waiting = s.waiting[1:]
	}
	return missed
}

// giveUp returns the runs that still wait for a slot when the schedule ends.
func (s *Schedule) giveUp() []unstarted {
	s.mu.Lock()
	defer s.mu.Unlock()
	missed := make([]unstarted, 0, len(s.waiting))
	for _, waiting := range s.waiting {
		missed = append(missed, unstarted{
			start: waiting, starts: 1, waited: true, reason: verdict.Stopped, detail: "tocsin was stopped before a slot was free",
		})
	}
	s.waiting = nil
	return missed
}

// settle accounts for runs that could not start: unknown, never good or bad.
func (s *Schedule) settle(missed []unstarted) {
	for _, run := range missed {
		now := time.Now()
		elapsed := s.clock.read()
		name := run.entry.Probe.Name()
		result := probes.Result{
			Probe: name, Target: s.cfg.Target, Checkpoint: s.cfg.Checkpoint, RunID: telemetry.RunID(),
			Started: now.UTC(), Intended: now.Add(run.due - elapsed).UTC(),
			IntervalMS: run.entry.Interval.Milliseconds(),
		}
		detail := "the run could not start: "
		if run.starts > 1 {
			result.Runs = run.starts
			detail = fmt.Sprintf("%d runs, one every %s, could not start: ", run.starts, run.entry.Interval)
		}
		result.End(run.reason, detail+run.detail)
		s.cfg.Missed(name, run.starts)
		s.finish(result)
		if run.waited {
			s.leave(run.start)
		}
	}
}

func (s *Schedule) finish(result probes.Result) {
	result.Maintenance = s.cfg.Maintenance(result.Probe, result.Intended)
	s.cfg.Ended(result)
	s.results.put(result)
}

// reason of a run that was due in g.
func (g gap) reason() verdict.Reason {
	if g.asleep {
		return verdict.Missed
	}
	return verdict.Saturated
}

// explain says why a run is late that was due in g.
func (g gap) explain(late time.Duration) string {
	switch {
	case g.asleep:
		return fmt.Sprintf("this machine was asleep for about %s", g.length().Round(time.Second))
	case g.length() > 0:
		return fmt.Sprintf("this process got no processor for %s", g.length().Round(time.Millisecond))
	default:
		return fmt.Sprintf("this process was %s behind its timetable", late.Round(time.Millisecond))
	}
}
