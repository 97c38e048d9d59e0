// Package grant is what a person allowed a client: the record of one consent,
// and the contract of its store.
package grant

import (
	"context"
	"slices"
	"time"
)

// Grant is one consent. Its id is in every token response made under it.
type Grant struct {
	ID        string
	ClientID  string
	Subject   string
	Scopes    []string
	Claims    []string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Covers reports whether the grant allows all of scopes.
func (g *Grant) Covers(scopes []string) bool {
	for _, scope := range scopes {
		if !slices.Contains(g.Scopes, scope) {
			return false
		}
	}
	return true
}

// Store keeps grants.
type Store interface {
	// Save returns nil only when the grant is in two zones. Doing it again is
	// safe and necessary when the outcome was unknown: it writes the row anew,
	// because a row that exists may be one that was never replicated.
	Save(ctx context.Context, g *Grant) error
	// Grant reads from the server that takes writes: what it does not have is
	// not there (store.ErrNotFound).
	Grant(ctx context.Context, id string) (*Grant, error)
	// Latest returns the newest grant of subject to clientID. It may miss one
	// that is moments old.
	Latest(ctx context.Context, clientID, subject string) (*Grant, error)
}
