package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tocsin/system/identity/store"
	"tocsin/system/identity/store/hedge"
)

// queryer is a connection or a pool of them.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// anywhere runs a read on any server. What it finds may be moments old, and
// what it does not find (store.ErrNotFound) may be on another.
func anywhere[T any](ctx context.Context, d *DB, read func(context.Context, queryer) (T, error)) (T, error) {
	return hedge.Do(ctx, d.readers, func(ctx context.Context, pool *pgxpool.Pool) (T, error) {
		value, err := read(ctx, pool)
		return value, named(err)
	})
}

// onPrimary runs a read on the server that takes writes: what it does not have
// is not there.
func onPrimary[T any](ctx context.Context, d *DB, read func(context.Context, queryer) (T, error)) (value T, err error) {
	err = d.exec(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		var err error
		value, err = read(ctx, pool)
		return named(err)
	})
	return value, err
}

// named gives the absence of a row the name that callers know.
func named(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}

// Readable counts the servers that answer a read.
func (d *DB) Readable(ctx context.Context) (int, error) {
	var count atomic.Int64
	var group sync.WaitGroup
	for _, pool := range d.readers.All() {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, readAttempt)
			defer cancel()
			var exists bool
			if pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM clients)`).Scan(&exists) == nil {
				count.Add(1)
			}
		})
	}
	group.Wait()
	if count.Load() == 0 {
		return 0, fmt.Errorf("none of %d Postgres servers answers a read", len(d.readers.All()))
	}
	return int(count.Load()), nil
}
