package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Segment stands for events of one series and one hour that Compact replaced.
// What Data says of them is the business of who made it.
type Segment struct {
	Series string
	// Hour the segment is about, in hours since the Unix epoch.
	Hour int64
	// Events is how many events it accounts for.
	Events int
	Data   []byte
	// Upto is the compaction that made it; filled when it is read.
	Upto int64
}

// Compaction replaces every compactable event after the last compaction up to
// Upto by Segments.
type Compaction struct {
	// After is where the last compaction ended. If another process has compacted
	// meanwhile, it is no longer right, and the compaction is refused.
	After, Upto int64
	Segments    []Segment
}

// ErrUnaccounted means that segments do not account for exactly the events that
// they would replace.
var ErrUnaccounted = errors.New("segments do not account for the events they replace")

// swept is how many rows are deleted at once: appends wait meanwhile.
const swept = 2000

// Compacted is the last event of the last compaction, 0 before the first.
func (j *Journal) Compacted(ctx context.Context) (int64, error) {
	var upto int64
	if err := j.reader.QueryRowContext(ctx, "SELECT coalesce(max(upto), 0) FROM compactions").Scan(&upto); err != nil {
		return 0, fmt.Errorf("read compactions of journal %s: %w", j.path, err)
	}
	return upto, nil
}

// Compact records the segments of c. From then on they stand for the events,
// whose rows are swept away afterwards, a few at a time. It changes nothing
// unless the segments account for exactly the events that they replace.
func (j *Journal) Compact(ctx context.Context, c Compaction) error {
	err := j.transact(ctx, func(transaction *sql.Tx) error { return seal(ctx, transaction, c) })
	if err != nil {
		return j.explain("compact", err)
	}
	return j.Sweep(ctx)
}

func seal(ctx context.Context, transaction *sql.Tx, c Compaction) error {
	var last int64
	if err := transaction.QueryRowContext(ctx, "SELECT coalesce(max(upto), 0) FROM compactions").Scan(&last); err != nil {
		return fmt.Errorf("read the last compaction: %w", err)
	}
	if last != c.After || c.Upto <= c.After {
		return fmt.Errorf("compaction of (%d, %d] does not follow the last one, up to %d", c.After, c.Upto, last)
	}
	var replaced int
	err := transaction.QueryRowContext(ctx, "SELECT count(*) FROM events WHERE compactable = 1 AND seq > ? AND seq <= ?", c.After, c.Upto).Scan(&replaced)
	if err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	accounted := 0
	for _, segment := range c.Segments {
		accounted += segment.Events
	}
	if accounted != replaced || accounted == 0 {
		return fmt.Errorf("%w: %d for %d", ErrUnaccounted, accounted, replaced)
	}
	if err := addSegments(ctx, transaction, c); err != nil {
		return err
	}
	_, err = transaction.ExecContext(ctx, "INSERT INTO compactions (upto, time_ns, events) VALUES (?, ?, ?)", c.Upto, time.Now().UnixNano(), accounted)
	if err != nil {
		return fmt.Errorf("record compaction: %w", err)
	}
	return nil
}

func addSegments(ctx context.Context, transaction *sql.Tx, c Compaction) (err error) {
	insert, err := transaction.PrepareContext(ctx, "INSERT INTO segments (series, hour, upto, events, data) VALUES (?, ?, ?, ?, ?)")
	if err != nil {
		return fmt.Errorf("prepare segments: %w", err)
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	ids := make(map[string]int64)
	for _, segment := range c.Segments {
		id, ok := ids[segment.Series]
		if !ok {
			id, err = seriesID(ctx, transaction, segment.Series)
			if err != nil {
				return err
			}
			ids[segment.Series] = id
		}
		if _, err := insert.ExecContext(ctx, id, segment.Hour, c.Upto, segment.Events, segment.Data); err != nil {
			return fmt.Errorf("record segment of %s: %w", segment.Series, err)
		}
	}
	return nil
}

func seriesID(ctx context.Context, transaction *sql.Tx, name string) (int64, error) {
	if _, err := transaction.ExecContext(ctx, "INSERT INTO series (name) VALUES (?) ON CONFLICT DO NOTHING", name); err != nil {
		return 0, fmt.Errorf("name series: %w", err)
	}
	var id int64
	if err := transaction.QueryRowContext(ctx, "SELECT id FROM series WHERE name = ?", name).Scan(&id); err != nil {
		return 0, fmt.Errorf("find series %s: %w", name, err)
	}
	return id, nil
}

// Sweep deletes the rows of events that segments stand for. Compact does it;
// after a crash in the middle of it, the next one does.
func (j *Journal) Sweep(ctx context.Context) error {
	for {
		var deleted int64
		err := j.transact(ctx, func(transaction *sql.Tx) error {
			result, err := transaction.ExecContext(ctx, `DELETE FROM events WHERE seq IN (SELECT seq FROM events
				WHERE compactable = 1 AND seq <= (SELECT coalesce(max(upto), 0) FROM compactions) ORDER BY seq LIMIT ?)`, swept)
			if err != nil {
				return fmt.Errorf("delete compacted events: %w", err)
			}
			deleted, err = result.RowsAffected()
			return err
		})
		if err != nil {
			return j.explain("sweep", err)
		}
		if deleted < swept {
			return nil
		}
	}
}

// Compactable counts the events that a compaction could replace.
func (j *Journal) Compactable(ctx context.Context) (int, error) {
	var count int
	err := j.reader.QueryRowContext(ctx, `SELECT count(*) FROM events WHERE compactable = 1
		AND seq > (SELECT coalesce(max(upto), 0) FROM compactions)`).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("count events of journal %s: %w", j.path, err)
	}
	return count, nil
}

// Span selects segments; a zero field selects all. Hours are From to before
// Until.
type Span struct {
	Series      string
	From, Until int64
}

// Segments hands the segments of span to use, by series and hour. It stops at
// the first error of use.
func (j *Journal) Segments(ctx context.Context, span Span, use func(Segment) error) (err error) {
	statement := `SELECT series.name, hour, events, data, upto FROM segments JOIN series ON series.id = segments.series WHERE hour >= ?`
	values := []any{span.From}
	if span.Until > 0 {
		statement += " AND hour < ?"
		values = append(values, span.Until)
	}
	if span.Series != "" {
		statement += " AND segments.series = (SELECT id FROM series WHERE name = ?)"
		values = append(values, span.Series)
	}
	rows, err := j.reader.QueryContext(ctx, statement+" ORDER BY segments.series, hour, upto", values...)
	if err != nil {
		return fmt.Errorf("read segments of journal %s: %w", j.path, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var segment Segment
		if err := rows.Scan(&segment.Series, &segment.Hour, &segment.Events, &segment.Data, &segment.Upto); err != nil {
			return fmt.Errorf("read segment of journal %s: %w", j.path, err)
		}
		if err := use(segment); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read segments of journal %s: %w", j.path, err)
	}
	return nil
}
