package journal

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Append records event and returns it with Seq, Time and Mono filled. When it
// returns without an error the event is on disk. When it returns an error the
// event is not recorded, so that it may be appended again: an append whose
// context ends is either withdrawn in time or waited for, never left in doubt.
// A full disk is ErrFull; what was recorded before stays.
func (j *Journal) Append(ctx context.Context, event Event) (Event, error) {
	if event.Payload != nil && !json.Valid(event.Payload) {
		return event, fmt.Errorf("append %s to journal: payload is not JSON", event.Kind)
	}
	recorded, err := j.append(ctx, []Event{event})
	return recorded[0], err
}

// AppendAll records events in their order and in one transaction: all of them
// or none.
func (j *Journal) AppendAll(ctx context.Context, events []Event) ([]Event, error) {
	for _, event := range events {
		if event.Payload != nil && !json.Valid(event.Payload) {
			return events, fmt.Errorf("append %s to journal: payload is not JSON", event.Kind)
		}
	}
	if len(events) == 0 {
		return events, nil
	}
	return j.append(ctx, append([]Event(nil), events...))
}

// AppendValue records an event whose payload is the JSON of value.
func (j *Journal) AppendValue(ctx context.Context, kind, runID, traceID string, value any) (Event, error) {
	payload, err := json.Marshal(value)
	if err != nil {
		return Event{}, fmt.Errorf("encode %s for journal: %w", kind, err)
	}
	recorded, err := j.append(ctx, []Event{{Kind: kind, RunID: runID, TraceID: traceID, Payload: payload}})
	return recorded[0], err
}

// append records events whose payloads are known to be JSON.
func (j *Journal) append(ctx context.Context, events []Event) ([]Event, error) {
	for index := range events {
		if events[index].Kind == "" {
			return events, errors.New("append to journal: event has no kind")
		}
		if events[index].Payload == nil {
			events[index].Payload = json.RawMessage("null")
		}
	}
	err := j.committer.commit(ctx, &submission{events: events, done: make(chan error, 1)})
	if err != nil {
		return events, j.explain("append "+events[0].Kind+" to", err)
	}
	return events, nil
}

// record writes the events of several appends in one transaction. The callers'
// contexts do not reach it: one that ends must not take the others' events
// with it.
func (j *Journal) record(batch []*submission) error {
	ctx := context.Background()
	return j.transact(ctx, func(transaction *sql.Tx) (err error) {
		insert, err := transaction.PrepareContext(ctx,
			`INSERT INTO events (time_ns, mono_ns, kind, run_id, trace_id, payload, compactable) VALUES (?, ?, ?, ?, ?, ?, ?)`)
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		defer func() { err = errors.Join(err, insert.Close()) }()
		for _, one := range batch {
			for index := range one.events {
				if err := add(ctx, insert, &one.events[index]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// transact does act in one transaction, which is on disk when it returns nil.
func (j *Journal) transact(ctx context.Context, act func(*sql.Tx) error) error {
	connection, err := j.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	err = transactOn(ctx, connection, act)
	if err != nil {
		// A commit that the disk refused leaves the transaction open, and the
		// pool does not know. The connection goes, and the transaction with it.
		err = errors.Join(err, discard(connection))
	}
	return errors.Join(err, give(connection))
}

func transactOn(ctx context.Context, connection *sql.Conn, act func(*sql.Tx) error) error {
	transaction, err := connection.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := act(transaction); err != nil {
		return errors.Join(err, rollback(transaction))
	}
	if err := transaction.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// discard closes the connection instead of giving it back to its pool.
func discard(connection *sql.Conn) error {
	err := connection.Raw(func(any) error { return driver.ErrBadConn })
	if err != nil && !errors.Is(err, driver.ErrBadConn) {
		return fmt.Errorf("discard connection: %w", err)
	}
	return nil
}

func give(connection *sql.Conn) error {
	if err := connection.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("give connection back: %w", err)
	}
	return nil
}

// add inserts one event. Its times are read here, by the only writer of this
// process, so that they never run against the order of Seq.
func add(ctx context.Context, insert *sql.Stmt, event *Event) error {
	mono, err := monotonic()
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	result, err := insert.ExecContext(ctx, now.UnixNano(), int64(mono), event.Kind, event.RunID, event.TraceID, string(event.Payload), event.Compactable)
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	seq, err := result.LastInsertId()
	if err != nil {
		return fmt.Errorf("read number of event: %w", err)
	}
	event.Seq, event.Time, event.Mono = seq, now, mono
	return nil
}

func monotonic() (time.Duration, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read monotonic clock: %w", err)
	}
	return time.Duration(now.Nano()), nil
}

// Writable reports whether an event could be recorded now, without recording
// one: it writes one and takes it back.
func (j *Journal) Writable(ctx context.Context) error {
	transaction, err := j.writer.BeginTx(ctx, nil)
	if err != nil {
		return j.explain("write to", err)
	}
	_, err = transaction.ExecContext(ctx,
		`INSERT INTO events (time_ns, mono_ns, kind, run_id, trace_id, payload) VALUES (0, 0, 'trial', '', '', 'null')`)
	if err != nil {
		return errors.Join(j.explain("write to", err), rollback(transaction))
	}
	return rollback(transaction)
}
