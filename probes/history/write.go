package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// writer adds folds to the tables within one transaction.
type writer struct {
	transaction *sql.Tx
	ids         map[Series]int64
}

const counts = "good = good + excluded.good, retried = retried + excluded.retried, bad = bad + excluded.bad, unknown = unknown + excluded.unknown, " +
	"good_ms = good_ms + excluded.good_ms, bad_ms = bad_ms + excluded.bad_ms, unknown_ms = unknown_ms + excluded.unknown_ms"

func (w *writer) write(ctx context.Context, f *fold) error {
	for _, table := range []func(context.Context, *fold) error{w.series, w.hours, w.days, w.reasons, w.kept} {
		if err := table(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) series(ctx context.Context, f *fold) error {
	for series, first := range f.first {
		row := w.transaction.QueryRowContext(ctx, `INSERT INTO series (target, probe, checkpoint, first_ms) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET first_ms = min(first_ms, excluded.first_ms) RETURNING id`,
			series.Target, series.Probe, series.Checkpoint, first)
		var id int64
		if err := row.Scan(&id); err != nil {
			return fmt.Errorf("write series: %w", err)
		}
		w.ids[series] = id
	}
	return nil
}

// each runs a statement once for every row that rows hands on.
func (w *writer) each(ctx context.Context, statement string, rows func(add func(values ...any) error) error) (err error) {
	prepared, err := w.transaction.PrepareContext(ctx, statement)
	if err != nil {
		return fmt.Errorf("prepare history: %w", err)
	}
	defer func() { err = errors.Join(err, prepared.Close()) }()
	return rows(func(values ...any) error {
		if _, err := prepared.ExecContext(ctx, values...); err != nil {
			return fmt.Errorf("write history: %w", err)
		}
		return nil
	})
}

func (w *writer) hours(ctx context.Context, f *fold) error {
	return w.each(ctx, "INSERT INTO hours VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "+counts, func(add func(...any) error) error {
		for key, c := range f.hours {
			if err := add(w.ids[key.series], key.unit, key.maintenance, c.Good, c.Retried, c.Bad, c.Unknown, c.GoodMS, c.BadMS, c.UnknownMS); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *writer) days(ctx context.Context, f *fold) error {
	statement := "INSERT INTO days VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET " + counts +
		", slowest = max(slowest, excluded.slowest), sketch = excluded.sketch"
	return w.each(ctx, statement, func(add func(...any) error) error {
		for key, c := range f.days {
			if err := w.known(ctx, key, c.sketch); err != nil {
				return err
			}
			if err := add(w.ids[key.series], key.unit, key.maintenance, c.Good, c.Retried, c.Bad, c.Unknown, c.GoodMS, c.BadMS, c.UnknownMS,
				c.slowest, c.sketch.encode()); err != nil {
				return err
			}
		}
		return nil
	})
}

// known adds to a sketch what its day has already.
func (w *writer) known(ctx context.Context, key at, sketch Sketch) error {
	var encoded []byte
	err := w.transaction.QueryRowContext(ctx, "SELECT sketch FROM days WHERE series = ? AND day = ? AND maintenance = ?",
		w.ids[key.series], key.unit, key.maintenance).Scan(&encoded)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read sketch: %w", err)
	}
	return sketch.addEncoded(encoded)
}

func (w *writer) reasons(ctx context.Context, f *fold) error {
	return w.each(ctx, "INSERT INTO reasons VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET runs = runs + excluded.runs", func(add func(...any) error) error {
		for key, runs := range f.reasons {
			if err := add(w.ids[key.series], key.day, key.reason, runs); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *writer) kept(ctx context.Context, f *fold) error {
	return w.each(ctx, "INSERT INTO kept VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", func(add func(...any) error) error {
		for _, run := range f.kept {
			if err := add(w.ids[run.Series], run.At.UnixMilli(), run.Seq, run.Verdict, run.Reason); err != nil {
				return err
			}
		}
		return nil
	})
}
