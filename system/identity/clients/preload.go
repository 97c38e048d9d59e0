package clients

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// reloadLimit bounds one read of all clients.
	reloadLimit = 5 * time.Second
	// untilLoaded is the pause while the clients were never read.
	untilLoaded = time.Second
	// crowdedPause is the pause when there are more clients than are kept.
	crowdedPause = 10 * time.Minute
)

// Run keeps every client known until ctx ends, as long as they are not more
// than the cache holds: an outage must not be what tells the clients that came
// by today from those that come tomorrow. It reads them all at once, before any
// of them is too old to be used without asking.
func (c *Cache) Run(ctx context.Context) {
	loaded, failing := false, false
	for {
		known, crowded, err := c.reload(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			c.log.WarnContext(ctx, "clients are not read ahead", "error", err)
		}
		if err == nil && (failing || !loaded) {
			c.log.InfoContext(ctx, "clients are read ahead", "clients", known, "too_many", crowded)
		}
		failing = err != nil
		loaded = loaded || err == nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause(loaded, crowded)):
		}
	}
}

func pause(loaded, crowded bool) time.Duration {
	switch {
	case crowded:
		return crowdedPause
	case !loaded:
		return untilLoaded
	}
	// Zones that started together should not stay together.
	return fresh*3/4 + rand.N(fresh/4)
}

// reload reads all clients. What it does not find, or cannot read, stays what it
// is: only Client forgets, when the store is sure.
func (c *Cache) reload(ctx context.Context) (known int, crowded bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	started := c.now()
	all, err := c.store.Clients(ctx, capacity+1)
	if err != nil {
		return 0, false, err
	}
	if len(all) > capacity {
		// Any choice of them would push out those that are in use.
		return 0, true, nil
	}
	for _, client := range all {
		c.refresh(client, started)
	}
	return len(all), false, nil
}

// refresh remembers a client as it was at read, unless it was read since.
func (c *Cache) refresh(client *Client, read time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, found := c.entries[client.ID]; found && known.read.After(read) {
		return
	}
	c.put(client, read)
}
