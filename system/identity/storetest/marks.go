package storetest

import (
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"tocsin/system/identity/spent"
)

// parallel is how many attempts the tests make at once.
const parallel = 50

func mark(kind spent.Kind) spent.Mark { return spent.Mark{Kind: kind, ID: rand.Text(), Life: life} }

func isConsumed(err error) bool {
	_, consumed := spent.Consumed(err)
	return consumed
}

// Marks checks spent.Store.
func Marks(t *testing.T, zones ...spent.Store) {
	a, b := zones[0], zones[1]
	spend := func(t *testing.T, zone spent.Store, attempt string, marks ...spent.Mark) {
		t.Helper()
		if err := zone.Spend(t.Context(), attempt, marks...); err != nil {
			t.Fatalf("attempt %s: %v", attempt, err)
		}
	}
	refused := func(t *testing.T, zone spent.Store, attempt string, want spent.Mark, marks ...spent.Mark) {
		t.Helper()
		err := zone.Spend(t.Context(), attempt, marks...)
		if got, consumed := spent.Consumed(err); !consumed || got != want {
			t.Errorf("attempt %s: got %v, want that %+v was used", attempt, err, want)
		}
	}
	t.Run("a mark is set once, in all zones", func(t *testing.T) {
		code := mark(spent.Code)
		spend(t, a, "1", code)
		refused(t, b, "2", code, code)
		refused(t, a, "2", code, code)
	})
	t.Run("the same attempt may be repeated, because its answer can get lost", func(t *testing.T) {
		code, proof := mark(spent.Code), mark(spent.Proof)
		for range 3 {
			spend(t, a, "1", code, proof)
			spend(t, b, "1", code, proof)
		}
		refused(t, b, "2", code, code, proof)
	})
	t.Run("marks are set together or not at all", func(t *testing.T) {
		code, proof, assertion := mark(spent.Code), mark(spent.Proof), mark(spent.Assertion)
		spend(t, a, "1", proof)
		refused(t, b, "2", proof, code, proof, assertion)
		spend(t, a, "3", code, assertion)
	})
	t.Run("an attempt that has some of its marks gets the others", func(t *testing.T) {
		code, proof := mark(spent.Code), mark(spent.Proof)
		spend(t, a, "1", proof)
		spend(t, a, "1", code, proof)
		refused(t, b, "2", code, code)
	})
	t.Run("the same id of another kind is another mark", func(t *testing.T) {
		code := mark(spent.Code)
		spend(t, a, "1", code)
		spend(t, b, "2", spent.Mark{Kind: spent.Proof, ID: code.ID, Life: life})
	})
	t.Run("a mark given twice counts once", func(t *testing.T) {
		code := mark(spent.Code)
		spend(t, a, "1", code, code)
		refused(t, b, "2", code, code)
	})
	t.Run("no mark is no work", func(t *testing.T) { spend(t, a, "1") })
	t.Run("marks of very different lives can be set together", func(t *testing.T) {
		short, long := mark(spent.Proof), mark(spent.Credential)
		short.Life, long.Life = 0, 400*24*60*life
		spend(t, a, "1", short, long)
		refused(t, b, "2", long, long)
	})
	t.Run("what is released can be spent, but only its attempt releases it", func(t *testing.T) {
		code, proof := mark(spent.Code), mark(spent.Proof)
		spend(t, a, "1", code, proof)
		if err := b.Release(t.Context(), "2", code, proof); err != nil {
			t.Fatal(err)
		}
		refused(t, b, "2", code, code)
		for range 2 { // releasing may be repeated as well
			if err := a.Release(t.Context(), "1", code, proof); err != nil {
				t.Fatal(err)
			}
		}
		spend(t, b, "2", code, proof)
		refused(t, a, "1", code, code)
	})
	t.Run("an attempt can spend again what it released", func(t *testing.T) {
		code := mark(spent.Code)
		spend(t, a, "1", code)
		if err := a.Release(t.Context(), "1", code); err != nil {
			t.Fatal(err)
		}
		spend(t, b, "1", code)
		refused(t, a, "2", code, code)
	})
	t.Run("what was never spent can be released and then spent", func(t *testing.T) {
		code := mark(spent.Code)
		if err := a.Release(t.Context(), "1", code); err != nil {
			t.Fatal(err)
		}
		spend(t, b, "2", code)
		refused(t, a, "1", code, code)
	})
	t.Run("of many attempts at once in all zones one wins", func(t *testing.T) {
		for range 5 {
			race(t, zones)
		}
	})
}

// race has many attempts spend one mark, each together with one of its own,
// and each until it has an answer.
func race(t *testing.T, zones []spent.Store) {
	t.Helper()
	shared := mark(spent.Code)
	var won atomic.Int64
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range parallel {
		own := mark(spent.Proof)
		group.Go(func() {
			<-start
			err := answer(t.Context(), isConsumed, func() error {
				return zones[i%len(zones)].Spend(t.Context(), fmt.Sprint(i), own, shared)
			})
			got, consumed := spent.Consumed(err)
			switch {
			case err == nil:
				won.Add(1)
			case !consumed || got != shared:
				t.Errorf("loser got %v", err)
			}
		})
	}
	close(start)
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of %d attempts won", won.Load(), parallel)
	}
}
