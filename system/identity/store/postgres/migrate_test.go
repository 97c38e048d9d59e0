package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/store"
	"tocsin/system/identity/store/postgres"
	"tocsin/system/identity/vci/record"
)

func someIssuance() *record.Issuance {
	return &record.Issuance{ID: rand.Text(), IssuedAt: time.Now(), ExpiresAt: time.Now(), Credentials: []record.Credential{{ID: rand.Text()}}}
}

// firstRelease makes a database as the first release left it, with rows.
func firstRelease(t *testing.T) (name string, sql func(statement string) string) {
	t.Helper()
	name = "upgrade_" + strings.ToLower(rand.Text())
	if err := shared.primary.SQL(t.Context(), "CREATE DATABASE "+name+" OWNER identity"); err != nil {
		t.Fatal(err)
	}
	sql = func(statement string) string {
		t.Helper()
		got, err := shared.primary.Query(t.Context(), name, "SET ROLE identity; "+statement)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, file := range []string{"first_release.sql", "first_release_rows.sql"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		sql(string(text))
	}
	return name, sql
}

// openNamed opens a database on the primary.
func openNamed(t *testing.T, name string) *postgres.DB {
	t.Helper()
	db, err := openAt(context.WithoutCancel(t.Context()), name, shared.primary.Port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func TestUpgradeFromTheFirstRelease(t *testing.T) {
	name, sql := firstRelease(t)
	zones := []*postgres.DB{openNamed(t, name), openNamed(t, name)}
	t.Run("two zones migrate at once, and again", func(t *testing.T) {
		done := make(chan error, 4)
		for i := range cap(done) {
			go func() { done <- zones[i%2].Migrate(t.Context()) }()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	})
	db := zones[0]
	t.Run("what the first release wrote can be read", func(t *testing.T) {
		client, err := db.Client(t.Context(), "old-client")
		if err != nil || client.Name != "Old" || client.RedirectURIs[0] != "https://old.example/cb" || client.RequirePAR {
			t.Errorf("%+v, %v", client, err)
		}
		old, err := db.Grant(t.Context(), "old-grant")
		if err != nil || old.ClientID != "old-client" || old.Person != "" || old.Allowed[0] != "name" || !old.Expires.IsZero() {
			t.Errorf("%+v, %v", old, err)
		}
		if rows := sql("SELECT count(*) FROM persons") + sql("SELECT count(*) FROM signing_keys"); rows != "11" {
			t.Errorf("rows of what only the first release reads: %s", rows)
		}
	})
	t.Run("what a first release that still runs writes can be read", func(t *testing.T) {
		sql(`INSERT INTO clients (id, name, redirect_uris, jwks, scopes, grant_types) VALUES ('late', 'Late', '{}', '{"keys":[]}', '{}', '{client_credentials}')`)
		sql(`INSERT INTO grants (id, client_id, subject, scopes, claims) VALUES ('late', 'late', 's', '{openid}', '{}')`)
		if client, err := db.Client(t.Context(), "late"); err != nil || client.Name != "Late" {
			t.Errorf("%+v, %v", client, err)
		}
		if _, err := db.Grant(t.Context(), "late"); err != nil {
			t.Error(err)
		}
		if _, err := db.Latest(t.Context(), "late", ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a grant without a person was found for nobody: %v", err)
		}
	})
	t.Run("a change by the first release counts, and keeps what it does not know", func(t *testing.T) {
		client := someClient()
		client.RequirePAR = true
		if err := db.CreateClient(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		sql(`UPDATE clients SET name = 'Changed' WHERE id = '` + client.ID + `'`)
		if got, err := db.Client(t.Context(), client.ID); err != nil || got.Name != "Changed" || !got.RequirePAR {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("a first release can read what this one writes", func(t *testing.T) {
		client, g := someClient(), someGrant()
		if err := db.PutClients(t.Context(), []clients.Client{*client}); err != nil {
			t.Fatal(err)
		}
		if err := db.Save(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		if got := sql(`SELECT name || redirect_uris[1] || (jwks ? 'keys') FROM clients WHERE id = '` + client.ID + `'`); got != "nhttps://c.example/cbtrue" {
			t.Errorf("client %q", got)
		}
		if got := sql(`SELECT client_id || subject || claims[1] FROM grants WHERE id = '` + g.ID + `'`); got != g.ClientID+"name" {
			t.Errorf("grant %q", got)
		}
	})
	t.Run("an old client becomes whole when it is changed", func(t *testing.T) {
		_, err := db.ChangeClient(t.Context(), "old-client", func(c *clients.Client) error { c.RequirePAR = true; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if got, err := db.Client(t.Context(), "old-client"); err != nil || !got.RequirePAR || got.Name != "Old" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
