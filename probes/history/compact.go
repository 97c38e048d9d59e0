package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tocsin/internal/journal"
)

// Retention is how long runs that passed stay whole in the journal.
type Retention struct {
	// Whole is their age. Default a day.
	Whole time.Duration
	// Most is how many of them there may be, whatever their age. Default
	// 100,000, which is some 130 MB.
	Most int
}

func (r *Retention) defaults() {
	if r.Whole == 0 {
		r.Whole = 24 * time.Hour
	}
	if r.Most == 0 {
		r.Most = 100_000
	}
}

// atOnce bounds the runs of one compaction, and with it memory.
const atOnce = 200_000

// Compact replaces runs that passed and are older than retention allows, and
// returns how many.
func (h *History) Compact(ctx context.Context, retention Retention, now time.Time) (int, error) {
	retention.defaults()
	if err := h.journal.Sweep(ctx); err != nil {
		return 0, fmt.Errorf("compact history: %w", err)
	}
	total := 0
	for {
		// What is compacted must have been counted: see CatchUp.
		if err := h.CatchUp(ctx); err != nil {
			return total, err
		}
		count, err := h.compactOnce(ctx, retention, now)
		total += count
		if err != nil {
			return total, fmt.Errorf("compact history: %w", err)
		}
		if count < atOnce {
			return total, nil
		}
	}
}

func (h *History) compactOnce(ctx context.Context, retention Retention, now time.Time) (int, error) {
	after, err := h.journal.Compacted(ctx)
	if err != nil {
		return 0, err
	}
	present, err := h.journal.Compactable(ctx)
	if err != nil {
		return 0, err
	}
	// Too many go a quarter at a time, or each segment would be of a few runs.
	tooMany := 0
	if present > retention.Most {
		tooMany = present - retention.Most*3/4
	}
	// Whole hours, so that an hour of a series is one segment.
	before := now.Add(-retention.Whole).Truncate(time.Hour)
	old := gatherer{hours: make(map[hourKey][]Run)}
	for old.count < atOnce {
		events, err := h.journal.Read(ctx, journal.Query{AfterSeq: max(old.upto, after), Compactable: true, Limit: page})
		if err != nil {
			return 0, err
		}
		took, err := old.take(events, func(event journal.Event) bool {
			return old.count < tooMany || event.Time.Before(before)
		})
		if err != nil {
			return 0, err
		}
		if took < page {
			break
		}
	}
	if old.count == 0 {
		return 0, nil
	}
	segments, err := old.segments()
	if err != nil {
		return 0, err
	}
	return old.count, h.journal.Compact(ctx, journal.Compaction{After: after, Upto: old.upto, Segments: segments})
}

type hourKey struct {
	series Series
	hour   int64
}

// gatherer gathers runs by series and hour.
type gatherer struct {
	hours map[hourKey][]Run
	count int
	upto  int64
}

// take gathers events while old says so, and returns how many.
func (g *gatherer) take(events []journal.Event, old func(journal.Event) bool) (int, error) {
	for index, event := range events {
		if !old(event) {
			return index, nil
		}
		run, err := runOf(event)
		if err != nil {
			return index, err
		}
		key := hourKey{run.Series, run.hour()}
		g.hours[key] = append(g.hours[key], run)
		g.count++
		g.upto = event.Seq
	}
	return len(events), nil
}

func (g *gatherer) segments() ([]journal.Segment, error) {
	segments := make([]journal.Segment, 0, len(g.hours))
	for key, runs := range g.hours {
		name, err := key.series.key()
		if err != nil {
			return nil, err
		}
		segments = append(segments, journal.Segment{Series: name, Hour: key.hour, Events: len(runs), Data: encodeSegment(runs)})
	}
	slices.SortFunc(segments, func(a, b journal.Segment) int {
		return cmp.Or(cmp.Compare(a.Series, b.Series), cmp.Compare(a.Hour, b.Hour))
	})
	return segments, nil
}

// Keep compacts every interval until ctx ends, and tells failed of each time it
// could not.
func (h *History) Keep(ctx context.Context, retention Retention, interval time.Duration, failed func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := h.Compact(ctx, retention, time.Now()); err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
}
