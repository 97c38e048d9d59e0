package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
)

// Filter selects runs; a zero field selects all.
type Filter struct {
	Target     string
	Probe      string
	Checkpoint string
	Verdicts   []verdict.Verdict
	Reason     verdict.Reason
	// Since is the first, Until the first no longer wanted.
	Since, Until time.Time
	// Limit is how many runs at most, the newest of them. Default 50.
	Limit int
}

func (f Filter) wants(run Run) bool {
	return f.series(run.Series) &&
		(len(f.Verdicts) == 0 || slices.Contains(f.Verdicts, run.Verdict)) &&
		(f.Reason == "" || f.Reason == run.Reason) &&
		(f.Since.IsZero() || !run.At.Before(f.Since)) && (f.Until.IsZero() || run.At.Before(f.Until))
}

func (f Filter) series(s Series) bool {
	return (f.Target == "" || f.Target == s.Target) && (f.Probe == "" || f.Probe == s.Probe) && (f.Checkpoint == "" || f.Checkpoint == s.Checkpoint)
}

// passes reports whether runs that passed at once may be wanted.
func (f Filter) passes() bool {
	return (len(f.Verdicts) == 0 || slices.Contains(f.Verdicts, verdict.Pass)) && (f.Reason == "" || f.Reason == verdict.OK)
}

// Runs returns the runs that filter selects, newest first. The history must be
// up to date; see CatchUp.
func (h *History) Runs(ctx context.Context, filter Filter) ([]Run, error) {
	if filter.Limit <= 0 {
		filter.Limit = 50
	}
	found, err := h.keptRuns(ctx, filter)
	if err != nil {
		return nil, err
	}
	if filter.passes() {
		whole, err := h.wholePasses(ctx, filter)
		if err != nil {
			return nil, err
		}
		found = newest(append(found, whole...), filter.Limit)
		compacted, err := h.compactedPasses(ctx, filter, found)
		if err != nil {
			return nil, err
		}
		found = append(found, compacted...)
	}
	return newest(found, filter.Limit), nil
}

func newest(runs []Run, limit int) []Run {
	slices.SortStableFunc(runs, func(a, b Run) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Probe, b.Probe), cmp.Compare(a.Checkpoint, b.Checkpoint))
	})
	return runs[:min(len(runs), limit)]
}

// keptRuns finds what is not compactable through its index, and reads it from
// the journal.
func (h *History) keptRuns(ctx context.Context, filter Filter) ([]Run, error) {
	seqs, err := h.keptSeqs(ctx, filter)
	if err != nil {
		return nil, err
	}
	runs := make([]Run, 0, len(seqs))
	for _, seq := range seqs {
		events, err := h.journal.Read(ctx, journal.Query{AfterSeq: seq - 1, Limit: 1})
		if err != nil {
			return nil, fmt.Errorf("read run: %w", err)
		}
		for _, event := range events {
			run, err := runOf(event)
			if err != nil {
				return nil, err
			}
			runs = append(runs, run)
		}
	}
	return runs, nil
}

func (h *History) keptSeqs(ctx context.Context, filter Filter) ([]int64, error) {
	var conditions []string
	var values []any
	where := func(condition string, value any) {
		conditions = append(conditions, condition)
		values = append(values, value)
	}
	for column, value := range map[string]string{"target": filter.Target, "probe": filter.Probe, "checkpoint": filter.Checkpoint, "reason": string(filter.Reason)} {
		if value != "" {
			where(column+" = ?", value)
		}
	}
	if !filter.Since.IsZero() {
		where("at_ms >= ?", filter.Since.UnixMilli())
	}
	if !filter.Until.IsZero() {
		where("at_ms < ?", filter.Until.UnixMilli())
	}
	if len(filter.Verdicts) > 0 {
		conditions = append(conditions, "verdict IN (?"+strings.Repeat(", ?", len(filter.Verdicts)-1)+")")
		for _, one := range filter.Verdicts {
			values = append(values, one)
		}
	}
	statement := "SELECT seq FROM kept JOIN series ON series.id = kept.series"
	if len(conditions) > 0 {
		statement += " WHERE " + strings.Join(conditions, " AND ")
	}
	var seqs []int64
	err := h.query(ctx, func(scan func(...any) error) error {
		var seq int64
		if err := scan(&seq); err != nil {
			return err
		}
		seqs = append(seqs, seq)
		return nil
	}, statement+" ORDER BY at_ms DESC LIMIT ?", append(values, filter.Limit)...)
	return seqs, err
}

// wholePasses reads the passes that are not compacted, newest first.
func (h *History) wholePasses(ctx context.Context, filter Filter) ([]Run, error) {
	var found []Run
	for upto := int64(0); len(found) < filter.Limit; {
		events, err := h.journal.Read(ctx, journal.Query{Compactable: true, UptoSeq: upto, Newest: true, Limit: 1000})
		if err != nil {
			return nil, fmt.Errorf("read runs: %w", err)
		}
		for _, event := range events {
			run, err := runOf(event)
			if err != nil {
				return nil, err
			}
			if filter.wants(run) {
				found = append(found, run)
			}
			upto = event.Seq - 1
		}
		if len(events) < 1000 || upto == 0 || tooOld(events[len(events)-1], filter) {
			break
		}
	}
	return found, nil
}

// tooOld reports whether an event was recorded so long before what is wanted
// that nothing before it can be. A run ends after it began, and a checkpoint
// that was cut off reports later still: never earlier.
func tooOld(event journal.Event, filter Filter) bool {
	return !filter.Since.IsZero() && event.Time.Before(filter.Since)
}

// compactedPasses reads segments from the newest hour back, until enough is
// found that is newer than all that could follow.
func (h *History) compactedPasses(ctx context.Context, filter Filter, have []Run) ([]Run, error) {
	series, err := h.Series(ctx)
	if err != nil {
		return nil, err
	}
	series = slices.DeleteFunc(series, func(s Series) bool { return !filter.series(s) })
	first, last, err := h.span(ctx, filter)
	if err != nil || len(series) == 0 {
		return nil, err
	}
	var found []Run
	for hour := last; hour >= first; hour-- {
		begins := time.UnixMilli((hour + 1) * 3_600_000)
		newer := func(run Run) bool { return !run.At.Before(begins) }
		if count(have, newer)+len(found) >= filter.Limit {
			break
		}
		for _, one := range series {
			runs, err := h.segmentsOf(ctx, one, hour)
			if err != nil {
				return nil, err
			}
			found = append(found, slices.DeleteFunc(runs, func(run Run) bool { return !filter.wants(run) })...)
		}
	}
	return found, nil
}

func count[T any](all []T, is func(T) bool) int {
	total := 0
	for _, one := range all {
		if is(one) {
			total++
		}
	}
	return total
}

// span is the first and last hour in which there may be runs that filter wants.
func (h *History) span(ctx context.Context, filter Filter) (first, last int64, err error) {
	first, last = 0, -1
	err = h.query(ctx, func(scan func(...any) error) error { return scan(&first, &last) },
		"SELECT coalesce(min(day), 0) * 24, coalesce(max(day), -1) * 24 + 23 FROM days")
	if !filter.Since.IsZero() {
		first = max(first, floor(filter.Since.UnixMilli(), 3_600_000))
	}
	if !filter.Until.IsZero() {
		last = min(last, floor(filter.Until.UnixMilli(), 3_600_000))
	}
	return first, last, err
}

func (h *History) segmentsOf(ctx context.Context, series Series, hour int64) ([]Run, error) {
	key, err := series.key()
	if err != nil {
		return nil, err
	}
	var all []Run
	err = h.journal.Segments(ctx, journal.Span{Series: key, From: hour, Until: hour + 1}, func(segment journal.Segment) error {
		runs, err := segmentRuns(series, segment.Hour, segment.Data)
		all = append(all, runs...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return all, nil
}
