// Package storetest is the contract of the stores as tests. Every
// implementation runs them on the real thing, and the checks named …Faults
// again over a network that loses answers, resets connections and is slow.
// Several values of the same store stand for the zones.
package storetest

import (
	"context"
	"testing"
	"time"
)

const (
	// life is that of what the tests store.
	life = time.Minute
	// eventually is how long the tests wait for what must happen at some time.
	eventually = 20 * time.Second
)

// await repeats check until it succeeds.
func await(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(eventually)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(context.Cause(t.Context()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// answer repeats an operation while its outcome is unknown, as a caller does
// whose own caller tries again.
func answer(ctx context.Context, verdict func(error) bool, operation func() error) error {
	ctx, cancel := context.WithTimeout(ctx, eventually)
	defer cancel()
	for {
		err := operation()
		if err == nil || verdict(err) || ctx.Err() != nil {
			return err
		}
	}
}
