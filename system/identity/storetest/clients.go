package storetest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/store"
)

// ClientStore is clients.Store with what changes clients.
type ClientStore interface {
	clients.Registry
	CreateClient(ctx context.Context, client *clients.Client) error
	ChangeClient(ctx context.Context, id string, change func(*clients.Client) error) (*clients.Client, error)
	PutClients(ctx context.Context, all []clients.Client) error
}

// someClient has every member set to something.
func someClient(t *testing.T) *clients.Client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	maxAge := 60
	return &clients.Client{
		ID: rand.Text(), Name: "Name", NameByLanguage: map[string]string{"ar": "اسم"}, LogoURI: "https://c.example/logo",
		RedirectURIs: []string{"https://c.example/cb"}, PostLogoutRedirectURIs: []string{"https://c.example/bye"},
		Keys:   jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}},
		Scopes: []string{"openid"}, GrantTypes: []string{"authorization_code"}, AuthMethod: clients.PrivateKeyJWT,
		SubjectType: clients.SubjectPairwise, Sector: "c.example", IDTokenAlg: jose.PS256, UserinfoAlg: jose.RS256,
		RequirePAR: true, RequireDPoP: true, Claims: []string{"name"}, ACRs: []string{"acr"}, DefaultMaxAge: &maxAge,
		ConsentLife: 5, RelyingParty: "rp", Inactive: true,
	}
}

func sameClient(got, want *clients.Client) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(jose.JSONWebKey{}, "Certificates", "CertificateThumbprintSHA1", "CertificateThumbprintSHA256"))
}

// Clients checks clients.Store and what changes clients.
func Clients(t *testing.T, zoneA, zoneB ClientStore) {
	create := func(t *testing.T) *clients.Client {
		t.Helper()
		client := someClient(t)
		if err := zoneA.CreateClient(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		return client
	}
	reads := func(t *testing.T, zone ClientStore, want *clients.Client) {
		t.Helper()
		await(t, func() error {
			got, err := zone.Client(t.Context(), want.ID)
			if err != nil {
				return err
			}
			if diff := sameClient(got, want); diff != "" {
				return errors.New(diff)
			}
			return nil
		})
	}
	t.Run("a client comes back whole, in another zone", func(t *testing.T) {
		want := create(t)
		reads(t, zoneB, want)
		await(t, func() error {
			all, err := zoneB.Clients(t.Context(), 1000)
			if err == nil && !slices.ContainsFunc(all, func(c *clients.Client) bool { return sameClient(c, want) == "" }) {
				err = fmt.Errorf("not among all %d clients", len(all))
			}
			return err
		})
		create(t)
		if all, err := zoneA.Clients(t.Context(), 1); err != nil || len(all) != 1 {
			t.Errorf("one was asked for: got %d, %v", len(all), err)
		}
	})
	t.Run("creating it again succeeds, and another of its id exists", func(t *testing.T) {
		client := create(t)
		if err := zoneB.CreateClient(t.Context(), client); err != nil {
			t.Error(err)
		}
		other := someClient(t)
		other.ID = client.ID
		if err := zoneB.CreateClient(t.Context(), other); !errors.Is(err, store.ErrExists) {
			t.Errorf("got %v", err)
		}
		reads(t, zoneB, client)
	})
	t.Run("of many that create one id one wins", func(t *testing.T) {
		id := rand.Text()
		var won atomic.Int64
		var group sync.WaitGroup
		for i := range 10 {
			client := someClient(t)
			client.ID = id
			group.Go(func() {
				err := []ClientStore{zoneA, zoneB}[i%2].CreateClient(t.Context(), client)
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, store.ErrExists) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	})
	t.Run("an update changes what it is given, and no update gets lost", func(t *testing.T) {
		client := create(t)
		client.Name = ""
		var group sync.WaitGroup
		for i := range 8 {
			client.Name += "+"
			group.Go(func() {
				_, err := []ClientStore{zoneA, zoneB}[i%2].ChangeClient(t.Context(), client.ID, func(c *clients.Client) error {
					c.Name, c.Inactive = c.Name+"+", false
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		client.Name, client.Inactive = "Name"+client.Name, false
		reads(t, zoneB, client)
	})
	t.Run("an update that refuses changes nothing", func(t *testing.T) {
		client := create(t)
		refuse := errors.New("no")
		_, err := zoneA.ChangeClient(t.Context(), client.ID, func(c *clients.Client) error {
			c.Name = "other"
			return refuse
		})
		if !errors.Is(err, refuse) {
			t.Errorf("got %v", err)
		}
		reads(t, zoneA, client)
	})
	t.Run("what is not there is not found", func(t *testing.T) {
		if _, err := zoneA.Client(t.Context(), rand.Text()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("read: %v", err)
		}
		_, err := zoneA.ChangeClient(t.Context(), rand.Text(), func(*clients.Client) error { return nil })
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("update: %v", err)
		}
	})
	t.Run("putting adds and replaces", func(t *testing.T) {
		known, fresh := create(t), someClient(t)
		known.Name = "New name"
		for range 2 {
			if err := zoneB.PutClients(t.Context(), []clients.Client{*known, *fresh}); err != nil {
				t.Fatal(err)
			}
		}
		reads(t, zoneA, known)
		reads(t, zoneA, fresh)
	})
}

// ClientsFaults checks a ClientStore whose network can be made bad.
func ClientsFaults(t *testing.T, network Network, broken, sound ClientStore) {
	client := someClient(t)
	create := func() error { return broken.CreateClient(t.Context(), client) }
	if err := answer(t.Context(), isStoreVerdict, create); err != nil {
		t.Fatal(err)
	}
	t.Run("a client that cannot be read is not one that is not there", func(t *testing.T) {
		lostReply(t, network, isStoreVerdict, func() error {
			_, err := broken.Client(t.Context(), client.ID)
			return err
		})
	})
	t.Run("a creation whose answer is lost can be repeated", func(t *testing.T) {
		if err := answer(t.Context(), isStoreVerdict, create); err != nil { // connects
			t.Fatal(err)
		}
		client = someClient(t)
		lostReply(t, network, isStoreVerdict, create)
		if err := answer(t.Context(), isStoreVerdict, create); err != nil {
			t.Error(err)
		}
		other := someClient(t)
		other.ID = client.ID
		if err := sound.CreateClient(t.Context(), other); !errors.Is(err, store.ErrExists) {
			t.Errorf("got %v", err)
		}
	})
}
