package keyset

import (
	"context"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Upcoming is a key that is published and will follow the current one.
type Upcoming struct {
	KeyID     string
	Algorithm jose.SignatureAlgorithm
	// Replaces is the current key.
	Replaces  string
	Published time.Time
	// Signs is when it becomes current, if all HSM nodes that answer have it by
	// then; otherwise as soon as they do.
	Signs time.Time
}

// Upcoming returns the next keys of a use, as the ring has them now. It fails
// with ErrIncomplete while the use has no keys that others could follow.
func (k *Keeper) Upcoming(ctx context.Context, use Use) ([]Upcoming, error) {
	d, _, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	var all []Upcoming
	for _, s := range slots() {
		if s.use != use {
			continue
		}
		next, current := d.of(s)
		if current == nil {
			return nil, fmt.Errorf("%w: no current %s key for %ss", ErrIncomplete, s.algorithm, use)
		}
		if next != nil {
			wait := k.config.ahead()
			if next.Urgent {
				wait = k.config.soon()
			}
			all = append(all, Upcoming{
				KeyID: next.kid(), Algorithm: s.algorithm, Replaces: current.kid(),
				Published: next.Made, Signs: next.Made.Add(wait),
			})
		}
	}
	return all, nil
}

// Interval is the longest that a process may take to publish a new key.
func (s *Set) Interval() time.Duration { return s.config.Interval }
