// Package record is what the issuer remembers of the credentials it issued:
// who got what, which status entry each has, whether it is revoked, whether a
// deferred issuance was picked up and what the wallet said of it. It holds no
// claim about a person and no credential, only the authenticator's reference.
package record

import (
	"context"
	"time"
)

// Issuance is one answer with credentials: one configuration, one person, one
// credential for each key of the holder. Its id is the notification_id of the
// answer (OpenID4VCI 1.0, 8.3) and is random, so nobody guesses another's.
type Issuance struct {
	ID            string
	Configuration string
	// Person is the authenticator's reference.
	Person string
	// ClientID is empty for anonymous pre-authorized wallets.
	ClientID  string
	IssuedAt  time.Time
	ExpiresAt time.Time
	// Credentials in the order of the holder's keys.
	Credentials []Credential
}

// Credential is one issued credential.
type Credential struct {
	ID string
	// Serial is given by the store and counts all credentials from 0. Which
	// entry of which status list that is, package statuslist knows.
	Serial uint64
}

// Event is what a wallet says of an issuance (OpenID4VCI 1.0, 11.1).
type Event string

// The events.
const (
	Accepted Event = "credential_accepted"
	Failed   Event = "credential_failure"
	Deleted  Event = "credential_deleted"
)

// Notification is one message of a wallet. Person and ClientID are those of the
// access token it came with.
type Notification struct {
	Issuance    string
	Person      string
	ClientID    string
	Event       Event
	Description string
	At          time.Time
}

// Store keeps issuances. Writes return nil only when they are in two zones, and
// can all be made again when their outcome is unknown: they then write anew,
// because a row that is there may be one that was never replicated. An error
// other than those of package store says nothing about the outcome.
type Store interface {
	// Issue writes the issuance and its credentials and fills in each Serial, in
	// one write, so that no two credentials ever share one; gaps are allowed. An
	// issuance of the same id that is there already keeps its credentials:
	// their IDs, Serials and the issuance's times replace those given.
	Issue(ctx context.Context, issuance *Issuance) error
	// Collect marks a deferred issuance as picked up at the given time. Within
	// grace of the first time it succeeds again, because the answer may have
	// been lost; after that it fails with store.ErrConsumed, and for an
	// unknown id with store.ErrNotFound.
	Collect(ctx context.Context, issuance string, at time.Time, grace time.Duration) error
	// Notify keeps the newest notification of an issuance. The same event again
	// changes nothing. store.ErrNotFound when there is no such issuance of this
	// person and client.
	Notify(ctx context.Context, notification Notification) error
	// Revoke revokes one credential by its id, or all of an issuance by that id,
	// and returns their serials. Revoking again keeps the first time and
	// succeeds. store.ErrNotFound when there is no such thing.
	Revoke(ctx context.Context, id string, at time.Time) (serials []uint64, err error)
	// Revoked returns the serials of credentials revoked at or after since; the
	// zero time means all. Any replica may answer, so what was revoked moments
	// ago can be missing.
	Revoked(ctx context.Context, since time.Time) (serials []uint64, err error)
	// Next returns a number no smaller than any serial given so far, or 0. Any
	// replica may answer.
	Next(ctx context.Context) (serial uint64, err error)
}
