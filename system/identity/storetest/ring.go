package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tocsin/system/identity/keyset"
)

// Ring checks keyset.Ring, which is empty before.
func Ring(t *testing.T, zones ...keyset.Ring) {
	a, b := zones[0], zones[1]
	load := func(t *testing.T, zone keyset.Ring, want string) int64 {
		t.Helper()
		doc, revision, err := zone.Load(t.Context())
		if err != nil || string(doc) != want {
			t.Fatalf("loaded %q, %v; want %q", doc, err, want)
		}
		return revision
	}
	t.Run("where there is none, it is empty at revision 0", func(t *testing.T) {
		if revision := load(t, a, ""); revision != 0 {
			t.Errorf("revision %d", revision)
		}
	})
	t.Run("it comes back in another zone, and is swapped by its revision", func(t *testing.T) {
		if err := a.Swap(t.Context(), 0, []byte("one")); err != nil {
			t.Fatal(err)
		}
		revision := load(t, b, "one")
		if err := b.Swap(t.Context(), revision, []byte("two")); err != nil {
			t.Fatal(err)
		}
		if load(t, a, "two") == revision {
			t.Error("the revision is the same after a swap")
		}
	})
	t.Run("a swap of an older revision is a conflict and changes nothing", func(t *testing.T) {
		for _, revision := range []int64{0, 1} {
			if err := a.Swap(t.Context(), revision, []byte("three")); !errors.Is(err, keyset.ErrConflict) {
				t.Errorf("got %v", err)
			}
		}
		load(t, b, "two")
	})
	t.Run("a swap may be repeated, because its answer can get lost", func(t *testing.T) {
		revision := load(t, a, "two")
		for range 2 {
			if err := a.Swap(t.Context(), revision, []byte("three")); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("what is too big is refused", func(t *testing.T) {
		if err := a.Swap(t.Context(), 0, []byte(strings.Repeat("x", 1<<20))); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("of many swaps at once one wins", func(t *testing.T) {
		revision := load(t, a, "three")
		var won atomic.Int64
		var group sync.WaitGroup
		for i := range parallel {
			group.Go(func() {
				err := zones[i%len(zones)].Swap(t.Context(), revision, fmt.Append(nil, "by ", i))
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, keyset.ErrConflict) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	})
}
