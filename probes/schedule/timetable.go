package schedule

import (
	"context"
	"time"
)

// planned is one probe of the schedule and where it stands.
type planned struct {
	entry Entry
	// due is its next intended start, on the clock of the schedule.
	due time.Duration
	// under is how many of its runs are under way or wait for a slot.
	under int
	// index is its place in the timetable, -1 outside.
	index int
	// limit is how long a run may take from its intended start, and tooLong the
	// cause with which a run ends that takes longer.
	limit   time.Duration
	tooLong error
}

// start is one run that is due.
type start struct {
	planned *planned
	// entry is that of the time of the start: a reload does not change a run.
	entry   Entry
	due     time.Duration
	limit   time.Duration
	tooLong error
}

func (p *planned) start() start {
	return start{planned: p, entry: p.entry, due: p.due, limit: p.limit, tooLong: p.tooLong}
}

// bound ends the context of a run when it must be over.
func (s start) bound(ctx context.Context, now time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.due+s.limit-now, s.tooLong)
}

// timetable is a heap of probes, the earliest due first (container/heap).
type timetable []*planned

func (t timetable) Len() int           { return len(t) }
func (t timetable) Less(i, j int) bool { return t[i].due < t[j].due }

func (t timetable) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

// Push implements heap.Interface.
func (t *timetable) Push(x any) {
	p := x.(*planned)
	p.index = len(*t)
	*t = append(*t, p)
}

// Pop implements heap.Interface.
func (t *timetable) Pop() any {
	last := len(*t) - 1
	p := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	p.index = -1
	return p
}
