package attempts

import (
	"context"
	"errors"
	"sync"
	"time"
)

// capacity bounds the counts of one process: about 10 MB.
const capacity = 50_000

// errFull means that every place holds a count that still runs.
var errFull = errors.New("local counters are full")

// Local is a Counter in memory.
type Local struct {
	now func() time.Time

	mu     sync.Mutex
	counts map[string]count
	// swept is when expired counts were last dropped.
	swept time.Time
}

type count struct {
	value int
	ends  time.Time
}

// NewLocal returns an empty counter.
func NewLocal(now func() time.Time) *Local { return &Local{now: now, counts: map[string]count{}} }

// Count implements Counter. It fails when there is no room, and then counts nothing.
func (l *Local) Count(_ context.Context, keys ...Key) ([]int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !l.room(now, len(keys)) {
		return nil, errFull
	}
	values := make([]int, len(keys))
	for i, key := range keys {
		known, found := l.counts[key.Name]
		if !found || !now.Before(known.ends) {
			known = count{ends: now.Add(key.Window)}
		}
		known.value++
		l.counts[key.Name] = known
		values[i] = known.value
	}
	return values, nil
}

// room drops what has expired when there may be too little, at most once a
// second: a full table must not cost a sweep for every attempt.
func (l *Local) room(now time.Time, needed int) bool {
	if len(l.counts)+needed > capacity && now.Sub(l.swept) >= time.Second {
		l.swept = now
		for name, known := range l.counts {
			if !now.Before(known.ends) {
				delete(l.counts, name)
			}
		}
	}
	return len(l.counts)+needed <= capacity
}

// Forget implements Counter.
func (l *Local) Forget(_ context.Context, keys ...Key) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		known, found := l.counts[key.Name]
		if !found {
			continue
		}
		if known.value--; known.value <= 0 {
			delete(l.counts, key.Name)
			continue
		}
		l.counts[key.Name] = known
	}
	return nil
}
