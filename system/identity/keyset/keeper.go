package keyset

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	randv2 "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
)

// Nodes are the HSM nodes.
type Nodes interface {
	Nodes() []string
	Keys(ctx context.Context, node string) ([]jose.JSONWebKey, error)
	Make(ctx context.Context, node string, algorithm jose.SignatureAlgorithm, use string) (*protocol.Bundle, error)
	Take(ctx context.Context, node string, bundle *protocol.Bundle) error
	Remove(ctx context.Context, node, kid string) error
	Sign(ctx context.Context, order protocol.Order) ([]byte, error)
}

// Keeper keeps a Set current and does what is due with the ring. Any number of
// processes may run one.
type Keeper struct {
	config Config
	ring   Ring
	nodes  Nodes
	set    *Set
	log    *slog.Logger

	mu sync.Mutex
	// absent is since when no node has a key that is in use or to be.
	absent map[string]time.Time
}

const (
	lookLimit  = 5 * time.Second
	makeLimit  = 60 * time.Second
	claimLimit = makeLimit + 10*time.Second
	// untilComplete is the pause while there are no keys to serve.
	untilComplete = 500 * time.Millisecond
)

// NewKeeper returns a keeper that fills set.
func NewKeeper(set *Set, ring Ring, nodes Nodes, log *slog.Logger) *Keeper {
	return &Keeper{config: set.config, ring: ring, nodes: nodes, set: set, log: log}
}

// Run keeps the set current until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	failing := false
	for {
		err := k.Step(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			k.log.WarnContext(ctx, "key ring is not looked after", "error", err)
		}
		if err == nil && failing {
			k.log.InfoContext(ctx, "key ring is looked after again")
		}
		failing = err != nil
		pause := k.config.Interval
		if _, err := k.set.Document(); err != nil {
			pause = untilComplete
		}
		// Processes that started together should not stay together.
		pause = pause*3/4 + randv2.N(pause/4+1)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Step looks at the ring once and does what is due.
func (k *Keeper) Step(ctx context.Context) error {
	look, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	d, revision, err := k.load(look)
	if err != nil {
		return err
	}
	held := k.ask(look)
	k.give(ctx, d, held)
	lost := k.lost(d, held)
	if e := d.emergency(lost); len(e.wanted(d)) > 0 {
		k.log.ErrorContext(ctx, "no HSM node has a current key any more; it is replaced", "kids", slices.Sorted(maps.Keys(e.replaced)))
		return k.fill(ctx, e)
	}
	due := len(d.missing(&k.config, k.config.Now())) > 0
	if due && len(held) == 0 {
		return errors.New("keys are to be made, and no HSM node answers")
	}
	if due {
		return k.fill(ctx, overdue{k.config})
	}
	gone, changed := d.advance(&k.config, len(k.nodes.Nodes()), held, lost, k.config.Now())
	if !changed {
		return nil
	}
	if err := k.swap(look, revision, d); err != nil {
		if errors.Is(err, ErrConflict) {
			return nil // another process did something; look again next time
		}
		return err
	}
	for _, kid := range gone {
		k.log.InfoContext(ctx, "key is out of use; destroying it", "kid", kid)
		k.remove(ctx, kid, k.nodes.Nodes()...)
	}
	_, _, err = k.load(look)
	return err
}

// Rotate makes the next keys of a use now, unless they are on their way, and
// returns when they are in the ring. They become current when they have been
// published long enough.
func (k *Keeper) Rotate(ctx context.Context, use Use) error {
	return k.fill(ctx, successors{use})
}

// load reads the ring and shows it to the readers of the set.
func (k *Keeper) load(ctx context.Context) (*document, int64, error) {
	text, revision, err := k.ring.Load(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("load key ring: %w", err)
	}
	d, err := decode(text, k.config.Approved)
	if err != nil {
		return nil, 0, err
	}
	if err := k.set.take(d, revision); err != nil && !errors.Is(err, ErrIncomplete) {
		return nil, 0, err
	}
	return d, revision, nil
}

func (k *Keeper) swap(ctx context.Context, revision int64, d *document) error {
	text, err := d.encode()
	if err != nil {
		return err
	}
	if err := k.ring.Swap(ctx, revision, text); err != nil {
		return fmt.Errorf("change key ring: %w", err)
	}
	return nil
}

// ask asks all nodes at once what they hold.
func (k *Keeper) ask(ctx context.Context) holdings {
	var mu sync.Mutex
	held := holdings{}
	var group sync.WaitGroup
	for _, node := range k.nodes.Nodes() {
		group.Go(func() {
			keys, err := k.nodes.Keys(ctx, node)
			if err != nil {
				k.log.DebugContext(ctx, "keys of HSM node not read", "node", node, "error", err)
				return
			}
			names := make(map[string]bool, len(keys))
			for _, key := range keys {
				names[key.KeyID] = true
			}
			mu.Lock()
			defer mu.Unlock()
			held[node] = names
		})
	}
	group.Wait()
	return held
}

// give hands sealed keys to the nodes that lack them.
func (k *Keeper) give(ctx context.Context, d *document, held holdings) {
	for i := range d.Keys {
		bundle := d.Keys[i].Bundle
		for node, keys := range held {
			kid := bundle.Public.KeyID
			if keys[kid] || !bundle.Travels() {
				continue
			}
			if err := k.nodes.Take(ctx, node, bundle); err != nil {
				k.log.WarnContext(ctx, "node did not take a key", "node", node, "kid", kid, "error", err)
				continue
			}
			keys[kid] = true
		}
	}
}

// remove has nodes destroy a key. A node that is away keeps it, and nobody
// uses it.
func (k *Keeper) remove(ctx context.Context, kid string, nodes ...string) {
	for _, node := range nodes {
		if err := k.nodes.Remove(ctx, node, kid); err != nil {
			k.log.WarnContext(ctx, "node did not destroy a key", "node", node, "kid", kid, "error", err)
		}
	}
}
