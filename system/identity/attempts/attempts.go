// Package attempts bounds guessing: at PINs and one-time codes, and the sending
// of codes. Attempts are counted before anything is looked at, so that guesses
// made in parallel count too. The counts are shared through Redis; while that
// does not answer, a bounded count in this process takes over.
package attempts

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync/atomic"
	"time"

	"tocsin/system/identity/policy"
)

// ErrLocked means that too many attempts were made. It is a verdict about the
// attempts, not about the person: unknown ids are locked alike.
var ErrLocked = errors.New("too many attempts")

// Key is one thing that is counted; its count starts anew Window after the
// first attempt. The name may follow from an individual id: stores keep it under
// a keyed hash.
type Key struct {
	Name   string
	Window time.Duration
}

// Counter counts in a store that all zones share. Every error means that the
// count is not known.
type Counter interface {
	// Count adds one to each key and returns the counts, in order.
	Count(ctx context.Context, keys ...Key) ([]int, error)
	// Forget takes one from each key that has a count, and never below zero.
	Forget(ctx context.Context, keys ...Key) error
}

// Kind is what somebody attempts.
type Kind string

// The kinds.
const (
	Guess Kind = "guess" // at a PIN or one-time code
	Send  Kind = "send"  // of a one-time code
)

// Limits of one kind.
type limits struct{ perTransaction, perIndividual int }

// limitsOf returns how many attempts are allowed: with 10 guesses in 10 minutes
// a six-digit code that lives 3 minutes falls with a chance of 1 in 100,000.
func limitsOf(kind Kind) limits {
	if kind == Send {
		return limits{perTransaction: 3, perIndividual: 6}
	}
	return limits{perTransaction: 5, perIndividual: 10}
}

const (
	// window is that of the count for one individual id.
	window = 10 * time.Minute
	// budget is how long a shared count may take: it is a convenience next to
	// the person who waits.
	budget = 150 * time.Millisecond
	// pause is how long the shared count is not asked after it was silent.
	pause = time.Second
)

// Limiter bounds attempts.
type Limiter struct {
	shared Counter
	local  *Local
	judge  policy.Judge
	now    func() time.Time
	// silentUntil, in Unix nanoseconds, is when the shared count is tried again.
	silentUntil atomic.Int64
}

// New returns a limiter that counts in shared.
func New(shared Counter, judge policy.Judge, now func() time.Time) *Limiter {
	return &Limiter{shared: shared, local: NewLocal(now), judge: judge, now: now}
}

// Attempt is one that was counted.
type Attempt struct {
	limiter *Limiter
	counter Counter
	keys    []Key
}

// Begin counts an attempt of kind within transaction, which lives at most life,
// at an individual id. It fails with ErrLocked; any other error means that it
// could not be counted anywhere.
func (l *Limiter) Begin(ctx context.Context, kind Kind, transaction string, life time.Duration, individualID string) (*Attempt, error) {
	attempt := &Attempt{limiter: l, keys: []Key{
		{Name: string(kind) + ":tx:" + transaction, Window: life},
		{Name: string(kind) + ":id:" + digest(individualID), Window: window},
	}}
	counts, err := l.count(ctx, attempt)
	if err != nil {
		return nil, err
	}
	limit := limitsOf(kind)
	if counts[0] > limit.perTransaction || counts[1] > limit.perIndividual {
		return nil, ErrLocked
	}
	return attempt, nil
}

func (l *Limiter) count(ctx context.Context, attempt *Attempt) ([]int, error) {
	silent := errPaused
	if l.now().UnixNano() >= l.silentUntil.Load() {
		counts, err := l.ask(ctx, attempt.keys)
		if err == nil {
			attempt.counter = l.shared
			return counts, nil
		}
		if ctx.Err() != nil { // the caller left: that says nothing of the store
			return nil, err
		}
		silent = err
		l.silentUntil.Store(l.now().Add(pause).UnixNano())
	}
	if err := l.judge.State(ctx, policy.CountAttempt, policy.Silent, silent); err != nil {
		return nil, err
	}
	counts, err := l.local.Count(ctx, attempt.keys...)
	if err != nil {
		return nil, l.judge.State(ctx, policy.CountAttempt, policy.Exhausted, err)
	}
	attempt.counter = l.local
	return counts, nil
}

var errPaused = errors.New("shared counters did not answer a moment ago")

func (l *Limiter) ask(ctx context.Context, keys []Key) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	return l.shared.Count(ctx, keys...)
}

// Forget takes the attempt back: it was right, or nothing was learnt from it.
// One attempt less is left when it fails, and nothing else is lost.
func (a *Attempt) Forget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	return a.counter.Forget(ctx, a.keys...)
}

// digest bounds the length of individual ids. It hides nothing: they are short
// enough to be tried out.
func digest(individualID string) string {
	hash := sha256.Sum256([]byte(individualID))
	return base64.RawURLEncoding.EncodeToString(hash[:18])
}
