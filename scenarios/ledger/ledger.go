// Package ledger owns the list of what a target acknowledged to synthetic
// people, and the audit that reads it back afterwards through public endpoints.
// It follows Jepsen's set checker: only what was acknowledged can be lost, and
// what could not be read back is unknown, never kept.
package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"time"
)

// Kind of an acknowledged write.
type Kind string

const (
	// Grant is a consent: it must be there when it is read back.
	Grant Kind = "grant"
	// Code is a redeemed authorization code: it must be refused from then on.
	Code Kind = "code"
)

// Entry is one acknowledgement.
type Entry struct {
	Kind Kind
	// ID names the entry in reports: the id of a grant, the SHA-256 of a code.
	ID    string
	Acked time.Time
	// code and verifier are held in memory only.
	code     string
	verifier string
}

// Ledger collects entries. It is safe for concurrent use.
type Ledger struct {
	mu      sync.Mutex
	entries map[string]Entry
}

// New returns an empty ledger.
func New() *Ledger {
	return &Ledger{entries: make(map[string]Entry)}
}

// AddGrant writes down a consent that was acknowledged at acked. A consent that
// is acknowledged again keeps its latest time.
func (l *Ledger) AddGrant(id string, acked time.Time) {
	l.add(Entry{Kind: Grant, ID: id, Acked: acked})
}

// AddCode writes down a code whose redemption was acknowledged at acked.
func (l *Ledger) AddCode(code, verifier string, acked time.Time) {
	sum := sha256.Sum256([]byte(code))
	l.add(Entry{Kind: Code, ID: hex.EncodeToString(sum[:]), Acked: acked, code: code, verifier: verifier})
}

func (l *Ledger) add(entry Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[string(entry.Kind)+" "+entry.ID] = entry
}

// Entries returns a copy of what was written down, in the order in which it is
// best read back: codes first and the newest of them foremost, because a target
// forgets a code soon and then refuses it whatever it did before.
func (l *Ledger) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := make([]Entry, 0, len(l.entries))
	for _, entry := range l.entries {
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), b.Acked.Compare(a.Acked), cmp.Compare(a.ID, b.ID))
	})
	return entries
}
