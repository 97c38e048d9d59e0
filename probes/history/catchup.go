package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tocsin/internal/journal"
)

// page is how many events are read and counted in one transaction.
const page = 4000

// CatchUp counts what the journal recorded since the last time. When it was left
// so far behind that a segment stands for events it has not seen, it begins
// anew.
func (h *History) CatchUp(ctx context.Context) error {
	for {
		more, err := h.step(ctx)
		if err != nil {
			return fmt.Errorf("bring history up to date: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// step does one transaction's worth. The transaction holds the file, so that of
// several processes each counts what the others have not.
func (h *History) step(ctx context.Context) (more bool, err error) {
	err = h.transact(ctx, func(transaction *sql.Tx) error {
		var done int64
		if err := transaction.QueryRowContext(ctx, "SELECT seq FROM progress").Scan(&done); err != nil {
			return fmt.Errorf("read progress: %w", err)
		}
		compacted, err := h.journal.Compacted(ctx)
		if err != nil {
			return err
		}
		w := &writer{transaction: transaction, ids: make(map[Series]int64)}
		if done < compacted {
			more = true
			return h.beginAnew(ctx, w, compacted)
		}
		events, err := h.journal.Read(ctx, journal.Query{AfterSeq: done, Limit: page})
		if err != nil || len(events) == 0 {
			return err
		}
		more = len(events) == page
		// A compaction between the two reads may have taken events away.
		if again, err := h.journal.Compacted(ctx); err != nil || again != compacted {
			more = true
			return err
		}
		folded := newFold()
		for _, event := range events {
			folded.event(event)
		}
		if err := w.write(ctx, folded); err != nil {
			return err
		}
		return w.progress(ctx, events[len(events)-1].Seq)
	})
	return more, err
}

// event counts one event. A run that cannot be read is left out: it was
// recorded by a newer version, or by a mistake, and must not stop all the others
// from being shown.
func (f *fold) event(event journal.Event) {
	if event.Kind != journal.KindProbeRun {
		return
	}
	run, err := runOf(event)
	if err != nil || run.Probe == "" || run.At.IsZero() {
		return
	}
	f.add(run, event.Compactable)
}

func (w *writer) progress(ctx context.Context, seq int64) error {
	if _, err := w.transaction.ExecContext(ctx, "UPDATE progress SET seq = ?", seq); err != nil {
		return fmt.Errorf("write progress: %w", err)
	}
	return nil
}

// beginAnew counts every segment, and what was kept whole beside them.
func (h *History) beginAnew(ctx context.Context, w *writer, compacted int64) error {
	for _, table := range []string{"series", "hours", "days", "reasons", "kept"} {
		if _, err := w.transaction.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return fmt.Errorf("empty %s: %w", table, err)
		}
	}
	if err := h.foldSegments(ctx, w); err != nil {
		return err
	}
	for after := int64(0); ; {
		events, err := h.journal.Read(ctx, journal.Query{AfterSeq: after, UptoSeq: compacted, Limit: page})
		if err != nil {
			return err
		}
		folded := newFold()
		for _, event := range events {
			folded.event(event)
			after = event.Seq
		}
		if err := w.write(ctx, folded); err != nil {
			return err
		}
		if len(events) < page {
			return w.progress(ctx, compacted)
		}
	}
}

// foldSegments writes one series after the other: they are read in that order,
// and a year of one is small.
func (h *History) foldSegments(ctx context.Context, w *writer) error {
	folded := newFold()
	last := ""
	var series Series
	err := h.journal.Segments(ctx, journal.Span{}, func(segment journal.Segment) error {
		if segment.Series != last {
			if err := w.write(ctx, folded); err != nil {
				return err
			}
			folded = newFold()
			last = segment.Series
			var err error
			series, err = seriesOf(segment.Series)
			if err != nil {
				return err
			}
		}
		return decodeSegment(segment.Hour, segment.Data, func(b block) { folded.addBlock(series, segment.Hour, b) })
	})
	return errors.Join(err, w.write(ctx, folded))
}
