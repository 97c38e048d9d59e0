package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/grant"
	"tocsin/system/identity/person"
	"tocsin/system/identity/store"
)

// certain runs read on a standby, and when that finds nothing on the server
// that takes writes: a standby may lag, and "not found" is a verdict.
func (d *DB) certain(ctx context.Context, read func(context.Context, *pgxpool.Pool) error) error {
	err := d.query(ctx, d.read, read)
	if errors.Is(err, store.ErrNotFound) {
		return d.query(ctx, d.write, read)
	}
	return err
}

// Client implements clients.Store.
func (d *DB) Client(ctx context.Context, id string) (*clients.Client, error) {
	client := &clients.Client{ID: id}
	err := d.certain(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		row := pool.QueryRow(ctx, `SELECT name, redirect_uris, jwks, scopes, grant_types FROM clients WHERE id = $1`, id)
		return row.Scan(&client.Name, &client.RedirectURIs, &client.Keys, &client.Scopes, &client.GrantTypes)
	})
	if err != nil {
		return nil, fmt.Errorf("read client %q: %w", id, err)
	}
	return client, nil
}

// Person implements person.Store.
func (d *DB) Person(ctx context.Context, individualID string) (*person.Person, error) {
	return d.person(ctx, `SELECT individual_id, subject, pin_hash, claims FROM persons WHERE individual_id = $1`, individualID)
}

// PersonBySubject implements person.Store.
func (d *DB) PersonBySubject(ctx context.Context, subject string) (*person.Person, error) {
	return d.person(ctx, `SELECT individual_id, subject, pin_hash, claims FROM persons WHERE subject = $1`, subject)
}

func (d *DB) person(ctx context.Context, query, key string) (*person.Person, error) {
	found := &person.Person{}
	err := d.certain(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, query, key).Scan(&found.IndividualID, &found.Subject, &found.PINHash, &found.Claims)
	})
	if err != nil {
		return nil, fmt.Errorf("read person: %w", err)
	}
	return found, nil
}

const grantColumns = `id, client_id, subject, scopes, claims, created_at, updated_at`

// Grant implements grant.Store. It asks the server that takes writes: a standby
// may lack a new grant, and one that was cut off may still have a lost one.
func (d *DB) Grant(ctx context.Context, id string) (*grant.Grant, error) {
	return d.grant(ctx, d.write, `SELECT `+grantColumns+` FROM grants WHERE id = $1`, id)
}

// Latest implements grant.Store.
func (d *DB) Latest(ctx context.Context, clientID, subject string) (*grant.Grant, error) {
	return d.grant(ctx, d.read, `SELECT `+grantColumns+` FROM grants
		WHERE client_id = $1 AND subject = $2 ORDER BY created_at DESC LIMIT 1`, clientID, subject)
}

func (d *DB) grant(ctx context.Context, pool *pgxpool.Pool, query string, args ...any) (*grant.Grant, error) {
	g := &grant.Grant{}
	err := d.query(ctx, pool, func(ctx context.Context, pool *pgxpool.Pool) error {
		row := pool.QueryRow(ctx, query, args...)
		return row.Scan(&g.ID, &g.ClientID, &g.Subject, &g.Scopes, &g.Claims, &g.CreatedAt, &g.UpdatedAt)
	})
	if err != nil {
		return nil, fmt.Errorf("read grant: %w", err)
	}
	return g, nil
}
