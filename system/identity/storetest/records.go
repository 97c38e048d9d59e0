package storetest

import (
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/system/identity/store"
	"tocsin/system/identity/vci/record"
)

func issuance(credentials int) *record.Issuance {
	now := time.Now().UTC().Truncate(time.Second)
	made := &record.Issuance{
		ID: rand.Text(), Configuration: "id", Person: "p", ClientID: "c", IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	for range credentials {
		made.Credentials = append(made.Credentials, record.Credential{ID: rand.Text()})
	}
	return made
}

// Records checks record.Store.
func Records(t *testing.T, zoneA, zoneB record.Store) {
	issue := func(t *testing.T, credentials int) *record.Issuance {
		t.Helper()
		made := issuance(credentials)
		if err := zoneA.Issue(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		return made
	}
	t.Run("all credentials issued at once get serials of their own", func(t *testing.T) {
		var mu sync.Mutex
		var serials []uint64
		var group sync.WaitGroup
		for i := range parallel {
			made := issuance(3)
			group.Go(func() {
				if err := []record.Store{zoneA, zoneB}[i%2].Issue(t.Context(), made); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, credential := range made.Credentials {
					serials = append(serials, credential.Serial)
				}
			})
		}
		group.Wait()
		slices.Sort(serials)
		if distinct := len(slices.Compact(slices.Clone(serials))); distinct != 3*parallel {
			t.Errorf("%d serials, want %d", distinct, 3*parallel)
		}
		await(t, func() error {
			next, err := zoneB.Next(t.Context())
			if err == nil && next <= serials[len(serials)-1] {
				err = errors.New("the next serial is none")
			}
			return err
		})
	})
	t.Run("issuing again gives the same credentials, though others were asked for", func(t *testing.T) {
		first := issue(t, 2)
		again := issuance(2)
		again.ID = first.ID
		again.IssuedAt, again.ExpiresAt = again.IssuedAt.Add(time.Minute), again.ExpiresAt.Add(time.Minute)
		if err := zoneB.Issue(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("many tries of one issuance at once agree", func(t *testing.T) {
		id := rand.Text()
		made := make([]*record.Issuance, 10)
		var group sync.WaitGroup
		for i := range made {
			made[i] = issuance(2)
			made[i].ID = id
			group.Go(func() {
				if err := []record.Store{zoneA, zoneB}[i%2].Issue(t.Context(), made[i]); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, other := range made[1:] {
			if diff := cmp.Diff(made[0].Credentials, other.Credentials); diff != "" {
				t.Error(diff)
			}
		}
	})
	t.Run("what is deferred is collected once, and again within the grace", func(t *testing.T) {
		made, now := issue(t, 1), time.Now().Truncate(time.Millisecond)
		for _, at := range []time.Duration{0, 30 * time.Second, time.Minute} {
			if err := zoneB.Collect(t.Context(), made.ID, now.Add(at), time.Minute); err != nil {
				t.Errorf("after %s: %v", at, err)
			}
		}
		if err := zoneA.Collect(t.Context(), made.ID, now.Add(61*time.Second), time.Minute); !errors.Is(err, store.ErrConsumed) {
			t.Errorf("after the grace: %v", err)
		}
		if err := zoneA.Collect(t.Context(), rand.Text(), now, time.Minute); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
	})
	t.Run("a notification needs the right person and client", func(t *testing.T) {
		made := issue(t, 1)
		notification := record.Notification{Issuance: made.ID, Person: "p", ClientID: "c", Event: record.Accepted, At: time.Now()}
		for range 2 {
			if err := zoneB.Notify(t.Context(), notification); err != nil {
				t.Error(err)
			}
		}
		notification.Event = record.Deleted
		if err := zoneB.Notify(t.Context(), notification); err != nil {
			t.Error(err)
		}
		for _, wrong := range []record.Notification{
			{Issuance: made.ID, Person: "q", ClientID: "c", Event: record.Failed},
			{Issuance: made.ID, Person: "p", ClientID: "d", Event: record.Failed},
			{Issuance: rand.Text(), Person: "p", ClientID: "c", Event: record.Failed},
		} {
			if err := zoneA.Notify(t.Context(), wrong); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%+v: %v", wrong, err)
			}
		}
	})
	t.Run("one credential or a whole issuance is revoked, and the first time counts", func(t *testing.T) {
		made, now := issue(t, 3), time.Now().Truncate(time.Millisecond)
		var all []uint64
		for _, credential := range made.Credentials {
			all = append(all, credential.Serial)
		}
		revoke := func(id string, at time.Time, want ...uint64) {
			t.Helper()
			got, err := zoneA.Revoke(t.Context(), id, at)
			slices.Sort(got)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("revoked %v, %v; want %v", got, err, want)
			}
		}
		since := func(from time.Time, want ...uint64) {
			t.Helper()
			await(t, func() error {
				revoked, err := zoneB.Revoked(t.Context(), from)
				if err != nil {
					return err
				}
				mine := slices.DeleteFunc(revoked, func(serial uint64) bool { return !slices.Contains(all, serial) })
				slices.Sort(mine)
				if !slices.Equal(mine, want) {
					return errors.New(cmp.Diff(want, mine))
				}
				return nil
			})
		}
		revoke(made.Credentials[1].ID, now, all[1])
		since(time.Time{}, all[1])
		revoke(made.ID, now.Add(time.Minute), all...)
		since(time.Time{}, all...)
		since(now.Add(time.Second), all[0], all[2])
		if _, err := zoneA.Revoke(t.Context(), rand.Text(), now); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
	})
}

// RecordsFaults checks a record.Store whose network can be made bad.
func RecordsFaults(t *testing.T, network Network, broken, sound record.Store) {
	t.Run("an issuance whose answer is lost is recorded once", func(t *testing.T) {
		if err := answer(t.Context(), isStoreVerdict, func() error { return broken.Issue(t.Context(), issuance(1)) }); err != nil {
			t.Fatal(err)
		}
		first := issuance(2)
		lostReply(t, network, isStoreVerdict, func() error { return broken.Issue(t.Context(), first) })
		again := issuance(2)
		again.ID = first.ID
		if err := sound.Issue(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		if err := answer(t.Context(), isStoreVerdict, func() error { return broken.Issue(t.Context(), first) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first.Credentials, again.Credentials); diff != "" {
			t.Error(diff)
		}
	})
}
