package storetest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/system/identity/code"
	"tocsin/system/identity/store"
)

// Codes checks code.Store.
func Codes(t *testing.T, zoneA, zoneB code.Store) {
	fresh := func(t *testing.T) (string, *code.Code) {
		t.Helper()
		plain := rand.Text()
		stored := &code.Code{
			ClientID: "c", RedirectURI: "https://c/cb", Subject: "s", Scopes: []string{"openid"}, Claims: []string{"name"},
			Nonce: "n", CodeChallenge: "x", GrantID: "g", AuthTime: time.Unix(1, 0).UTC(), Expires: time.Now().Add(time.Minute).Round(0).UTC(),
		}
		if err := zoneA.Put(t.Context(), plain, stored); err != nil {
			t.Fatal(err)
		}
		return plain, stored
	}
	t.Run("a code comes back as it was put, in another zone", func(t *testing.T) {
		plain, stored := fresh(t)
		got, err := zoneB.Redeem(t.Context(), plain, "1")
		if err != nil || !reflect.DeepEqual(got, stored) {
			t.Errorf("got %+v, %v; want %+v", got, err, stored)
		}
	})
	t.Run("an unknown code is not found", func(t *testing.T) {
		if _, err := zoneA.Redeem(t.Context(), rand.Text(), "1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a second attempt is told that the code is used", func(t *testing.T) {
		plain, _ := fresh(t)
		if _, err := zoneA.Redeem(t.Context(), plain, "1"); err != nil {
			t.Fatal(err)
		}
		if _, err := zoneB.Redeem(t.Context(), plain, "2"); !errors.Is(err, store.ErrConsumed) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the same attempt may be repeated, because its answer can get lost", func(t *testing.T) {
		plain, stored := fresh(t)
		for range 3 {
			got, err := zoneA.Redeem(t.Context(), plain, "1")
			if err != nil || got.GrantID != stored.GrantID {
				t.Errorf("got %+v, %v", got, err)
			}
		}
	})
	t.Run("putting a code again does not make it unused", func(t *testing.T) {
		plain, stored := fresh(t)
		if _, err := zoneA.Redeem(t.Context(), plain, "1"); err != nil {
			t.Fatal(err)
		}
		if err := zoneB.Put(t.Context(), plain, stored); err != nil {
			t.Fatal(err)
		}
		if _, err := zoneB.Redeem(t.Context(), plain, "2"); !errors.Is(err, store.ErrConsumed) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a released code can be redeemed, but only its attempt can release it", func(t *testing.T) {
		plain, _ := fresh(t)
		if _, err := zoneA.Redeem(t.Context(), plain, "1"); err != nil {
			t.Fatal(err)
		}
		if err := zoneB.Release(t.Context(), plain, "2"); err != nil {
			t.Fatal(err)
		}
		if _, err := zoneB.Redeem(t.Context(), plain, "2"); !errors.Is(err, store.ErrConsumed) {
			t.Errorf("released by a stranger: %v", err)
		}
		if err := zoneA.Release(t.Context(), plain, "1"); err != nil {
			t.Fatal(err)
		}
		if _, err := zoneB.Redeem(t.Context(), plain, "2"); err != nil {
			t.Errorf("after its release: %v", err)
		}
	})
	t.Run("an expired code is not found", func(t *testing.T) {
		plain := rand.Text()
		if err := zoneA.Put(t.Context(), plain, &code.Code{Expires: time.Now().Add(-time.Second)}); err != nil {
			t.Fatal(err)
		}
		if _, err := zoneA.Redeem(t.Context(), plain, "1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("of many attempts at once in both zones one wins", func(t *testing.T) {
		for range 20 {
			plain, _ := fresh(t)
			var won atomic.Int64
			var group sync.WaitGroup
			for i := range 8 {
				zone := []code.Store{zoneA, zoneB}[i%2]
				group.Go(func() {
					_, err := zone.Redeem(t.Context(), plain, fmt.Sprint(i))
					if err == nil {
						won.Add(1)
					} else if !errors.Is(err, store.ErrConsumed) {
						t.Errorf("loser got %v", err)
					}
				})
			}
			group.Wait()
			if won.Load() != 1 {
				t.Errorf("%d winners", won.Load())
			}
		}
	})
}
