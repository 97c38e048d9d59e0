package history

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// query hands each row of the answer to use.
func (h *History) query(ctx context.Context, use func(scan func(...any) error) error, statement string, values ...any) (err error) {
	rows, err := h.db.QueryContext(ctx, statement, values...)
	if err != nil {
		return fmt.Errorf("read history: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := use(rows.Scan); err != nil {
			return fmt.Errorf("read history: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read history: %w", err)
	}
	return nil
}

// Series returns all there is, by probe and checkpoint.
func (h *History) Series(ctx context.Context) ([]Series, error) {
	var all []Series
	err := h.query(ctx, func(scan func(...any) error) error {
		var one Series
		if err := scan(&one.Target, &one.Probe, &one.Checkpoint); err != nil {
			return err
		}
		all = append(all, one)
		return nil
	}, "SELECT target, probe, checkpoint FROM series ORDER BY probe, checkpoint, target")
	return all, err
}

// Selection is of which series and time figures are asked; a zero string selects
// all.
type Selection struct {
	Target, Probe, Checkpoint string
	From, Until               time.Time
}

// days reads the days of a selection, which must be whole days of UTC.
func (h *History) days(ctx context.Context, s Selection) (map[at]*cell, error) {
	found := make(map[at]*cell)
	err := h.query(ctx, func(scan func(...any) error) error {
		var key at
		var encoded []byte
		one := &cell{sketch: make(Sketch)}
		c := &one.Count
		err := scan(&key.series.Target, &key.series.Probe, &key.series.Checkpoint, &key.unit, &key.maintenance,
			&c.Good, &c.Retried, &c.Bad, &c.Unknown, &c.GoodMS, &c.BadMS, &c.UnknownMS, &one.slowest, &encoded)
		if err != nil {
			return err
		}
		found[key] = one
		return one.sketch.addEncoded(encoded)
	}, `SELECT target, probe, checkpoint, day, maintenance, good, retried, bad, unknown, good_ms, bad_ms, unknown_ms, slowest, sketch
		FROM series JOIN days ON days.series = series.id AND day >= ? AND day < ?`+of,
		append([]any{floor(s.From.UnixMilli(), 86_400_000), floor(s.Until.UnixMilli(), 86_400_000)}, s.values()...)...)
	return found, err
}

// hours reads the hours of a selection, which must be whole hours.
func (h *History) hours(ctx context.Context, s Selection) (map[at]*Count, error) {
	found := make(map[at]*Count)
	err := h.query(ctx, func(scan func(...any) error) error {
		var key at
		c := &Count{}
		err := scan(&key.series.Target, &key.series.Probe, &key.series.Checkpoint, &key.unit, &key.maintenance,
			&c.Good, &c.Retried, &c.Bad, &c.Unknown, &c.GoodMS, &c.BadMS, &c.UnknownMS)
		found[key] = c
		return err
	}, `SELECT target, probe, checkpoint, hour, maintenance, good, retried, bad, unknown, good_ms, bad_ms, unknown_ms
		FROM series JOIN hours ON hours.series = series.id AND hour >= ? AND hour < ?`+of,
		append([]any{floor(s.From.UnixMilli(), 3_600_000), floor(s.Until.UnixMilli(), 3_600_000)}, s.values()...)...)
	return found, err
}

// reasons counts the runs of a selection by series and reason, those that passed
// at once left out.
func (h *History) reasons(ctx context.Context, s Selection) (map[why]int64, error) {
	found := make(map[why]int64)
	err := h.query(ctx, func(scan func(...any) error) error {
		var key why
		var runs int64
		err := scan(&key.series.Target, &key.series.Probe, &key.series.Checkpoint, &key.reason, &runs)
		found[key] = runs
		return err
	}, `SELECT target, probe, checkpoint, reason, sum(runs)
		FROM series JOIN reasons ON reasons.series = series.id AND day >= ? AND day < ? AND reason <> 'ok'`+of+`
		GROUP BY series.id, reason`,
		append([]any{floor(s.From.UnixMilli(), 86_400_000), floor(s.Until.UnixMilli(), 86_400_000)}, s.values()...)...)
	return found, err
}

// of selects series.
const of = " WHERE (? = '' OR target = ?) AND (? = '' OR probe = ?) AND (? = '' OR checkpoint = ?)"

func (s Selection) values() []any {
	return []any{s.Target, s.Target, s.Probe, s.Probe, s.Checkpoint, s.Checkpoint}
}
