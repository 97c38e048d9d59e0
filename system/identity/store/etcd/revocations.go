package etcd

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// Revocations implements spent.Revocations. Run must run: it keeps the set of
// what is revoked, which Revoked asks.
type Revocations struct {
	cluster *Cluster
	prefix  string // of the keys of revocations
	root    string // of all keys
	now     func() time.Time
	log     *slog.Logger

	heard  atomic.Int64 // when a member last spoke, in Unix nanoseconds
	loaded atomic.Bool

	mu      sync.RWMutex
	revoked map[fingerprint]time.Time // until when it matters
}

// fingerprint is the hash of a revoked id.
type fingerprint [sha256.Size]byte

// NewRevocations returns the revocations below prefix, of which none is known yet.
func NewRevocations(cluster *Cluster, prefix string, now func() time.Time, log *slog.Logger) *Revocations {
	r := &Revocations{
		cluster: cluster, prefix: revocationsOf(prefix), root: prefix, now: now, log: log, revoked: map[fingerprint]time.Time{},
	}
	r.heard.Store(now().UnixNano())
	return r
}

func revocationsOf(prefix string) string { return prefix + "r/" }

func revocationKey(prefix, id string) string { return hashed(revocationsOf(prefix), id) }

// revocation is the record that something is revoked. Its value is until when
// that matters, in Unix seconds: sets can then forget it by themselves.
func revocation(key string, now time.Time, life time.Duration) put {
	return put{key: key, value: strconv.FormatInt(now.Add(life).Unix(), 10), life: life}
}

// Revoke implements spent.Revocations.
func (r *Revocations) Revoke(ctx context.Context, id string, life time.Duration) error {
	record := revocation(revocationKey(r.root, id), r.now(), max(life, time.Second))
	err := r.cluster.carryOut(ctx, change{
		keys: []string{record.key}, puts: []put{record},
		guess: unchanged([]string{record.key}, make([]*mvccpb.KeyValue, 1)),
		decide: func(known []*mvccpb.KeyValue) ([]put, error) {
			if known[0] == nil || string(known[0].Value) < record.value { // of equal length until the year 2286
				return []put{record}, nil
			}
			return nil, nil
		},
	})
	if err != nil {
		return wrap("revoke", err)
	}
	r.add(sha256.Sum256([]byte(id)), r.now().Add(life))
	return nil
}

// Revoked implements spent.Revocations.
func (r *Revocations) Revoked(ids ...string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.revoked) == 0 {
		return false
	}
	for _, id := range ids {
		if _, found := r.revoked[sha256.Sum256([]byte(id))]; found && id != "" {
			return true
		}
	}
	return false
}

// Staleness is how old the set may be: for how long no member of the quorum
// has been heard, since the start when the set was never read.
func (r *Revocations) Staleness() time.Duration {
	return max(0, r.now().Sub(time.Unix(0, r.heard.Load())))
}

// Loaded reports whether the set was read at all. Until then Revoked knows
// nothing, and the process should not be ready.
func (r *Revocations) Loaded() bool { return r.loaded.Load() }

// Size is how many revocations are known.
func (r *Revocations) Size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.revoked)
}

// learn takes in what etcd says of one key. A key that ended is forgotten by
// its time and not by its end: what was revoked stays so, also when a store
// comes back from a backup without it.
func (r *Revocations) learn(kv *mvccpb.KeyValue) error {
	var id fingerprint
	decoded, err := base64.RawURLEncoding.Decode(id[:], kv.Key[len(r.prefix):])
	if err != nil || decoded != len(id) {
		return errors.Join(errors.New("a key of a revocation is not one"), err)
	}
	until, err := strconv.ParseInt(string(kv.Value), 10, 64)
	if err != nil {
		return fmt.Errorf("read time of revocation: %w", err)
	}
	r.add(id, time.Unix(until, 0))
	return nil
}

func (r *Revocations) add(id fingerprint, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until.After(r.revoked[id]) {
		r.revoked[id] = until
	}
}

// prune forgets what does not matter any more.
func (r *Revocations) prune() {
	now := r.now().Add(-margin)
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, until := range r.revoked {
		if now.After(until) {
			delete(r.revoked, id)
		}
	}
}
