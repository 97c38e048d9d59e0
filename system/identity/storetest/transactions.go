package storetest

import (
	"crypto/rand"
	"errors"
	"reflect"
	"testing"
	"time"

	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/store"
	"tocsin/system/identity/transaction"
)

// life is that of what the tests store.
const life = time.Minute

// Transactions checks transaction.Store.
func Transactions(t *testing.T, zoneA, zoneB transaction.Store) {
	t.Run("a transaction comes back as it was stored, in another zone", func(t *testing.T) {
		id, stored := rand.Text(), &transaction.Transaction{
			ClientID: "c", RedirectURI: "https://c/cb", Scopes: []string{"openid"}, State: "s", Binder: []byte{1}, AuthTime: time.Unix(5, 0).UTC(),
		}
		if err := zoneA.Create(t.Context(), id, stored, life); err != nil {
			t.Fatal(err)
		}
		got, err := zoneB.Transaction(t.Context(), id)
		if err != nil || !reflect.DeepEqual(got, stored) {
			t.Errorf("got %+v, %v", got, err)
		}
		stored.Subject = "someone"
		if err := zoneB.Update(t.Context(), id, stored); err != nil {
			t.Fatal(err)
		}
		if got, err = zoneA.Transaction(t.Context(), id); err != nil || got.Subject != "someone" {
			t.Errorf("after update: %+v, %v", got, err)
		}
	})
	t.Run("an unknown transaction is not found, and updating does not make it", func(t *testing.T) {
		id := rand.Text()
		if _, err := zoneA.Transaction(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("read: %v", err)
		}
		if err := zoneA.Update(t.Context(), id, &transaction.Transaction{}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("update: %v", err)
		}
		if _, err := zoneA.Transaction(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("read after update: %v", err)
		}
	})
	t.Run("a transaction ends with its life", func(t *testing.T) {
		id := rand.Text()
		if err := zoneA.Create(t.Context(), id, &transaction.Transaction{}, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := zoneA.Update(t.Context(), id, &transaction.Transaction{}); err != nil {
			t.Fatal(err) // an update must not prolong it
		}
		deadline := time.Now().Add(5 * time.Second)
		for {
			_, err := zoneA.Transaction(t.Context(), id)
			if errors.Is(err, store.ErrNotFound) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("still there: %v", err)
			}
			<-time.After(20 * time.Millisecond)
		}
	})
	t.Run("attempts are counted across zones and can be taken back", func(t *testing.T) {
		id := rand.Text()
		for want, zone := range []transaction.Store{zoneA, zoneB, zoneA} {
			if got, err := zone.CountAttempt(t.Context(), id, life); err != nil || got != want+1 {
				t.Errorf("count %d, %v; want %d", got, err, want+1)
			}
		}
		if err := zoneB.ForgetAttempt(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if got, err := zoneA.CountAttempt(t.Context(), id, life); err != nil || got != 3 {
			t.Errorf("count %d, %v; want 3", got, err)
		}
	})
}

// Replays checks clientauth.Replays.
func Replays(t *testing.T, zoneA, zoneB clientauth.Replays) {
	key := rand.Text()
	for _, test := range []struct {
		name, attempt string
		zone          clientauth.Replays
		want          error
	}{
		{"the first claim holds", "1", zoneA, nil},
		{"the same attempt may be repeated", "1", zoneA, nil},
		{"another attempt is a replay", "2", zoneB, store.ErrConsumed},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.zone.Claim(t.Context(), key, test.attempt, life); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	t.Run("what is disclaimed can be claimed again", func(t *testing.T) {
		if err := zoneB.Disclaim(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if err := zoneB.Claim(t.Context(), key, "3", life); err != nil {
			t.Error(err)
		}
	})
}
