// Package code is the authorization code: what it stands for and the contract
// of its store. A code is redeemed at most once, whichever zones are asked at
// the same time, and no error of a store is ever taken for a verdict on it.
package code

import (
	"context"
	"time"
)

// Code is what a code stands for.
type Code struct {
	ClientID      string    `json:"client_id"`
	RedirectURI   string    `json:"redirect_uri"`
	Subject       string    `json:"subject"`
	Scopes        []string  `json:"scopes"`
	Claims        []string  `json:"claims"`
	Nonce         string    `json:"nonce,omitempty"`
	CodeChallenge string    `json:"code_challenge"`
	GrantID       string    `json:"grant_id"`
	AuthTime      time.Time `json:"auth_time"`
	Expires       time.Time `json:"expires"`
}

// Store keeps codes by their hash.
type Store interface {
	// Put stores a code; storing the same one again changes nothing, redeemed
	// or not.
	Put(ctx context.Context, code string, c *Code) error
	// Redeem marks the code as used by attempt and returns it. It fails with
	// store.ErrNotFound or, used by another attempt, store.ErrConsumed. After
	// any other error the same attempt may be made again.
	Redeem(ctx context.Context, code, attempt string) (*Code, error)
	// Release makes a code usable again that attempt redeemed and that nothing
	// was issued for.
	Release(ctx context.Context, code, attempt string) error
}
