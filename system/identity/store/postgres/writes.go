package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errNotReplicated is what a commit that the server did not see replicated is.
var errNotReplicated = errors.New("commit is not known to be replicated")

// exec runs an operation that may be repeated on the server that takes writes.
// It waits for replication as long as the operation may take: cutting it short
// would only make it start again.
func (d *DB) exec(caller context.Context, operation func(context.Context, *pgxpool.Pool) error) error {
	ctx, cancel := context.WithTimeout(caller, operationTimeout)
	defer cancel()
	for {
		round, err := d.primary.await(ctx)
		if err != nil {
			return err
		}
		if err = operation(ctx, d.write); err == nil || isVerdict(err) {
			return err
		}
		if errors.Is(caller.Err(), context.Canceled) {
			return err // the caller has gone; that says nothing of the server
		}
		d.primary.lost(round, err)
		if ctx.Err() != nil {
			return err
		}
	}
}

// acknowledged runs a write that may be repeated, and that writes anew when it
// is: a row that exists may be one that was never replicated. It returns nil
// only when the write is in two zones.
//
// A backend whose wait for the standby is cancelled reports success and a
// warning that the commit may exist here only. An acknowledgement must mean two
// zones, so a warning makes the outcome unknown, and the write is repeated.
func (d *DB) acknowledged(ctx context.Context, write func(context.Context, *pgx.Conn) error) error {
	return d.exec(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.AcquireFunc(ctx, func(connection *pgxpool.Conn) error {
			// A caller that goes away would take its connection along, and those who
			// come after it would wait for a handshake instead of the standby.
			deadline, _ := ctx.Deadline() // exec's
			ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
			defer cancel()
			notes := connection.Conn().PgConn().CustomData()
			delete(notes, warningKey)
			if err := named(write(ctx, connection.Conn())); err != nil {
				return err
			}
			if warning, warned := notes[warningKey]; warned {
				return fmt.Errorf("%w: %v", errNotReplicated, warning)
			}
			return nil
		})
	})
}

// statement is acknowledged for one statement; it returns how many rows it wrote.
func (d *DB) statement(ctx context.Context, sql string, args ...any) (rows int64, err error) {
	err = d.acknowledged(ctx, func(ctx context.Context, connection *pgx.Conn) error {
		tag, err := connection.Exec(ctx, sql, args...)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}

// Copies counts the copies that a commit has now: the server that takes writes
// and its synchronous standbys. It is 0, unknown, when the database user may
// not see them (it needs the role pg_monitor).
func (d *DB) Copies(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	round, err := d.primary.await(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask Postgres: %w", err)
	}
	var standbys, hidden int
	var readOnly bool
	err = d.write.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')), count(*) FILTER (WHERE sync_state IS NULL),
			current_setting('transaction_read_only')::boolean
		FROM pg_stat_replication`).Scan(&standbys, &hidden, &readOnly)
	if err == nil && readOnly {
		err = errors.New("the server takes no writes")
	}
	if err != nil {
		d.primary.lost(round, err)
		return 0, fmt.Errorf("ask Postgres: %w", err)
	}
	if hidden > 0 {
		return 0, nil
	}
	return 1 + standbys, nil
}
