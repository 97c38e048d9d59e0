package postgres

import (
	"context"
	"fmt"

	"tocsin/system/identity/clients"
)

// Registry implements clientadmin.Store on a DB: unlike DB it reads from the
// server that takes writes.
type Registry struct{ db *DB }

// NewRegistry returns the clients for those who register them.
func NewRegistry(db *DB) *Registry { return &Registry{db: db} }

// Client implements clientadmin.Store.
func (r *Registry) Client(ctx context.Context, id string) (*clients.Client, error) {
	client, err := onPrimary(ctx, r.db, func(ctx context.Context, from queryer) (*clients.Client, error) {
		return scanClient(from.QueryRow(ctx, selectClient, id))
	})
	if err != nil {
		return nil, fmt.Errorf("read client %.64q: %w", id, err)
	}
	return client, nil
}

// CreateClient implements clientadmin.Store.
func (r *Registry) CreateClient(ctx context.Context, client *clients.Client) error {
	return r.db.CreateClient(ctx, client)
}

// UpdateClient implements clientadmin.Store.
func (r *Registry) UpdateClient(ctx context.Context, client *clients.Client) error {
	_, err := r.db.ChangeClient(ctx, client.ID, func(known *clients.Client) error {
		*known = *client
		return nil
	})
	return err
}
