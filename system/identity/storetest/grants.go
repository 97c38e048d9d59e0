package storetest

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"tocsin/system/identity/grant"
	"tocsin/system/identity/store"
)

// Grants checks grant.Store.
func Grants(t *testing.T, zoneA, zoneB grant.Store) {
	client, subject := rand.Text(), rand.Text()
	first := &grant.Grant{ID: rand.Text(), ClientID: client, Subject: subject, Scopes: []string{"openid"}, Claims: []string{}}
	t.Run("a grant comes back as it was saved, in another zone", func(t *testing.T) {
		if err := zoneA.Save(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		got, err := zoneB.Grant(t.Context(), first.ID)
		if err != nil || got.ClientID != client || got.Subject != subject || !slices.Equal(got.Scopes, first.Scopes) || got.CreatedAt.IsZero() {
			t.Errorf("got %+v, %v", got, err)
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
	t.Run("the latest grant is the newest one", func(t *testing.T) {
		second := &grant.Grant{ID: rand.Text(), ClientID: client, Subject: subject, Scopes: []string{"openid", "email"}, Claims: []string{"email"}}
		if err := zoneA.Save(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		if got, err := zoneB.Latest(t.Context(), client, subject); err != nil || got.ID != second.ID {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("what is not there is not found", func(t *testing.T) {
		if _, err := zoneA.Grant(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("by id: %v", err)
		}
		if _, err := zoneA.Latest(t.Context(), client, "nobody"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("latest: %v", err)
		}
	})
}
