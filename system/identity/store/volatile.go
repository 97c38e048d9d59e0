package store

import (
	"context"
	"time"
)

// Volatile keeps small values that somebody can make again: the link between a
// login page and a wallet, a transaction of the eSignet surface. It may lose
// what it acknowledged, so nothing that was promised to anybody belongs here.
//
// Kind tells what a value is; id may be long, secret, and easy to guess: stores
// keep it under a keyed hash.
// All operations may be repeated. ErrNotFound is said only when the store
// answered; any other error leaves the outcome unknown.
type Volatile interface {
	// Put stores value for life, in place of what was there.
	Put(ctx context.Context, kind, id string, value []byte, life time.Duration) error
	// Get returns the value.
	Get(ctx context.Context, kind, id string) ([]byte, error)
	// Update replaces the value of what is there and gives it a new life. It
	// brings nothing back that has ended: that is ErrNotFound.
	Update(ctx context.Context, kind, id string, value []byte, life time.Duration) error
	// Delete ends the value; one that is not there is no error.
	Delete(ctx context.Context, kind, id string) error
}
