package keyset

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"log/slog"
	"maps"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
)

var errAway = errors.New("away")

// memory is a ring in memory that can be away.
type memory struct {
	mu       sync.Mutex
	text     []byte
	revision int64
	away     bool
	// lost makes Swap do its work and then fail, as when an answer is lost.
	lost bool
	// twice makes the so-manieth Swap do its work and then report the conflict
	// of its own second try.
	twice int
}

func (m *memory) Load(context.Context) ([]byte, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, 0, errAway
	}
	return slices.Clone(m.text), m.revision, nil
}

func (m *memory) Swap(_ context.Context, revision int64, text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return errAway
	}
	if m.revision != revision {
		return ErrConflict
	}
	m.text, m.revision = slices.Clone(text), revision+1
	if m.lost {
		return errAway
	}
	m.twice--
	if m.twice == 0 {
		return ErrConflict
	}
	return nil
}

func (m *memory) set(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// cluster is HSM nodes in memory. A sealed key is found by its kid.
type cluster struct {
	mu    sync.Mutex
	names []string
	away  map[string]bool
	held  map[string]map[string]bool // by node and kid
	keys  map[string]crypto.Signer   // by kid
	made  int
	// attest are the keys that attest, by node, of a cluster that does.
	attest map[string]*ecdsa.PrivateKey
}

func newCluster(names ...string) *cluster {
	c := &cluster{names: names, away: map[string]bool{}, held: map[string]map[string]bool{}, keys: map[string]crypto.Signer{}}
	for _, name := range names {
		c.held[name] = map[string]bool{}
	}
	return c
}

func (c *cluster) Nodes() []string { return c.names }

func (c *cluster) Keys(_ context.Context, node string) ([]jose.JSONWebKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away[node] {
		return nil, errAway
	}
	var keys []jose.JSONWebKey
	for kid := range maps.Keys(c.held[node]) {
		keys = append(keys, jose.JSONWebKey{KeyID: kid})
	}
	return keys, nil
}

// attested has the nodes attest what they make, and returns who they are.
func (c *cluster) attested(t testing.TB) protocol.Approved {
	t.Helper()
	c.attest = map[string]*ecdsa.PrivateKey{}
	var approved protocol.Approved
	for _, name := range c.names {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c.attest[name] = key
		approved = append(approved, protocol.Node{Attest: &key.PublicKey})
	}
	return approved
}

func (c *cluster) sign(node string, bundle *protocol.Bundle) error {
	key, attests := c.attest[node]
	if !attests {
		return nil
	}
	maker, err := protocol.IDOf(key.Public())
	if err != nil {
		return err
	}
	bundle.Maker, bundle.Sealed = maker.String(), bundle.Seal()
	digest := bundle.Attested()
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	bundle.Signature = append(padded(r), padded(s)...)
	return err
}

func (c *cluster) Make(_ context.Context, node string, algorithm jose.SignatureAlgorithm, use string) (*protocol.Bundle, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away[node] {
		return nil, errAway
	}
	var key crypto.Signer
	var err error
	if algorithm == jose.ES256 {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return nil, err
	}
	public, err := protocol.JWK(algorithm, key.Public())
	if err != nil {
		return nil, err
	}
	c.keys[public.KeyID], c.held[node][public.KeyID] = key, true
	c.made++
	bundle := &protocol.Bundle{Public: public, Use: use, Wrapped: []byte(public.KeyID)}
	for _, other := range c.names {
		if other != node {
			bundle.Copies = append(bundle.Copies, protocol.Copy{Recipient: other, Key: []byte("kek")})
		}
	}
	return bundle, c.sign(node, bundle)
}

func (c *cluster) Take(_ context.Context, node string, bundle *protocol.Bundle) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, sealed := bundle.CopyFor(node)
	if c.away[node] || !sealed || c.keys[bundle.Public.KeyID] == nil { // sealed for a token that is lost
		return errAway
	}
	c.held[node][bundle.Public.KeyID] = true
	return nil
}

func (c *cluster) Remove(_ context.Context, node, kid string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held[node], kid)
	return nil
}

func (c *cluster) Sign(_ context.Context, order protocol.Order) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key, known := c.keys[order.Key.String()].(*ecdsa.PrivateKey)
	if !known {
		return nil, errAway
	}
	r, s, err := ecdsa.Sign(rand.Reader, key, order.Digest[:])
	if err != nil {
		return nil, err
	}
	return append(padded(r), padded(s)...), nil
}

func padded(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

func (c *cluster) set(node string, away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away[node] = away
}

// lose takes keys, or all of them, out of all tokens.
func (c *cluster) lose(kids ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, held := range c.held {
		for kid := range held {
			if len(kids) == 0 || slices.Contains(kids, kid) {
				delete(held, kid)
				delete(c.keys, kid)
			}
		}
	}
}

// holding counts the keys of a node.
func (c *cluster) holding(node string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held[node])
}

func (c *cluster) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made
}

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func configFor(c *clock) Config {
	return Config{Issuer: "https://id.example", Country: "UT", Organization: "Utopia", Now: c.Now}
}

func keeperOf(t testing.TB, config Config, ring Ring, nodes Nodes) (*Keeper, *Set) {
	t.Helper()
	set, err := NewSet(config)
	if err != nil {
		t.Fatal(err)
	}
	return NewKeeper(set, ring, nodes, slog.New(slog.DiscardHandler)), set
}

// want is a demand for more of what there is.
type want func(*document) []slot

func (w want) wanted(d *document) []slot              { return w(d) }
func (w want) settle(*document, slot, time.Time) bool { return false }
func (w want) urgent() bool                           { return false }

func step(t testing.TB, k *Keeper) {
	t.Helper()
	if err := k.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
}
