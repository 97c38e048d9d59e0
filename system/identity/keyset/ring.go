package keyset

import (
	"context"
	"errors"
)

// ErrConflict means that the key ring is not at the revision it was expected
// at: another process changed it first.
var ErrConflict = errors.New("key ring changed meanwhile")

// Ring keeps one small document (at most 256 KiB) in a quorum of zones.
type Ring interface {
	// Load returns the document and its revision. Where there is none yet the
	// document is nil and the revision 0. It must be linearizable: what it
	// returns is at least as new as any Swap that was acknowledged before.
	Load(ctx context.Context) (doc []byte, revision int64, err error)
	// Swap replaces the document that has revision, 0 for none. It fails with
	// ErrConflict, and changes nothing, when the document has another one. Any
	// other error leaves the outcome unknown.
	Swap(ctx context.Context, revision int64, doc []byte) error
}
