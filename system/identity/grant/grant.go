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
	ID       string
	ClientID string
	// Person is the authenticator's reference.
	Person string
	// Scopes and Claims are what was asked for, Allowed those of Claims that the
	// person agreed to release.
	Scopes, Claims, Allowed []string
	CreatedAt               time.Time
	UpdatedAt               time.Time
	// Expires is zero when the consent does not end by itself.
	Expires time.Time
}

// Covers reports whether scopes and claims were all asked for before, so that
// the person need not be asked again.
func (g *Grant) Covers(now time.Time, scopes, claims []string) bool {
	if !g.Expires.IsZero() && now.After(g.Expires) {
		return false
	}
	return contains(g.Scopes, scopes) && contains(g.Claims, claims)
}

func contains(all, some []string) bool {
	for _, one := range some {
		if !slices.Contains(all, one) {
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
	// Latest returns the newest grant of person to clientID that was not
	// revoked. It never needs the server that takes writes, and may miss a
	// grant that is moments old.
	Latest(ctx context.Context, clientID, person string) (*Grant, error)
}
