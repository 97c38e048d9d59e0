package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/grant"
	"tocsin/system/identity/keyset"
	"tocsin/system/identity/person"
)

//go:embed schema.sql
var schema string

// migrationLock serialises migrations of several zones; any constant does.
const migrationLock = 7_205_129

// Migrate brings the schema up to date; run again it changes nothing.
func (d *DB) Migrate(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, d.write, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, migrationLock); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, schema)
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// errNotReplicated is what a commit that the server did not see replicated is.
var errNotReplicated = errors.New("commit is not known to be replicated")

// Save implements grant.Store.
//
// A backend whose wait for the standby is cancelled reports success and a
// warning that the commit may exist here only. An acknowledgement must mean two
// zones, so a warning makes the outcome unknown, and repeating the statement
// writes the row again and waits again.
func (d *DB) Save(ctx context.Context, g *grant.Grant) error {
	err := d.exec(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.AcquireFunc(ctx, func(connection *pgxpool.Conn) error {
			notes := connection.Conn().PgConn().CustomData()
			delete(notes, warningKey)
			_, err := connection.Exec(ctx, `
				INSERT INTO grants (id, client_id, subject, scopes, claims) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (id) DO UPDATE SET scopes = excluded.scopes, claims = excluded.claims, updated_at = now()`,
				g.ID, g.ClientID, g.Subject, g.Scopes, g.Claims)
			if err != nil {
				return err
			}
			if warning, warned := notes[warningKey]; warned {
				return fmt.Errorf("%w: %v", errNotReplicated, warning)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("save grant: %w", err)
	}
	return nil
}

// PutClients adds clients or replaces what is known of them.
func (d *DB) PutClients(ctx context.Context, all []clients.Client) error {
	batch := &pgx.Batch{}
	for _, client := range all {
		batch.Queue(`INSERT INTO clients (id, name, redirect_uris, jwks, scopes, grant_types) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, redirect_uris = excluded.redirect_uris,
				jwks = excluded.jwks, scopes = excluded.scopes, grant_types = excluded.grant_types`,
			client.ID, client.Name, client.RedirectURIs, client.Keys, client.Scopes, client.GrantTypes)
	}
	return d.batch(ctx, "put clients", batch)
}

// PutPersons adds persons or replaces what is known of them.
func (d *DB) PutPersons(ctx context.Context, all []person.Person) error {
	batch := &pgx.Batch{}
	for _, p := range all {
		batch.Queue(`INSERT INTO persons (individual_id, subject, pin_hash, claims) VALUES ($1, $2, $3, $4)
			ON CONFLICT (individual_id) DO UPDATE SET subject = excluded.subject, pin_hash = excluded.pin_hash,
				claims = excluded.claims
			WHERE (persons.subject, persons.pin_hash, persons.claims) IS DISTINCT FROM (excluded.subject, excluded.pin_hash, excluded.claims)`,
			p.IndividualID, p.Subject, p.PINHash, p.Claims)
	}
	return d.batch(ctx, "put persons", batch)
}

// batch sends many statements in one transaction.
func (d *DB) batch(ctx context.Context, what string, batch *pgx.Batch) error {
	err := pgx.BeginFunc(ctx, d.write, func(tx pgx.Tx) error {
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// RegisterKey implements keyset.Registry.
func (d *DB) RegisterKey(ctx context.Context, entry keyset.Entry) error {
	err := d.exec(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		_, err := pool.Exec(ctx, `INSERT INTO signing_keys (kid, node, jwk) VALUES ($1, $2, $3)
			ON CONFLICT (kid, node) DO UPDATE SET last_seen = now()`, entry.Key.KeyID, entry.Node, entry.Key)
		return err
	})
	if err != nil {
		return fmt.Errorf("register signing key: %w", err)
	}
	return nil
}

// RegisteredKeys implements keyset.Registry: those seen within the last day,
// which is far longer than a token lives.
func (d *DB) RegisteredKeys(ctx context.Context) ([]keyset.Entry, error) {
	var entries []keyset.Entry
	err := d.query(ctx, d.write, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, `SELECT node, jwk FROM signing_keys WHERE last_seen > now() - interval '1 day' ORDER BY first_seen`)
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (keyset.Entry, error) {
			var entry keyset.Entry
			var key jose.JSONWebKey
			err := row.Scan(&entry.Node, &key)
			entry.Key = key
			return entry, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	return entries, nil
}

// Copies counts the copies that a commit has now: the server that takes writes
// and its synchronous standbys. It is 0, unknown, when the database user may
// not see them (it needs the role pg_monitor).
func (d *DB) Copies(ctx context.Context) (int, error) {
	var standbys, hidden int
	var readOnly bool
	err := d.write.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')), count(*) FILTER (WHERE sync_state IS NULL),
			current_setting('transaction_read_only')::boolean
		FROM pg_stat_replication`).Scan(&standbys, &hidden, &readOnly)
	if err == nil && readOnly {
		err = errors.New("the server takes no writes")
	}
	if err != nil {
		d.forget(d.write, time.Now())
		return 0, fmt.Errorf("ask Postgres: %w", err)
	}
	if hidden > 0 {
		return 0, nil
	}
	return 1 + standbys, nil
}
