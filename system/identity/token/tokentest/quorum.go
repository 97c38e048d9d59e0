package tokentest

import (
	"context"
	"sync"
	"time"

	"tocsin/system/identity/spent"
)

// Quorum keeps marks, families and revocations in memory, by the same rules as
// the real store.
type Quorum struct {
	Now func() time.Time
	// Away makes it unable to tell. LostReply does so only after it did what was
	// asked, once.
	Away, LostReply error

	mu       sync.Mutex
	marks    map[string]string // to the attempt that set it
	families map[string]generation
	revoked  map[string]bool
}

type generation struct {
	number uint64
	since  time.Time
}

// NewQuorum returns one in which nothing has happened.
func NewQuorum(now func() time.Time) *Quorum {
	return &Quorum{Now: now, marks: map[string]string{}, families: map[string]generation{}, revoked: map[string]bool{}}
}

func key(mark spent.Mark) string { return string(mark.Kind) + "/" + mark.ID }

// Spend implements spent.Store.
func (q *Quorum) Spend(_ context.Context, attempt string, marks ...spent.Mark) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.spend(attempt, marks)
}

func (q *Quorum) spend(attempt string, marks []spent.Mark) error {
	if q.Away != nil {
		return q.Away
	}
	for _, mark := range marks {
		if by, set := q.marks[key(mark)]; set && by != attempt {
			return &spent.ConsumedError{Mark: mark}
		}
	}
	for _, mark := range marks {
		q.marks[key(mark)] = attempt
	}
	lost := q.LostReply
	q.LostReply = nil
	return lost
}

// Release implements spent.Store.
func (q *Quorum) Release(_ context.Context, attempt string, marks ...spent.Mark) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.Away != nil {
		return q.Away
	}
	for _, mark := range marks {
		if q.marks[key(mark)] == attempt {
			delete(q.marks, key(mark))
		}
	}
	return nil
}

// Marks returns how many marks are set.
func (q *Quorum) Marks() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.marks)
}

// Rotate implements spent.Families.
func (q *Quorum) Rotate(_ context.Context, r spent.Rotation) (uint64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.Away != nil {
		return 0, q.Away
	}
	if q.revoked[r.Family] {
		return 0, spent.ErrRevoked
	}
	current := q.families[r.Family]
	inGrace := r.Generation+1 == current.number && q.Now().Sub(current.since) <= r.Grace
	if r.Generation < current.number && !inGrace {
		return 0, spent.ErrReused
	}
	err := q.spend(r.Attempt, r.Marks)
	if _, consumed := spent.Consumed(err); consumed {
		return 0, err
	}
	if !inGrace {
		current = generation{number: r.Generation + 1, since: q.Now()}
		q.families[r.Family] = current
	}
	return current.number, err
}

// Current returns the newest generation of a family.
func (q *Quorum) Current(_ context.Context, family string) (uint64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.families[family].number, q.Away
}

// Revoke implements spent.Revocations.
func (q *Quorum) Revoke(_ context.Context, id string, _ time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.Away == nil {
		q.revoked[id] = true
	}
	return q.Away
}

// Revoked implements spent.Revocations.
func (q *Quorum) Revoked(ids ...string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		if q.revoked[id] {
			return true
		}
	}
	return false
}
