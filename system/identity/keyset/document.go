package keyset

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
)

// document is the ring.
type document struct {
	Version int     `json:"version"`
	Keys    []entry `json:"keys"`
	Claim   *claim  `json:"claim,omitempty"`
}

// entry is one key in one phase of its life: next until Current, then current,
// retired from Retired on.
type entry struct {
	// Bundle is the key and what was attested of it: also its use.
	Bundle *protocol.Bundle `json:"bundle"`
	// Made is when the key was published first.
	Made    time.Time `json:"made"`
	Current time.Time `json:"current,omitzero"`
	Retired time.Time `json:"retired,omitzero"`
	// Urgent keys sign as soon as every process publishes them.
	Urgent bool `json:"urgent,omitempty"`
	// Chain is the X.509 chain, DER, leaf first, of keys that have one.
	Chain [][]byte `json:"chain,omitempty"`
}

// claim says that a process is making keys. It only saves the others the work:
// what counts is who replaces the document.
type claim struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"`
}

const (
	documentVersion = 1
	maxDocument     = 256 << 10
	maxEntries      = 64
)

func (e *entry) kid() string { return e.Bundle.Public.KeyID }

func (e *entry) use() Use { return Use(e.Bundle.Use) }

func (e *entry) slot() slot {
	return slot{e.use(), jose.SignatureAlgorithm(e.Bundle.Public.Algorithm)}
}

func (e *entry) isNext() bool    { return e.Current.IsZero() }
func (e *entry) isCurrent() bool { return !e.Current.IsZero() && e.Retired.IsZero() }

// of returns the next and the current key of a slot; nil where there is none.
func (d *document) of(s slot) (next, current *entry) {
	for i := range d.Keys {
		if d.Keys[i].slot() != s {
			continue
		}
		if d.Keys[i].isNext() {
			next = &d.Keys[i]
		}
		if d.Keys[i].isCurrent() {
			current = &d.Keys[i]
		}
	}
	return next, current
}

func (d *document) encode() ([]byte, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode key ring: %w", err)
	}
	if len(text) > maxDocument {
		return nil, fmt.Errorf("encode key ring: %d bytes, at most %d", len(text), maxDocument)
	}
	return text, nil
}

// decode reads and checks a ring; none is an empty one. A ring in which one
// entry is wrong is wrong: publishing the others would be half a set.
func decode(text []byte, approved protocol.Approved) (*document, error) {
	if len(text) == 0 {
		return &document{Version: documentVersion}, nil
	}
	if len(text) > maxDocument {
		return nil, fmt.Errorf("read key ring: %d bytes", len(text))
	}
	d := &document{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("read key ring: %w", err)
	}
	if d.Version != documentVersion || len(d.Keys) > maxEntries {
		return nil, fmt.Errorf("read key ring: version %d with %d keys", d.Version, len(d.Keys))
	}
	seen := map[string]bool{}
	current := map[slot]bool{}
	for i := range d.Keys {
		if err := d.Keys[i].check(approved); err != nil {
			return nil, fmt.Errorf("read key ring: key %d: %w", i, err)
		}
		if seen[d.Keys[i].kid()] {
			return nil, fmt.Errorf("read key ring: key %s twice", d.Keys[i].kid())
		}
		seen[d.Keys[i].kid()] = true
		if !d.Keys[i].isCurrent() {
			continue
		}
		if current[d.Keys[i].slot()] {
			return nil, fmt.Errorf("read key ring: two current keys for %v", d.Keys[i].slot())
		}
		current[d.Keys[i].slot()] = true
	}
	if err := d.checkChains(); err != nil {
		return nil, fmt.Errorf("read key ring: %w", err)
	}
	return d, nil
}

// check looks at one entry by itself; checkChains at what certifies what.
func (e *entry) check(approved protocol.Approved) error {
	if e.Bundle == nil {
		return errors.New("nothing in it")
	}
	if err := protocol.CheckJWK(e.Bundle.Public); err != nil {
		return err
	}
	if len(approved) > 0 {
		if err := e.Bundle.Check(approved); err != nil {
			return err
		}
	}
	known := false
	for _, s := range slots() {
		known = known || s == e.slot()
	}
	if !known || e.Made.IsZero() {
		return fmt.Errorf("key %s for %v", e.kid(), e.slot())
	}
	if len(e.Chain) != links(e.use()) {
		return fmt.Errorf("key %s has a chain of %d", e.kid(), len(e.Chain))
	}
	if e.use() == Token {
		return nil
	}
	_, err := e.certificate()
	return err
}
