package clients

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/system/identity/store"
)

var errAway = errors.New("connection refused")

// registry is a store in memory.
type registry struct {
	mu      sync.Mutex
	clients map[string]*Client
	behind  []string // ids that a list does not have yet
	away    bool
	// during runs while a list is on its way, without mu.
	during       func()
	lists, reads int
}

func (r *registry) Client(_ context.Context, id string) (*Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	if r.away {
		return nil, errAway
	}
	client, found := r.clients[id]
	if !found {
		return nil, store.ErrNotFound
	}
	return client, nil
}

func (r *registry) Clients(_ context.Context, most int) ([]*Client, error) {
	all, err := r.list(most)
	if err == nil && r.during != nil {
		r.during()
	}
	return all, err
}

func (r *registry) list(most int) ([]*Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lists++
	if r.away {
		return nil, errAway
	}
	all := []*Client{}
	for id, client := range r.clients {
		if len(all) < most && !slices.Contains(r.behind, id) {
			all = append(all, client)
		}
	}
	return all, nil
}

func (r *registry) change(change func(r *registry)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

func (r *registry) setAway(away bool) { r.change(func(r *registry) { r.away = away }) }

func (r *registry) counts() (lists, reads int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lists, r.reads
}

func registryOf(count int) *registry {
	r := &registry{clients: map[string]*Client{}}
	for i := range count {
		id := fmt.Sprint("c", i)
		r.clients[id] = &Client{ID: id}
	}
	return r
}

// running starts a cache in a bubble and returns when it has settled.
func running(t *testing.T, r *registry) *Cache {
	t.Helper()
	c := NewCache(r, time.Now, slog.New(slog.DiscardHandler))
	go c.Run(t.Context())
	synctest.Wait()
	return c
}

func TestEveryClientIsKnownWhenTheStoreGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registryOf(capacity)
		c := running(t, r)
		r.setAway(true)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		for id := range r.clients {
			if got, err := c.Client(t.Context(), id); err != nil || got.ID != id {
				t.Fatalf("%s: %v, %v", id, got, err)
			}
		}
		if _, err := c.Client(t.Context(), "other"); !errors.Is(err, errAway) {
			t.Errorf("a client that nobody ever saw: %v", err)
		}
	})
}

func TestOneReadServesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registryOf(100)
		c := running(t, r)
		for range 60 {
			time.Sleep(10 * time.Second)
			synctest.Wait()
			for id := range r.clients {
				if _, err := c.Client(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
		}
		if lists, reads := r.counts(); reads != 0 || lists < 20 || lists > 28 {
			t.Errorf("%d clients and %d lists were read in ten minutes", reads, lists)
		}
	})
}

func TestAProviderThatStartsWithoutItsStoreReadsItSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registryOf(1)
		r.setAway(true)
		c := running(t, r)
		r.setAway(false)
		time.Sleep(2 * untilLoaded)
		synctest.Wait()
		r.setAway(true)
		if _, err := c.Client(t.Context(), "c0"); err != nil {
			t.Error(err)
		}
	})
}

func TestChangesTakeEffect(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(r *registry)
		want   error
		active bool
	}{
		{"a client that was stopped", func(r *registry) { r.clients["c0"] = &Client{ID: "c0", Inactive: true} }, nil, false},
		{"a client that was removed", func(r *registry) { delete(r.clients, "c0") }, store.ErrNotFound, false},
		{"a list that does not have the client", func(r *registry) { r.behind = []string{"c0"} }, nil, true},
		{"a store that lost everything it lists", func(r *registry) { r.behind = []string{"c0", "c1"} }, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := registryOf(2)
				c := running(t, r)
				r.change(test.change)
				time.Sleep(fresh + time.Second)
				synctest.Wait()
				got, err := c.Client(t.Context(), "c0")
				if !errors.Is(err, test.want) || err == nil && got.Inactive == test.active {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		})
	}
}

// A list may take longer than the read of one client that began after it.
func TestAListDoesNotUndoALaterRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registryOf(1)
		c := NewCache(r, time.Now, slog.New(slog.DiscardHandler))
		r.during = func() {
			time.Sleep(time.Second)
			r.change(func(r *registry) { r.clients["c0"] = &Client{ID: "c0", Name: "new"} })
			if _, err := c.Client(t.Context(), "c0"); err != nil {
				t.Error(err)
			}
		}
		if _, _, err := c.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Client(t.Context(), "c0"); err != nil || got.Name != "new" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestMoreClientsThanAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registryOf(capacity + 1)
		c := running(t, r)
		if _, err := c.Client(t.Context(), "c7"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if lists, reads := r.counts(); lists > 7 || reads != 1 || len(c.entries) != 1 {
			t.Errorf("%d lists were read for nothing, %d clients read and %d kept", lists, reads, len(c.entries))
		}
		for i := range capacity + 1 {
			if _, err := c.Client(t.Context(), fmt.Sprint("c", i)); err != nil {
				t.Fatal(err)
			}
		}
		if len(c.entries) != capacity {
			t.Errorf("%d clients are kept", len(c.entries))
		}
	})
}
