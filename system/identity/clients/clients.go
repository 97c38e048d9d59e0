// Package clients knows the relying parties. Reads come from a bounded cache
// that also answers while the database is away; nothing here changes a client.
package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"tocsin/system/identity/store"
)

// Client is a registered relying party.
type Client struct {
	ID           string
	Name         string
	RedirectURIs []string
	Keys         jose.JSONWebKeySet
	Scopes       []string
	GrantTypes   []string
}

// MayUse reports whether the client is registered for grantType.
func (c *Client) MayUse(grantType string) bool { return slices.Contains(c.GrantTypes, grantType) }

// Store reads clients; store.ErrNotFound only when it is sure.
type Store interface {
	Client(ctx context.Context, id string) (*Client, error)
}

const (
	// fresh is how long a cached client is used without asking again: the
	// longest time a change needs to take effect.
	fresh = 30 * time.Second
	// capacity bounds the cache.
	capacity = 1000
)

// Cache is a Store in front of another.
type Cache struct {
	store Store
	now   func() time.Time

	flights singleflight.Group
	mu      sync.Mutex
	entries map[string]entry
}

type entry struct {
	client *Client
	read   time.Time
}

// NewCache returns an empty cache of store.
func NewCache(store Store, now func() time.Time) *Cache {
	return &Cache{store: store, now: now, entries: map[string]entry{}}
}

// Client returns the client with id. When the store cannot tell, the last
// known version is served, however old.
func (c *Cache) Client(ctx context.Context, id string) (*Client, error) {
	known, found := c.lookup(id)
	if found && c.now().Sub(known.read) < fresh {
		return known.client, nil
	}
	read, err, _ := c.flights.Do(id, func() (any, error) { return c.store.Client(ctx, id) })
	if errors.Is(err, store.ErrNotFound) {
		c.forget(id)
		return nil, err
	}
	if err != nil {
		if found {
			return known.client, nil
		}
		return nil, fmt.Errorf("read client: %w", err)
	}
	client := read.(*Client)
	c.remember(id, client)
	return client, nil
}

func (c *Cache) lookup(id string) (entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, found := c.entries[id]
	return known, found
}

func (c *Cache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, id)
}

func (c *Cache) remember(id string, client *Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.entries[id]; !known && len(c.entries) >= capacity {
		for victim := range c.entries { // any: clients are few, this is a bound
			delete(c.entries, victim)
			break
		}
	}
	c.entries[id] = entry{client: client, read: c.now()}
}
