package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tocsin/system/identity/grant"
	"tocsin/system/identity/store"
)

// GrantStore is grant.Store with revocation.
type GrantStore interface {
	grant.Store
	RevokeGrant(ctx context.Context, clientID, id string) error
}

func someGrant(clientID, person string) *grant.Grant {
	return &grant.Grant{
		ID: rand.Text(), ClientID: clientID, Person: person, Scopes: []string{"openid", "profile"},
		Claims: []string{"name", "email"}, Allowed: []string{"name"}, Expires: time.Now().Add(time.Hour).Truncate(time.Millisecond),
	}
}

func sameGrant(got, want *grant.Grant) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0), cmpopts.IgnoreFields(grant.Grant{}, "CreatedAt", "UpdatedAt"))
}

// Grants checks grant.Store. Reads by any server may take a moment to see what
// was saved; those by id may not.
func Grants(t *testing.T, zoneA, zoneB GrantStore) {
	client, person := rand.Text(), rand.Text()
	first := someGrant(client, person)
	isLatest := func(zone GrantStore, want *grant.Grant) func() error {
		return func() error {
			got, err := zone.Latest(t.Context(), client, person)
			if err == nil && got.ID != want.ID {
				err = errors.New("the latest grant is another one")
			}
			return err
		}
	}
	t.Run("a grant comes back as it was saved, in another zone", func(t *testing.T) {
		if err := zoneA.Save(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		got, err := zoneB.Grant(t.Context(), first.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := sameGrant(got, first); diff != "" || got.CreatedAt.IsZero() {
			t.Error(diff, got.CreatedAt)
		}
	})
	t.Run("a consent without an end has none", func(t *testing.T) {
		endless := someGrant(rand.Text(), person)
		endless.Expires, endless.Claims, endless.Allowed = time.Time{}, nil, nil
		if err := zoneA.Save(t.Context(), endless); err != nil {
			t.Fatal(err)
		}
		got, err := zoneB.Grant(t.Context(), endless.ID)
		if err != nil || !got.Expires.IsZero() || sameGrant(got, endless) != "" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("saving again writes the row again and keeps its birth", func(t *testing.T) {
		before, err := zoneA.Grant(t.Context(), first.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := zoneB.Save(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		after, err := zoneA.Grant(t.Context(), first.ID)
		if err != nil || !after.CreatedAt.Equal(before.CreatedAt) || !after.UpdatedAt.After(before.UpdatedAt) {
			t.Errorf("before %+v, after %+v, %v", before, after, err)
		}
	})
	t.Run("the latest grant is the newest one that was not revoked", func(t *testing.T) {
		second := someGrant(client, person)
		if err := zoneA.Save(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		await(t, isLatest(zoneB, second))
		for range 2 { // an answer may get lost
			if err := zoneA.RevokeGrant(t.Context(), client, second.ID); err != nil {
				t.Fatal(err)
			}
		}
		await(t, isLatest(zoneB, first))
		if err := zoneB.Save(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		if _, err := zoneA.Grant(t.Context(), second.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("saving brought a revoked grant back: %v", err)
		}
	})
	t.Run("what is not there is not found", func(t *testing.T) {
		if _, err := zoneA.Grant(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("by id: %v", err)
		}
		if _, err := zoneA.Latest(t.Context(), client, "nobody"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("latest: %v", err)
		}
		if err := zoneA.RevokeGrant(t.Context(), "another client", first.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoke: %v", err)
		}
	})
}

func isStoreVerdict(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConsumed)
}

// GrantsFaults checks a grant.Store whose network can be made bad. sound is the
// same store over another.
func GrantsFaults(t *testing.T, network Network, broken, sound GrantStore) {
	warm := func(t *testing.T) *grant.Grant {
		t.Helper()
		saved := someGrant(rand.Text(), rand.Text())
		err := answer(t.Context(), isStoreVerdict, func() error { return broken.Save(t.Context(), saved) })
		if err != nil {
			t.Fatal(err)
		}
		return saved
	}
	t.Run("a save whose answer is lost is no success and can be repeated", func(t *testing.T) {
		warm(t)
		g := someGrant(rand.Text(), rand.Text())
		lostReply(t, network, isStoreVerdict, func() error { return broken.Save(t.Context(), g) })
		if err := answer(t.Context(), isStoreVerdict, func() error { return broken.Save(t.Context(), g) }); err != nil {
			t.Fatal(err)
		}
		if got, err := sound.Grant(t.Context(), g.ID); err != nil || sameGrant(got, g) != "" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("a consent that cannot be read is not one that is not there", func(t *testing.T) {
		saved := warm(t)
		lostReply(t, network, isStoreVerdict, func() error {
			_, err := broken.Latest(t.Context(), saved.ClientID, saved.Person)
			return err
		})
		lostReply(t, network, isStoreVerdict, func() error {
			_, err := broken.Grant(t.Context(), saved.ID)
			return err
		})
	})
	for name, toxic := range badNetworks() {
		t.Run("a consent is read at last, "+name, func(t *testing.T) {
			saved := warm(t)
			healed := disturb(t, network, toxic)
			err := answer(t.Context(), isStoreVerdict, func() error {
				_, err := broken.Latest(t.Context(), saved.ClientID, saved.Person)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			<-healed
		})
	}
}
