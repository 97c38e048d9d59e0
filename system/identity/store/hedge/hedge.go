// Package hedge asks equal servers one question until one of them answers. The
// preferred one is asked first; when it is silent for a moment the next is
// asked as well, so a server that is dead, frozen or slow costs that moment and
// not a time-out. It may run an operation several times, at several servers at
// once: every operation given to it must be safe to repeat.
package hedge

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Policy is how patient to be.
type Policy struct {
	// After is how long a server may be silent before another is asked as well.
	After time.Duration
	// Attempt bounds one try at one server, Patience the whole operation.
	Attempt, Patience time.Duration
	// Rest is how long a server that failed is asked only after the others.
	Rest time.Duration
	// Parallel bounds the tries that wait for an answer at the same time.
	Parallel int
	// Verdict reports whether an error is an answer: then nobody else is asked.
	Verdict func(error) bool
}

// retryPause keeps a round of quick refusals from becoming a busy loop.
const retryPause = 40 * time.Millisecond

// Servers are equal servers, in order of preference.
type Servers[S any] struct {
	policy Policy
	all    []*server[S]
}

type server[S any] struct {
	value S
	// restUntil is in Unix nanoseconds, 0 for a server that answers.
	restUntil atomic.Int64
}

// New returns servers that are asked under policy.
func New[S any](policy Policy, values ...S) *Servers[S] {
	made := &Servers[S]{policy: policy}
	for _, value := range values {
		made.all = append(made.all, &server[S]{value: value})
	}
	return made
}

// All returns the servers in order of preference.
func (s *Servers[S]) All() []S {
	values := make([]S, len(s.all))
	for i, one := range s.all {
		values[i] = one.value
	}
	return values
}

// Preferred returns the servers in the order in which one would be asked now.
func (s *Servers[S]) Preferred() []S {
	var values []S
	for _, one := range s.order(time.Now()) {
		values = append(values, one.value)
	}
	return values
}

// order puts those that rest last. When a rest is over, one caller takes the
// server first and finds out for the others, which pass it over meanwhile.
func (s *Servers[S]) order(now time.Time) []*server[S] {
	order := make([]*server[S], 0, len(s.all))
	var resting []*server[S]
	for _, one := range s.all {
		until := one.restUntil.Load()
		if until == 0 || (until <= now.UnixNano() && one.restUntil.CompareAndSwap(until, now.Add(s.policy.Rest).UnixNano())) {
			order = append(order, one)
			continue
		}
		resting = append(resting, one)
	}
	return append(order, resting...)
}

func (o *server[S]) rest(policy Policy) {
	o.restUntil.Store(time.Now().Add(policy.Rest).UnixNano())
}

// answer is what one try came back with.
type answer[S, T any] struct {
	from  *server[S]
	value T
	err   error
}

// Do returns the first answer to ask. When there is none in time, the error
// wraps the last one that a server or the wait for it gave.
func Do[S, T any](ctx context.Context, s *Servers[S], ask func(context.Context, S) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, s.policy.Patience)
	defer cancel()
	round := &round[S, T]{servers: s, order: s.order(time.Now()), ask: ask, answers: make(chan answer[S, T])}
	return round.run(ctx)
}

// round is one operation on its way.
type round[S, T any] struct {
	servers *Servers[S]
	order   []*server[S]
	ask     func(context.Context, S) (T, error)
	answers chan answer[S, T]
	started int          // tries
	waiting []*server[S] // that were asked and are silent
	last    error
}

func (r *round[S, T]) run(ctx context.Context) (none T, err error) {
	policy := r.servers.policy
	timer := time.NewTimer(policy.After)
	defer timer.Stop()
	r.start(ctx)
	for {
		select {
		case got := <-r.answers:
			r.waiting = without(r.waiting, got.from)
			if got.err == nil || policy.Verdict(got.err) {
				r.settle(got.from)
				return got.value, got.err
			}
			r.last = got.err
			if ctx.Err() != nil {
				continue // the caller has gone, or its time: that says nothing of the server
			}
			got.from.rest(policy)
			if r.started < len(r.order) { // somebody is left who was not asked
				r.start(ctx)
				timer.Reset(policy.After)
			} else {
				timer.Reset(retryPause)
			}
		case <-timer.C:
			if len(r.waiting) < policy.Parallel {
				r.start(ctx)
			}
			timer.Reset(policy.After)
		case <-ctx.Done():
			if r.last == nil {
				r.last = ctx.Err()
			}
			return none, fmt.Errorf("no server answered: %w", r.last)
		}
	}
}

// start asks the next server.
func (r *round[S, T]) start(ctx context.Context) {
	chosen := r.order[r.started%len(r.order)]
	r.started++
	r.waiting = append(r.waiting, chosen)
	go func() {
		attempt, cancel := context.WithTimeout(ctx, r.servers.policy.Attempt)
		defer cancel()
		value, err := r.ask(attempt, chosen.value)
		select {
		case r.answers <- answer[S, T]{chosen, value, err}:
		case <-ctx.Done():
		}
	}()
}

// settle remembers who answered, and who was asked before and did not.
func (r *round[S, T]) settle(by *server[S]) {
	if by.restUntil.Load() != 0 {
		by.restUntil.Store(0)
	}
	if r.started == 1 {
		return
	}
	for _, silent := range r.waiting {
		if silent != by && slices.Index(r.order, silent) < slices.Index(r.order, by) {
			silent.rest(r.servers.policy)
		}
	}
}

func without[S any](list []*server[S], one *server[S]) []*server[S] {
	if i := slices.Index(list, one); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
