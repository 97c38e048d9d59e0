package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Read returns the events that query selects. It never waits for writers.
func (j *Journal) Read(ctx context.Context, query Query) (events []Event, err error) {
	statement, values := query.statement()
	rows, err := j.reader.QueryContext(ctx, statement, values...)
	if err != nil {
		return nil, fmt.Errorf("read journal %s: %w", j.path, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		event, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read journal %s: %w", j.path, err)
		}
		events = append(events, event)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read journal %s: %w", j.path, err)
	}
	return events, nil
}

func (q Query) statement() (string, []any) {
	// What a segment accounts for is gone, even while its rows are being swept.
	conditions := []string{"NOT (compactable = 1 AND seq <= (SELECT coalesce(max(upto), 0) FROM compactions))"}
	var values []any
	where := func(condition string, value any) {
		conditions = append(conditions, condition)
		values = append(values, value)
	}
	if q.Kind != "" {
		where("kind = ?", q.Kind)
	}
	if q.RunID != "" {
		where("run_id = ?", q.RunID)
	}
	if q.AfterSeq > 0 {
		where("seq > ?", q.AfterSeq)
	}
	if q.UptoSeq > 0 {
		where("seq <= ?", q.UptoSeq)
	}
	if q.Compactable {
		conditions = append(conditions, "compactable = 1")
	}
	if !q.Since.IsZero() {
		where("time_ns >= ?", q.Since.UnixNano())
	}
	statement := "SELECT seq, time_ns, mono_ns, kind, run_id, trace_id, payload, compactable FROM events" +
		" WHERE " + strings.Join(conditions, " AND ") + " ORDER BY seq"
	if q.Newest {
		statement += " DESC"
	}
	if q.Limit > 0 {
		statement += " LIMIT ?"
		values = append(values, q.Limit)
	}
	return statement, values
}

func scan(rows *sql.Rows) (Event, error) {
	var event Event
	var wall, mono int64
	var payload string
	err := rows.Scan(&event.Seq, &wall, &mono, &event.Kind, &event.RunID, &event.TraceID, &payload, &event.Compactable)
	if err != nil {
		return event, fmt.Errorf("scan event: %w", err)
	}
	event.Time = time.Unix(0, wall).UTC()
	event.Mono = time.Duration(mono)
	event.Payload = []byte(payload)
	return event, nil
}
