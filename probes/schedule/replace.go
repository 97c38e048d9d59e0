package schedule

import (
	"container/heap"
	"fmt"
	"slices"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// Change is what a reload changed, by names of probes in order.
type Change struct {
	Added, Removed, Changed []string
	// Kept is how many probes were left alone.
	Kept int
}

// Replace puts entries in the place of those that the schedule has. A probe
// whose entry is the same keeps its phase, its state and its runs. Runs under
// way of a probe that is changed or taken out end as they would have, and a
// changed probe does not overlap them. New probes start at their phase. When
// entries are refused, the schedule stays as it was.
func (s *Schedule) Replace(entries []Entry) (Change, error) {
	if err := check(entries); err != nil {
		return Change{}, err
	}
	change, gone := s.replace(entries)
	for _, name := range gone {
		s.cfg.Removed(name)
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return change, nil
}

// replace returns what changed and which probes are gone with no run under way.
func (s *Schedule) replace(entries []Entry) (change Change, gone []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	elapsed := s.clock.read()
	now := time.Now()
	wanted := make(map[string]bool, len(entries))
	for _, entry := range entries {
		name := entry.Probe.Name()
		wanted[name] = true
		known, ok := s.planned[name]
		switch {
		case !ok:
			s.add(name, entry, now, elapsed)
			change.Added = append(change.Added, name)
		case known.entry.same(entry):
			change.Kept++
		default:
			s.change(known, entry, now, elapsed)
			change.Changed = append(change.Changed, name)
		}
	}
	for name, known := range s.planned {
		if wanted[name] {
			continue
		}
		change.Removed = append(change.Removed, name)
		heap.Remove(&s.table, known.index)
		delete(s.planned, name)
		if known.under > 0 {
			s.leaving[name] = known
		} else {
			gone = append(gone, name)
		}
	}
	slices.Sort(change.Added)
	slices.Sort(change.Removed)
	slices.Sort(change.Changed)
	return change, gone
}

// same reports whether a probe goes on as it is. Entries without a version
// cannot be told apart, so they count as changed.
func (e Entry) same(other Entry) bool {
	return e.Version != "" && e.Version == other.Version && e.Interval == other.Interval && e.overlap() == other.overlap()
}

func (e Entry) overlap() int { return max(e.Overlap, 1) }

// add plans a probe. One that was taken out and still has runs under way comes
// back with them, so that they do not overlap with new ones.
func (s *Schedule) add(name string, entry Entry, now time.Time, elapsed time.Duration) {
	p, ok := s.leaving[name]
	if ok {
		delete(s.leaving, name)
	} else {
		p = &planned{index: -1}
	}
	s.planned[name] = p
	p.set(entry)
	p.due = elapsed + s.untilFirst(name, entry, now)
	heap.Push(&s.table, p)
}

// change gives a probe another entry; its next start moves only where its
// interval did.
func (s *Schedule) change(p *planned, entry Entry, now time.Time, elapsed time.Duration) {
	moved := entry.Interval != p.entry.Interval
	p.set(entry)
	if moved {
		p.due = elapsed + s.untilFirst(entry.Probe.Name(), entry, now)
		heap.Fix(&s.table, p.index)
	}
}

// untilFirst is the time until the first start. The wall clock decides it and
// no other: later starts are one interval apart, whatever the wall clock does.
func (s *Schedule) untilFirst(name string, entry Entry, now time.Time) time.Duration {
	return next(now, Phase(name, s.cfg.Checkpoint, entry.Interval), entry.Interval).Sub(now)
}

// set takes over an entry and works out how long its runs may take. They end
// a little before the next start is due, so that it finds them ended.
func (p *planned) set(entry Entry) {
	p.entry = entry
	whole := entry.Interval * time.Duration(entry.overlap())
	p.limit = whole - min(entry.Interval/10, 250*time.Millisecond)
	p.tooLong = &exchange.Failure{
		Reason: verdict.Timeout,
		Detail: fmt.Sprintf("the run was not over after %s, when the next one was due", p.limit),
	}
}
