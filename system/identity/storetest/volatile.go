package storetest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"tocsin/system/identity/attempts"
	"tocsin/system/identity/store"
)

// Volatile checks store.Volatile.
func Volatile(t *testing.T, zoneA, zoneB store.Volatile) {
	const kind = "test"
	put := func(t *testing.T, value string) string {
		t.Helper()
		id := rand.Text()
		if err := zoneA.Put(t.Context(), kind, id, []byte(value), life); err != nil {
			t.Fatal(err)
		}
		return id
	}
	gives := func(t *testing.T, id, want string) {
		t.Helper()
		if got, err := zoneB.Get(t.Context(), kind, id); err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	gone := func(t *testing.T, id string) {
		t.Helper()
		await(t, func() error {
			_, err := zoneB.Get(t.Context(), kind, id)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return errors.Join(errors.New("it is still there"), err)
		})
	}
	t.Run("a value comes back as it was put, in another zone", func(t *testing.T) {
		id := put(t, "\x00one")
		gives(t, id, "\x00one")
		if err := zoneB.Put(t.Context(), kind, id, []byte("two"), life); err != nil {
			t.Fatal(err)
		}
		gives(t, id, "two")
	})
	t.Run("a value of another kind is another value", func(t *testing.T) {
		if _, err := zoneA.Get(t.Context(), "other", put(t, "x")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an update replaces what is there", func(t *testing.T) {
		id := put(t, "one")
		if err := zoneB.Update(t.Context(), kind, id, []byte("two"), life); err != nil {
			t.Fatal(err)
		}
		gives(t, id, "two")
	})
	t.Run("an update makes nothing", func(t *testing.T) {
		id := rand.Text()
		if err := zoneA.Update(t.Context(), kind, id, []byte("x"), life); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		gone(t, id)
	})
	t.Run("a value ends with its life, which an update sets anew", func(t *testing.T) {
		short, prolonged := rand.Text(), rand.Text()
		for _, id := range []string{short, prolonged} {
			if err := zoneA.Put(t.Context(), kind, id, []byte("x"), 300*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if err := zoneA.Update(t.Context(), kind, prolonged, []byte("y"), life); err != nil {
			t.Fatal(err)
		}
		gone(t, short)
		gives(t, prolonged, "y")
	})
	t.Run("a life that is over is none", func(t *testing.T) {
		for _, over := range []time.Duration{0, -time.Second} {
			id := put(t, "x")
			if err := zoneA.Put(t.Context(), kind, id, []byte("x"), over); err != nil {
				t.Error(err)
			}
			gone(t, id)
			id = put(t, "x")
			if err := zoneA.Update(t.Context(), kind, id, []byte("x"), over); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("got %v", err)
			}
			gone(t, id)
		}
	})
	t.Run("what is deleted is gone, and deleting it again is no error", func(t *testing.T) {
		id := put(t, "x")
		for range 2 {
			if err := zoneB.Delete(t.Context(), kind, id); err != nil {
				t.Error(err)
			}
		}
		gone(t, id)
	})
	t.Run("what is too big is refused", func(t *testing.T) {
		id := rand.Text()
		if err := zoneA.Put(t.Context(), kind, id, bytes.Repeat([]byte("x"), 1<<20), life); err == nil {
			t.Error("accepted")
		}
		gone(t, id)
	})
}

// Attempts checks attempts.Counter.
func Attempts(t *testing.T, zoneA, zoneB attempts.Counter) {
	key := func() attempts.Key { return attempts.Key{Name: rand.Text(), Window: life} }
	count := func(t *testing.T, zone attempts.Counter, keys ...attempts.Key) []int {
		t.Helper()
		counts, err := zone.Count(t.Context(), keys...)
		if err != nil || len(counts) != len(keys) {
			t.Fatalf("counts %v, %v", counts, err)
		}
		return counts
	}
	t.Run("attempts are counted across zones, each key for itself", func(t *testing.T) {
		one, two := key(), key()
		count(t, zoneA, one)
		count(t, zoneB, one, two)
		if got := count(t, zoneA, one, two); got[0] != 3 || got[1] != 2 {
			t.Errorf("counts %v", got)
		}
	})
	t.Run("of attempts at once each gets a count of its own", func(t *testing.T) {
		one := key()
		var mu sync.Mutex
		seen := map[int]bool{}
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				// One that is not answered may have been counted.
				err := answer(t.Context(), func(error) bool { return false }, func() error {
					counts, err := []attempts.Counter{zoneA, zoneB}[i%2].Count(t.Context(), one)
					if err != nil {
						return err
					}
					mu.Lock()
					defer mu.Unlock()
					if seen[counts[0]] {
						t.Errorf("two attempts are number %d", counts[0])
					}
					seen[counts[0]] = true
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	})
	t.Run("what is forgotten does not count, and nothing counts below zero", func(t *testing.T) {
		one := key()
		count(t, zoneA, one)
		count(t, zoneA, one)
		if err := zoneB.Forget(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if got := count(t, zoneA, one)[0]; got != 2 {
			t.Errorf("count %d", got)
		}
		for range 5 {
			if err := zoneB.Forget(t.Context(), one, key()); err != nil {
				t.Fatal(err)
			}
		}
		if got := count(t, zoneA, one)[0]; got != 1 {
			t.Errorf("count %d", got)
		}
	})
	t.Run("a window begins with the first attempt and is not prolonged by others", func(t *testing.T) {
		one := key()
		one.Window = 400 * time.Millisecond
		started := time.Now()
		await(t, func() error {
			if count(t, zoneA, one)[0] == 1 && time.Since(started) > one.Window/2 {
				return nil
			}
			return errors.New("the count does not start anew")
		})
	})
}

// VolatileFaults checks a store.Volatile whose network can be made bad.
func VolatileFaults(t *testing.T, network Network, broken store.Volatile) {
	const kind = "test"
	id := rand.Text()
	put := func() error { return broken.Put(t.Context(), kind, id, []byte("x"), life) }
	get := func() error { _, err := broken.Get(t.Context(), kind, id); return err }
	for name, operation := range map[string]func() error{
		"put": put, "get": get,
		"update": func() error { return broken.Update(t.Context(), kind, id, []byte("x"), life) },
	} {
		t.Run("a lost answer is no verdict, and it can be done again: "+name, func(t *testing.T) {
			if err := answer(t.Context(), isStoreVerdict, put); err != nil {
				t.Fatal(err)
			}
			lostReply(t, network, isStoreVerdict, operation)
			if err := answer(t.Context(), isStoreVerdict, operation); err != nil {
				t.Error(err)
			}
		})
	}
	for name, toxic := range badNetworks() {
		t.Run("a value is read at last, "+name, func(t *testing.T) {
			if err := answer(t.Context(), isStoreVerdict, put); err != nil {
				t.Fatal(err)
			}
			healed := disturb(t, network, toxic)
			if err := answer(t.Context(), isStoreVerdict, get); err != nil {
				t.Error(err)
			}
			<-healed
		})
	}
}

// AttemptsFaults checks an attempts.Counter whose network can be made bad: it
// says soon that it cannot tell, and afterwards it has missed nothing that it
// acknowledged.
func AttemptsFaults(t *testing.T, network Network, broken attempts.Counter) {
	key := attempts.Key{Name: rand.Text(), Window: life}
	var latest int
	count := func() error {
		counts, err := broken.Count(t.Context(), key)
		if err == nil {
			latest = counts[0]
		}
		return err
	}
	none := func(error) bool { return false }
	if err := answer(t.Context(), none, count); err != nil {
		t.Fatal(err)
	}
	before, started := latest, time.Now()
	lostReply(t, network, none, count)
	if took := time.Since(started); took > time.Second {
		t.Errorf("a login waited %s for a count", took)
	}
	if err := answer(t.Context(), none, count); err != nil || latest <= before {
		t.Errorf("count %d after %d, %v", latest, before, err)
	}
}
