package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/store"
)

// clientColumns are those of the first release, which are always as new as
// metadata or newer, and metadata with all the rest.
const clientColumns = `id, name, redirect_uris, jwks, scopes, grant_types, metadata`

const selectClient = `SELECT ` + clientColumns + ` FROM clients WHERE id = $1`

// Client implements clients.Store. Any server may know the client; that there
// is none says only the one that takes writes, because it is a verdict.
func (d *DB) Client(ctx context.Context, id string) (*clients.Client, error) {
	read := func(ctx context.Context, from queryer) (*clients.Client, error) {
		return scanClient(from.QueryRow(ctx, selectClient, id))
	}
	client, err := anywhere(ctx, d, read)
	if errors.Is(err, store.ErrNotFound) {
		client, err = onPrimary(ctx, d, read)
	}
	if err != nil {
		return nil, fmt.Errorf("read client %.64q: %w", id, err)
	}
	return client, nil
}

// Clients returns all clients, but at most most, to be kept for when no server
// answers.
func (d *DB) Clients(ctx context.Context, most int) ([]*clients.Client, error) {
	all, err := anywhere(ctx, d, func(ctx context.Context, from queryer) ([]*clients.Client, error) {
		rows, err := from.Query(ctx, `SELECT `+clientColumns+` FROM clients ORDER BY id LIMIT $1`, most)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*clients.Client, error) { return scanClient(row) })
	})
	if err != nil {
		return nil, fmt.Errorf("read clients: %w", err)
	}
	return all, nil
}

func scanClient(row pgx.Row) (*clients.Client, error) {
	var first clients.Client
	var metadata []byte
	err := row.Scan(&first.ID, &first.Name, &first.RedirectURIs, &first.Keys, &first.Scopes, &first.GrantTypes, &metadata)
	if err != nil {
		return nil, err
	}
	if metadata == nil {
		return &first, nil
	}
	client := &clients.Client{}
	if err := json.Unmarshal(metadata, client); err != nil {
		return nil, fmt.Errorf("decode client: %w", err)
	}
	client.ID, client.Name, client.RedirectURIs = first.ID, first.Name, first.RedirectURIs
	client.Keys, client.Scopes, client.GrantTypes = first.Keys, first.Scopes, first.GrantTypes
	return client, nil
}

// CreateClient adds a client. store.ErrExists when another client has its id;
// the same client again is none, because an answer may have been lost.
func (d *DB) CreateClient(ctx context.Context, client *clients.Client) error {
	values, err := clientValues(client)
	if err == nil {
		var rows int64
		rows, err = d.statement(ctx, `INSERT INTO clients (`+clientColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO UPDATE SET updated_at = now() WHERE clients.metadata = excluded.metadata`, values...)
		if err == nil && rows == 0 {
			err = store.ErrExists
		}
	}
	if err != nil {
		return fmt.Errorf("create client %.64q: %w", client.ID, err)
	}
	return nil
}

// ChangeClient changes what is stored of a client and returns it. No other
// change comes between what change is given and what it makes of that; change
// may be called again when the outcome was unknown, and its error is returned.
// It cannot change the id. store.ErrNotFound when there is no such client.
func (d *DB) ChangeClient(ctx context.Context, id string, change func(*clients.Client) error) (*clients.Client, error) {
	var updated *clients.Client
	err := d.acknowledged(ctx, func(ctx context.Context, connection *pgx.Conn) error {
		return pgx.BeginFunc(ctx, connection, func(tx pgx.Tx) error {
			client, err := scanClient(tx.QueryRow(ctx, selectClient+` FOR UPDATE`, id))
			if err != nil {
				return err
			}
			if err := change(client); err != nil {
				return ownError{err}
			}
			client.ID = id
			values, err := clientValues(client)
			if err != nil {
				return ownError{err}
			}
			updated = client
			_, err = tx.Exec(ctx, `UPDATE clients SET name = $2, redirect_uris = $3, jwks = $4, scopes = $5, grant_types = $6,
				metadata = $7, updated_at = now() WHERE id = $1`, values...)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("change client %.64q: %w", id, err)
	}
	return updated, nil
}

// clientBatch bounds one transaction of PutClients.
const clientBatch = 200

// PutClients adds clients or replaces what is known of them.
func (d *DB) PutClients(ctx context.Context, all []clients.Client) error {
	for chunk := range slices.Chunk(all, clientBatch) {
		err := d.acknowledged(ctx, func(ctx context.Context, connection *pgx.Conn) error {
			batch := &pgx.Batch{}
			for i := range chunk {
				values, err := clientValues(&chunk[i])
				if err != nil {
					return ownError{err}
				}
				batch.Queue(`INSERT INTO clients (`+clientColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
					ON CONFLICT (id) DO UPDATE SET name = excluded.name, redirect_uris = excluded.redirect_uris, jwks = excluded.jwks,
						scopes = excluded.scopes, grant_types = excluded.grant_types, metadata = excluded.metadata, updated_at = now()`, values...)
			}
			return connection.SendBatch(ctx, batch).Close()
		})
		if err != nil {
			return fmt.Errorf("put clients: %w", err)
		}
	}
	return nil
}

// clientValues are those of clientColumns.
func clientValues(client *clients.Client) ([]any, error) {
	metadata, err := json.Marshal(client)
	if err != nil {
		return nil, fmt.Errorf("encode client: %w", err)
	}
	return []any{
		client.ID, client.Name, list(client.RedirectURIs), client.Keys, list(client.Scopes), list(client.GrantTypes), metadata,
	}, nil
}

// list keeps an empty list from becoming NULL.
func list(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}
