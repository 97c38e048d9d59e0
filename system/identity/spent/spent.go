// Package spent is the contract for what may happen once: a code redeemed, an
// assertion or proof accepted, a pushed request completed, a refresh token
// rotated. What is issued is sealed and carries its own state; all that is kept
// is a mark that it was used. The marks are in a quorum of zones before anybody
// is answered, so nothing is accepted twice, whichever zones are asked at once
// and whichever fail.
package spent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind tells marks of different things apart.
type Kind string

// The kinds of mark.
const (
	Code       Kind = "code"       // authorization code
	PreAuth    Kind = "preauth"    // pre-authorized code
	Assertion  Kind = "assertion"  // jti of a client assertion
	Proof      Kind = "proof"      // jti of a DPoP proof
	Request    Kind = "request"    // pushed authorization request
	Credential Kind = "credential" // approval of a login by a wallet
)

// Mark says that one thing is used. ID may be long and secret: stores keep its
// hash. Life is how long the mark is needed: until the thing expires.
type Mark struct {
	Kind Kind
	ID   string
	Life time.Duration
}

// ConsumedError means that another attempt used the thing before.
type ConsumedError struct{ Mark Mark }

func (e *ConsumedError) Error() string { return fmt.Sprintf("%s was used before", e.Mark.Kind) }

// Consumed returns the mark that err says was used before, if it says so.
func Consumed(err error) (Mark, bool) {
	var consumed *ConsumedError
	if errors.As(err, &consumed) {
		return consumed.Mark, true
	}
	return Mark{}, false
}

// Store keeps marks. Any error but *ConsumedError means that the outcome is
// unknown; the same attempt may then be made again.
type Store interface {
	// Spend sets all of marks for attempt, or none.
	Spend(ctx context.Context, attempt string, marks ...Mark) error
	// Release takes back what attempt set, because nothing came of it.
	Release(ctx context.Context, attempt string, marks ...Mark) error
}

// Errors of a rotation.
var (
	// ErrReused means that a token of an earlier generation came back after
	// the grace: it was stolen, or its thief uses the other.
	ErrReused = errors.New("refresh token was used before")
	// ErrRevoked means that the family was revoked.
	ErrRevoked = errors.New("refresh token is revoked")
)

// Rotation is the use of one refresh token.
type Rotation struct {
	// Family is shared by all tokens that descend from one login; Generation
	// counts them, from 0.
	Family     string
	Generation uint64
	// Expires is when the family ends, whatever its generation.
	Expires time.Time
	// Grace is how long the generation before the current may come again,
	// because an answer may be lost: it then gets the current one once more.
	Grace time.Duration
	// Attempt and Marks are set in the same transaction.
	Attempt string
	Marks   []Mark
}

// Families keeps the generation of each family of refresh tokens.
type Families interface {
	// Rotate returns the generation to issue now. It fails with ErrReused,
	// ErrRevoked or *ConsumedError; any other error leaves the outcome unknown,
	// and the grace makes trying again safe.
	Rotate(ctx context.Context, r Rotation) (generation uint64, err error)
	// Current returns the newest generation of family, 0 when none was rotated.
	Current(ctx context.Context, family string) (generation uint64, err error)
}

// Revocations ends tokens, families and sessions before their time. IDs are
// jti, family or sid.
type Revocations interface {
	// Revoke returns when a quorum knows; every zone hears of it at once after.
	Revoke(ctx context.Context, id string, life time.Duration) error
	// Revoked asks what this process has heard, never the network.
	Revoked(ids ...string) bool
}
