package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tocsin/system/identity/store"
	"tocsin/system/identity/vci/record"
)

// Records implements record.Store on a DB.
type Records struct{ db *DB }

// NewRecords returns the records of what was issued.
func NewRecords(db *DB) *Records { return &Records{db: db} }

// Issue implements record.Store. Its statements are one transaction and one
// round trip; the first locks the issuance, so that the others see what a
// parallel try of the same issuance wrote.
func (r *Records) Issue(ctx context.Context, issuance *record.Issuance) error {
	ids := make([]string, len(issuance.Credentials))
	for i, credential := range issuance.Credentials {
		ids[i] = credential.ID
	}
	var saved record.Issuance
	err := r.db.acknowledged(ctx, func(ctx context.Context, connection *pgx.Conn) error {
		saved = record.Issuance{}
		batch := &pgx.Batch{}
		batch.Queue(`INSERT INTO issuances (id, configuration, person, client_id, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE SET issued_at = issuances.issued_at RETURNING issued_at, expires_at`,
			issuance.ID, issuance.Configuration, issuance.Person, issuance.ClientID, issuance.IssuedAt, issuance.ExpiresAt,
		).QueryRow(func(row pgx.Row) error { return row.Scan(&saved.IssuedAt, &saved.ExpiresAt) })
		batch.Queue(`INSERT INTO credentials (id, issuance, position)
			SELECT given.id, $1, given.position FROM unnest($2::text[]) WITH ORDINALITY AS given (id, position)
			WHERE NOT EXISTS (SELECT FROM credentials WHERE issuance = $1)`, issuance.ID, ids)
		batch.Queue(`SELECT id, serial FROM credentials WHERE issuance = $1 ORDER BY position`, issuance.ID).Query(func(rows pgx.Rows) error {
			var err error
			saved.Credentials, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (credential record.Credential, err error) {
				err = row.Scan(&credential.ID, &credential.Serial)
				return credential, err
			})
			return err
		})
		return connection.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("record issuance: %w", err)
	}
	issuance.IssuedAt, issuance.ExpiresAt, issuance.Credentials = saved.IssuedAt, saved.ExpiresAt, saved.Credentials
	return nil
}

// Collect implements record.Store.
func (r *Records) Collect(ctx context.Context, issuance string, at time.Time, grace time.Duration) error {
	var first time.Time
	err := r.db.acknowledged(ctx, func(ctx context.Context, connection *pgx.Conn) error {
		return connection.QueryRow(ctx, `UPDATE issuances SET collected_at = coalesce(collected_at, $2) WHERE id = $1 RETURNING collected_at`,
			issuance, at).Scan(&first)
	})
	if err == nil && at.Sub(first) > grace {
		err = store.ErrConsumed
	}
	if err != nil {
		return fmt.Errorf("record collection: %w", err)
	}
	return nil
}

// Notify implements record.Store.
func (r *Records) Notify(ctx context.Context, n record.Notification) error {
	rows, err := r.db.statement(ctx, `UPDATE issuances SET event = $4,
			description = CASE WHEN event = $4 THEN description ELSE $5 END,
			notified_at = CASE WHEN event = $4 THEN notified_at ELSE $6 END
		WHERE id = $1 AND person = $2 AND client_id = $3`, n.Issuance, n.Person, n.ClientID, string(n.Event), n.Description, n.At)
	if err == nil && rows == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("record notification: %w", err)
	}
	return nil
}

// Revoke implements record.Store.
func (r *Records) Revoke(ctx context.Context, id string, at time.Time) ([]uint64, error) {
	var serials []uint64
	err := r.db.acknowledged(ctx, func(ctx context.Context, connection *pgx.Conn) error {
		rows, err := connection.Query(ctx, `UPDATE credentials SET revoked_at = coalesce(revoked_at, $2)
			WHERE id = $1 OR issuance = $1 RETURNING serial`, id, at)
		if err != nil {
			return err
		}
		serials, err = pgx.CollectRows(rows, pgx.RowTo[uint64])
		return err
	})
	if err == nil && len(serials) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("revoke credential: %w", err)
	}
	return serials, nil
}

// Revoked implements record.Store.
func (r *Records) Revoked(ctx context.Context, since time.Time) ([]uint64, error) {
	serials, err := anywhere(ctx, r.db, func(ctx context.Context, from queryer) ([]uint64, error) {
		rows, err := from.Query(ctx, `SELECT serial FROM credentials WHERE revoked_at >= $1`, since)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[uint64])
	})
	if err != nil {
		return nil, fmt.Errorf("read revoked credentials: %w", err)
	}
	return serials, nil
}

// Next implements record.Store.
func (r *Records) Next(ctx context.Context) (uint64, error) {
	next, err := anywhere(ctx, r.db, func(ctx context.Context, from queryer) (next uint64, err error) {
		err = from.QueryRow(ctx, `SELECT coalesce(max(serial) + 1, 0) FROM credentials`).Scan(&next)
		return next, err
	})
	if err != nil {
		return 0, fmt.Errorf("read next serial: %w", err)
	}
	return next, nil
}
