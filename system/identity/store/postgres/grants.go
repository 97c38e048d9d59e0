package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tocsin/system/identity/grant"
	"tocsin/system/identity/store"
)

// grantColumns of a row that the first release wrote name no person, and all
// of its claims were allowed.
const grantColumns = `id, client_id, coalesce(person, ''), scopes, claims, coalesce(allowed, claims), created_at, updated_at, expires_at`

// Save implements grant.Store.
func (d *DB) Save(ctx context.Context, g *grant.Grant) error {
	var expires *time.Time
	if !g.Expires.IsZero() {
		expires = &g.Expires
	}
	_, err := d.statement(ctx, `
		INSERT INTO grants (id, client_id, person, scopes, claims, allowed, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET scopes = excluded.scopes, claims = excluded.claims, allowed = excluded.allowed,
			expires_at = excluded.expires_at, updated_at = now()`,
		g.ID, g.ClientID, g.Person, list(g.Scopes), list(g.Claims), list(g.Allowed), expires)
	if err != nil {
		return fmt.Errorf("save grant: %w", err)
	}
	return nil
}

// RevokeGrant ends a consent: Grant and Latest do not return it any more, and
// saving it again does not bring it back. Doing so again succeeds.
// store.ErrNotFound when clientID has no such grant.
func (d *DB) RevokeGrant(ctx context.Context, clientID, id string) error {
	rows, err := d.statement(ctx, `UPDATE grants SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 AND client_id = $2`, id, clientID)
	if err == nil && rows == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("revoke grant: %w", err)
	}
	return nil
}

// Grant implements grant.Store.
func (d *DB) Grant(ctx context.Context, id string) (*grant.Grant, error) {
	found, err := onPrimary(ctx, d, func(ctx context.Context, from queryer) (*grant.Grant, error) {
		return scanGrant(from.QueryRow(ctx, `SELECT `+grantColumns+` FROM grants WHERE id = $1 AND revoked_at IS NULL`, id))
	})
	if err != nil {
		return nil, fmt.Errorf("read grant: %w", err)
	}
	return found, nil
}

// Latest implements grant.Store. A server that lags may not have the grant,
// which is harmless: the person is asked again.
func (d *DB) Latest(ctx context.Context, clientID, person string) (*grant.Grant, error) {
	found, err := anywhere(ctx, d, func(ctx context.Context, from queryer) (*grant.Grant, error) {
		return scanGrant(from.QueryRow(ctx, `SELECT `+grantColumns+` FROM grants
			WHERE client_id = $1 AND person = $2 AND revoked_at IS NULL ORDER BY created_at DESC LIMIT 1`, clientID, person))
	})
	if err != nil {
		return nil, fmt.Errorf("read latest grant: %w", err)
	}
	return found, nil
}

func scanGrant(row pgx.Row) (*grant.Grant, error) {
	g := &grant.Grant{}
	var expires *time.Time
	err := row.Scan(&g.ID, &g.ClientID, &g.Person, &g.Scopes, &g.Claims, &g.Allowed, &g.CreatedAt, &g.UpdatedAt, &expires)
	if err != nil {
		return nil, err
	}
	if expires != nil {
		g.Expires = *expires
	}
	return g, nil
}
