package attempts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/system/identity/policy"
)

// clock is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// shared is a store of all zones that can fall silent.
type shared struct {
	*Local
	silent atomic.Bool
	asked  atomic.Int64
}

func newShared(c *clock) *shared { return &shared{Local: NewLocal(c.Now)} }

func (s *shared) Count(ctx context.Context, keys ...Key) ([]int, error) {
	s.asked.Add(1)
	if s.silent.Load() {
		return nil, errors.New("connection refused")
	}
	return s.Local.Count(ctx, keys...)
}

// decisions counts by verdict.
type decisions map[policy.Verdict]int

func (d decisions) Observe(_ context.Context, _ policy.Operation, decision policy.Decision, _ error) {
	d[decision.Verdict]++
}

const txLife = 10 * time.Minute

func TestGuessesAreBounded(t *testing.T) {
	type try struct {
		kind   Kind
		tx, id string
		want   error
	}
	repeat := func(n int, of try) (all []try) {
		for range n {
			all = append(all, of)
		}
		return all
	}
	for _, test := range []struct {
		name  string
		tries []try
	}{
		{"five in one login, whoever is tried", append(
			repeat(5, try{Guess, "tx", "1", nil}), try{Guess, "tx", "1", ErrLocked}, try{Guess, "tx", "2", ErrLocked}, try{Guess, "other", "2", nil},
		)},
		{"ten at one person, in however many logins", append(
			append(repeat(5, try{Guess, "a", "1", nil}), repeat(5, try{Guess, "b", "1", nil})...),
			try{Guess, "c", "1", ErrLocked}, try{Guess, "c", "2", nil},
		)},
		{"three codes in one login", append(repeat(3, try{Send, "tx", "1", nil}), try{Send, "tx", "1", ErrLocked}, try{Guess, "tx", "1", nil})},
		{"six codes to one person", append(append(
			repeat(3, try{Send, "a", "1", nil}), repeat(3, try{Send, "b", "1", nil})...), try{Send, "c", "1", ErrLocked})},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClock()
			limiter := New(newShared(c), policy.Judge{}, c.Now)
			for i, one := range test.tries {
				if _, err := limiter.Begin(t.Context(), one.kind, one.tx, txLife, one.id); !errors.Is(err, one.want) {
					t.Errorf("try %d: %v, want %v", i+1, err, one.want)
				}
			}
		})
	}
}

func TestCountsEndWithTheirWindow(t *testing.T) {
	c := newClock()
	limiter := New(newShared(c), policy.Judge{}, c.Now)
	for i := range 10 {
		if _, err := limiter.Begin(t.Context(), Guess, fmt.Sprint(i), txLife, "1"); err != nil {
			t.Fatal(err)
		}
		c.pass(30 * time.Second) // the window runs from the first, whatever follows
	}
	if _, err := limiter.Begin(t.Context(), Guess, "x", txLife, "1"); !errors.Is(err, ErrLocked) {
		t.Errorf("the eleventh: %v", err)
	}
	c.pass(5 * time.Minute)
	if _, err := limiter.Begin(t.Context(), Guess, "y", txLife, "1"); err != nil {
		t.Errorf("ten minutes after the first: %v", err)
	}
}

func TestRightAnswersAreNotCounted(t *testing.T) {
	c := newClock()
	limiter := New(newShared(c), policy.Judge{}, c.Now)
	for range 50 {
		attempt, err := limiter.Begin(t.Context(), Guess, "tx", txLife, "1")
		if err != nil {
			t.Fatal(err)
		}
		if err := attempt.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGuessesInParallelAreAllCounted(t *testing.T) {
	c := newClock()
	limiter := New(newShared(c), policy.Judge{}, c.Now)
	var allowed atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := limiter.Begin(t.Context(), Guess, "tx", txLife, "1"); err == nil {
				allowed.Add(1)
			}
		})
	}
	group.Wait()
	if got := allowed.Load(); got != 5 {
		t.Errorf("%d of 50 parallel guesses were allowed, want 5", got)
	}
}

func TestLocalCountsTakeOverFromASilentStore(t *testing.T) {
	c := newClock()
	store, seen := newShared(c), decisions{}
	limiter := New(store, policy.Judge{Observer: seen}, c.Now)
	store.silent.Store(true)
	for i := range 5 {
		if _, err := limiter.Begin(t.Context(), Guess, "tx", txLife, "1"); err != nil {
			t.Fatalf("guess %d: %v", i+1, err)
		}
	}
	if _, err := limiter.Begin(t.Context(), Guess, "tx", txLife, "1"); !errors.Is(err, ErrLocked) {
		t.Errorf("the sixth guess: %v", err)
	}
	if seen[policy.Degraded] != 6 || seen[policy.Refuse] != 0 {
		t.Errorf("decisions %v", seen)
	}
	if got := store.asked.Load(); got != 1 {
		t.Errorf("a silent store was asked %d times within a second", got)
	}
	store.silent.Store(false)
	c.pass(pause)
	if _, err := limiter.Begin(t.Context(), Guess, "other", txLife, "2"); err != nil || store.asked.Load() != 2 {
		t.Errorf("after a second: %v, asked %d times", err, store.asked.Load())
	}
}

func TestAttemptIsForgottenWhereItWasCounted(t *testing.T) {
	c := newClock()
	store := newShared(c)
	limiter := New(store, policy.Judge{}, c.Now)
	store.silent.Store(true)
	attempt, err := limiter.Begin(t.Context(), Guess, "tx", txLife, "1")
	if err != nil {
		t.Fatal(err)
	}
	store.silent.Store(false)
	if err := attempt.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(limiter.local.counts); got != 0 {
		t.Errorf("%d counts stay in this process", got)
	}
}

func TestSlowStoreCostsItsBudgetOnce(t *testing.T) {
	c := newClock()
	limiter := New(stuck{}, policy.Judge{}, c.Now)
	begun := time.Now()
	for i := range 20 {
		if _, err := limiter.Begin(t.Context(), Guess, fmt.Sprint(i), txLife, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took > 12*budget {
		t.Errorf("20 logins waited %s for a store that hangs", took)
	}
}

// stuck never answers.
type stuck struct{}

func (stuck) Count(ctx context.Context, _ ...Key) ([]int, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (stuck) Forget(ctx context.Context, _ ...Key) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestCallerWhoLeavesSaysNothingOfTheStore(t *testing.T) {
	c := newClock()
	limiter := New(stuck{}, policy.Judge{}, c.Now)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := limiter.Begin(ctx, Guess, "tx", txLife, "1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if limiter.silentUntil.Load() != 0 {
		t.Error("the store counts as silent")
	}
}

func TestFullLocalCountsRefuseAndRecover(t *testing.T) {
	c := newClock()
	store, seen := newShared(c), decisions{}
	limiter := New(store, policy.Judge{Observer: seen}, c.Now)
	store.silent.Store(true)
	var err error
	for i := 0; i <= capacity && err == nil; i++ {
		_, err = limiter.Begin(t.Context(), Guess, fmt.Sprint(i), txLife, fmt.Sprint(i))
	}
	if err == nil || errors.Is(err, ErrLocked) || seen[policy.Refuse] != 1 {
		t.Fatalf("full: %v, decisions %v", err, seen)
	}
	if got := len(limiter.local.counts); got > capacity {
		t.Errorf("%d counts, at most %d are allowed", got, capacity)
	}
	c.pass(txLife)
	if _, err := limiter.Begin(t.Context(), Guess, "x", txLife, "x"); err != nil {
		t.Errorf("after the windows: %v", err)
	}
}

func BenchmarkBegin(b *testing.B) {
	c := newClock()
	limiter := New(newShared(c), policy.Judge{}, c.Now)
	b.ReportAllocs()
	for b.Loop() {
		attempt, err := limiter.Begin(b.Context(), Guess, "tx", txLife, "1234567890")
		if err != nil {
			b.Fatal(err)
		}
		if err := attempt.Forget(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
