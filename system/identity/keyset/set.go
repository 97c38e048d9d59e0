package keyset

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
)

var (
	// ErrIncomplete means that the keys are not known yet.
	ErrIncomplete = errors.New("signing keys are not complete yet")
	// ErrStale means that the ring has not been seen for too long.
	ErrStale = errors.New("signing keys were not looked at for too long")
)

// Key is one that signs or verifies.
type Key struct {
	ID        protocol.ID
	KeyID     string // the ID as text
	Use       Use
	Algorithm jose.SignatureAlgorithm
	Public    crypto.PublicKey
}

// Set is the keys known now. It is safe for concurrent use, and nothing in it
// asks the network.
type Set struct {
	config  Config
	started time.Time
	current atomic.Pointer[snapshot]
}

// snapshot is what readers see; only the time of the look ever changes.
type snapshot struct {
	revision  int64
	seen      atomic.Int64 // Unix nanoseconds
	documents map[Use][]byte
	byID      map[string]*Key
	signing   map[slot]*Key
	chain     [][]byte
	roots     [][]byte
	terms     []Term
}

// NewSet returns a set that knows nothing yet; a Keeper fills it.
func NewSet(config Config) (*Set, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	return &Set{config: config, started: config.Now()}, nil
}

// Document returns the JWK set of tokens, or ErrIncomplete.
func (s *Set) Document() ([]byte, error) { return s.DocumentOf(Token) }

// DocumentOf returns the JWK set of one use, or ErrIncomplete.
func (s *Set) DocumentOf(use Use) ([]byte, error) {
	now := s.current.Load()
	if now == nil {
		return nil, ErrIncomplete
	}
	return now.documents[use], nil
}

// MaxAge is how long clients may cache the documents.
func (s *Set) MaxAge() time.Duration { return s.config.MaxAge }

// Signing returns the key to sign with. It fails when that is not known, or
// not known to be still right.
func (s *Set) Signing(use Use, algorithm jose.SignatureAlgorithm) (*Key, error) {
	now, err := s.fresh()
	if err != nil {
		return nil, err
	}
	key, found := now.signing[slot{use, algorithm}]
	if !found {
		return nil, fmt.Errorf("%w: no current %s key for %ss", ErrIncomplete, algorithm, use)
	}
	return key, nil
}

// fresh returns what is known, if that is recent enough to sign with.
func (s *Set) fresh() (*snapshot, error) {
	now := s.current.Load()
	if now == nil {
		return nil, ErrIncomplete
	}
	if s.age(now) > s.config.Grace {
		return nil, ErrStale
	}
	return now, nil
}

// Verifying returns the key named kid. That there is none is a verdict (nil, no
// error) only while the set is sure to have every key in use: even urgent keys
// are published before they sign.
func (s *Set) Verifying(kid string) (*Key, error) {
	now := s.current.Load()
	if now == nil {
		return nil, ErrIncomplete
	}
	key, found := now.byID[kid]
	if !found && s.age(now) > s.config.soon() {
		return nil, ErrStale
	}
	return key, nil
}

// Chain returns the X.509 chain of the current credential key, DER, leaf first.
func (s *Set) Chain() (chain [][]byte, kid string, err error) {
	now, err := s.fresh()
	if err != nil {
		return nil, "", err
	}
	key, found := now.signing[slot{Credential, jose.ES256}]
	if !found {
		return nil, "", fmt.Errorf("%w: no current key for credentials", ErrIncomplete)
	}
	return now.chain, key.KeyID, nil
}

// Roots returns the root certificates, DER, that chains may end in.
func (s *Set) Roots() ([][]byte, error) {
	now := s.current.Load()
	if now == nil {
		return nil, ErrIncomplete
	}
	return now.roots, nil
}

func (s *Set) age(seen *snapshot) time.Duration {
	return time.Duration(s.config.Now().UnixNano() - seen.seen.Load())
}

// take makes the ring what readers see. While the first keys are being made
// there is nothing to see.
func (s *Set) take(d *document, revision int64) error {
	if before := s.current.Load(); before != nil && before.revision == revision {
		before.seen.Store(s.config.Now().UnixNano())
		return nil
	}
	next := &snapshot{
		revision: revision, documents: map[Use][]byte{}, byID: map[string]*Key{}, signing: map[slot]*Key{},
	}
	next.seen.Store(s.config.Now().UnixNano())
	sets := map[Use]*jose.JSONWebKeySet{Token: {}, Credential: {}}
	for i := range d.Keys {
		if err := next.add(&d.Keys[i], sets); err != nil {
			return err
		}
		if e := &d.Keys[i]; e.isCurrent() {
			next.terms = append(next.terms, Term{e.use(), e.slot().algorithm, e.Current.Add(s.config.period(e.use()))})
		}
	}
	if _, current := d.of(slot{Token, jose.ES256}); current == nil {
		return ErrIncomplete
	}
	for use, set := range sets {
		text, err := json.Marshal(set)
		if err != nil {
			return fmt.Errorf("encode keys: %w", err)
		}
		next.documents[use] = text
	}
	s.current.Store(next)
	return nil
}

func (n *snapshot) add(e *entry, sets map[Use]*jose.JSONWebKeySet) error {
	if e.use() == root {
		n.roots = append(n.roots, e.Chain[0])
		return nil
	}
	id, err := protocol.ParseID(e.kid())
	if err != nil {
		return err
	}
	key := &Key{ID: id, KeyID: e.kid(), Use: e.use(), Algorithm: e.slot().algorithm, Public: e.Bundle.Public.Key}
	n.byID[key.KeyID] = key
	if e.isCurrent() {
		n.signing[e.slot()] = key
		if e.use() == Credential {
			n.chain = e.Chain
		}
	}
	sets[e.use()].Keys = append(sets[e.use()].Keys, e.Bundle.Public)
	return nil
}
