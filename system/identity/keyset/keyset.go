// Package keyset knows the public keys that tokens of this issuer verify with.
// What it publishes is complete or nothing: a client that gets half of the keys
// rejects good tokens. Once read, keys stay known while HSM nodes and database
// are away.
package keyset

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ErrIncomplete means that the key of at least one HSM node is not known yet.
var ErrIncomplete = errors.New("signing keys are not complete yet")

const (
	// untilComplete and onceComplete are the pauses between looks at the nodes.
	untilComplete = time.Second
	onceComplete  = 30 * time.Second
	refreshLimit  = 3 * time.Second
)

// Entry is one key and the node that signs with it.
type Entry struct {
	Node string
	Key  jose.JSONWebKey
}

// Nodes asks the HSM nodes.
type Nodes interface {
	Nodes() []string
	Keys(ctx context.Context, node string) ([]jose.JSONWebKey, error)
}

// Registry remembers the keys of nodes across restarts and zones.
type Registry interface {
	RegisterKey(ctx context.Context, entry Entry) error
	RegisteredKeys(ctx context.Context) ([]Entry, error)
}

// Set is the keys known now. It is safe for concurrent use.
type Set struct {
	nodes    Nodes
	registry Registry
	log      *slog.Logger
	current  atomic.Pointer[snapshot]
	wake     chan struct{}

	mu         sync.Mutex
	live       map[string]jose.JSONWebKey // by node, as the node said
	registered []Entry
	saved      map[string]bool // node and kid
}

// snapshot is what readers see; it never changes.
type snapshot struct {
	complete  bool
	document  []byte
	keyOfNode map[string]string
	publicKey map[string]*ecdsa.PublicKey
}

// New returns an empty set; Run fills it.
func New(nodes Nodes, registry Registry, log *slog.Logger) *Set {
	set := &Set{
		nodes: nodes, registry: registry, log: log, wake: make(chan struct{}, 1),
		live: map[string]jose.JSONWebKey{}, saved: map[string]bool{},
	}
	set.current.Store(&snapshot{})
	return set
}

// Document returns the JWK set, or ErrIncomplete.
func (s *Set) Document() ([]byte, error) {
	now := s.current.Load()
	if !now.complete {
		return nil, ErrIncomplete
	}
	return now.document, nil
}

// KeyOf returns the name of the key that node signs with. It says no until the
// set is complete: nothing may be signed with a key that is not published.
func (s *Set) KeyOf(node string) (string, bool) {
	now := s.current.Load()
	kid, known := now.keyOfNode[node]
	return kid, known && now.complete
}

// Public returns the key named kid. An unknown one is a verdict (nil, no error)
// only when the set is complete.
func (s *Set) Public(kid string) (*ecdsa.PublicKey, error) {
	now := s.current.Load()
	key, known := now.publicKey[kid]
	if !known && !now.complete {
		return nil, ErrIncomplete
	}
	return key, nil
}

// Refresh asks Run to look at the nodes now, because one seems to have changed its key.
func (s *Set) Refresh() {
	select {
	case s.wake <- struct{}{}:
	default: // already asked
	}
}

// Run keeps the set current until ctx ends.
func (s *Set) Run(ctx context.Context) {
	for {
		s.look(ctx)
		pause := onceComplete
		if now := s.current.Load(); !now.complete || len(now.keyOfNode) < len(s.nodes.Nodes()) {
			pause = untilComplete
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-time.After(pause):
		}
	}
}

// look asks all nodes and the registry at once, takes in what they answer, and
// registers what is new.
func (s *Set) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	var group sync.WaitGroup
	for _, node := range s.nodes.Nodes() {
		group.Go(func() { s.ask(ctx, node) })
	}
	group.Go(func() {
		entries, err := s.registry.RegisteredKeys(ctx)
		if err != nil {
			s.log.DebugContext(ctx, "signing keys not read from the registry", "error", err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.registered = entries
	})
	group.Wait()
	s.publish()
	s.register(ctx)
}

func (s *Set) ask(ctx context.Context, node string) {
	keys, err := s.nodes.Keys(ctx, node)
	if err != nil || len(keys) != 1 {
		s.log.DebugContext(ctx, "key of HSM node not read", "node", node, "keys", len(keys), "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[node] = keys[0]
}

func (s *Set) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.assemble()
	if err != nil {
		s.log.Error("signing keys not published", "error", err)
		return
	}
	before := s.current.Swap(next)
	if next.complete != before.complete {
		s.log.Info("signing keys", "complete", next.complete, "keys", len(next.publicKey))
	}
}

func (s *Set) assemble() (*snapshot, error) {
	next := &snapshot{complete: true, keyOfNode: map[string]string{}, publicKey: map[string]*ecdsa.PublicKey{}}
	var document jose.JSONWebKeySet
	covered := map[string]bool{}
	add := func(entry Entry) error {
		public, isEC := entry.Key.Key.(*ecdsa.PublicKey)
		if !isEC {
			return fmt.Errorf("key of %s is no EC key", entry.Node)
		}
		covered[entry.Node] = true
		if _, known := next.publicKey[entry.Key.KeyID]; known {
			return nil
		}
		next.publicKey[entry.Key.KeyID] = public
		document.Keys = append(document.Keys, entry.Key)
		return nil
	}
	for _, node := range s.nodes.Nodes() {
		key, known := s.live[node]
		if !known {
			continue
		}
		if err := add(Entry{Node: node, Key: key}); err != nil {
			return nil, err
		}
		next.keyOfNode[node] = key.KeyID
	}
	for _, entry := range s.registered {
		if err := add(entry); err != nil {
			return nil, err
		}
	}
	for _, node := range s.nodes.Nodes() {
		next.complete = next.complete && covered[node]
	}
	var err error
	next.document, err = json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode keys: %w", err)
	}
	return next, nil
}

// register saves each key once in the life of the process, which also tells
// the registry that the key is still in use.
func (s *Set) register(ctx context.Context) {
	for _, entry := range s.unsaved() {
		if err := s.registry.RegisterKey(ctx, entry); err != nil {
			s.log.DebugContext(ctx, "signing key not registered", "node", entry.Node, "error", err)
			return
		}
		s.mu.Lock()
		s.saved[entry.Node+" "+entry.Key.KeyID] = true
		s.mu.Unlock()
	}
}

func (s *Set) unsaved() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var entries []Entry
	for node, key := range s.live {
		if !s.saved[node+" "+key.KeyID] {
			entries = append(entries, Entry{Node: node, Key: key})
		}
	}
	return entries
}
