package etcd

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tocsin/system/identity/spent"
)

// family is the record of a family of refresh tokens: the generation that is
// good now and when it became so. A family without a record is at generation 0.
type family struct {
	generation uint64
	rotated    time.Time
}

// separator is in a record between generation and time; afterSeparator is the
// next byte, so that all records of one generation are between the two.
const separator, afterSeparator = "@", "A"

func (f family) String() string {
	return generationText(f.generation) + separator + strconv.FormatInt(f.rotated.UnixMilli(), 10)
}

func generationText(generation uint64) string { return fmt.Sprintf("%016x", generation) }

func parseFamily(text string) (family, error) {
	generation, rotated, _ := strings.Cut(text, separator)
	parsed, err := strconv.ParseUint(generation, 16, 64)
	if err != nil {
		return family{}, fmt.Errorf("read generation of family: %w", err)
	}
	milliseconds, err := strconv.ParseInt(rotated, 10, 64)
	if err != nil {
		return family{}, fmt.Errorf("read time of rotation: %w", err)
	}
	return family{generation: parsed, rotated: time.UnixMilli(milliseconds)}, nil
}

// verdict is what the use of a token means.
type verdict int

const (
	rotate verdict = iota // the token is the current one
	repeat                // it is the one before, and may come again
	ahead                 // it is newer than the record: the store was restored
	reused                // it is older than it may be
)

// judge says what the use of a token of generation means for its family.
func (f family) judge(generation uint64, now time.Time, grace time.Duration) verdict {
	switch {
	case generation == f.generation:
		return rotate
	case generation > f.generation:
		return ahead
	case generation+1 == f.generation && now.Sub(f.rotated) <= grace:
		return repeat
	}
	return reused
}

// rotation is one call of Rotate on its way.
type rotation struct {
	spent.Rotation
	marks              *set
	familyKey, deadKey string
	now                time.Time

	// What the last decision was.
	verdict verdict
	next    uint64
}

// Rotate implements spent.Families.
func (s *Spent) Rotate(ctx context.Context, r spent.Rotation) (uint64, error) {
	on := &rotation{
		Rotation: r, marks: s.set(r.Attempt, r.Marks), now: s.now(),
		familyKey: hashed(s.prefix+"f/", r.Family), deadKey: revocationKey(s.prefix, r.Family),
		verdict: rotate, next: r.Generation + 1,
	}
	err := s.cluster.carryOut(ctx, change{
		keys:  append([]string{on.familyKey, on.deadKey}, on.marks.keys...),
		guess: append(on.guess(), on.marks.absent()...),
		puts:  append(on.marks.puts(on.marks.attempt), on.record()), decide: on.decide,
	})
	if err != nil {
		return 0, wrap("rotate refresh token", err)
	}
	switch on.verdict {
	case ahead:
		s.log.WarnContext(ctx, "refresh token is ahead of its record, which is as after a restore; accepted",
			"family", on.familyKey[len(s.prefix):], "generation", r.Generation)
	case reused:
		return 0, wrap("rotate refresh token", spent.ErrReused)
	}
	return on.next, nil
}

// guess is that the token is the current one and its family alive.
func (r *rotation) guess() []clientv3.Cmp {
	if r.Generation == 0 {
		return []clientv3.Cmp{absent(r.familyKey), absent(r.deadKey)}
	}
	generation := generationText(r.Generation)
	return []clientv3.Cmp{
		clientv3.Compare(clientv3.Value(r.familyKey), ">", generation+separator),
		clientv3.Compare(clientv3.Value(r.familyKey), "<", generation+afterSeparator),
		absent(r.deadKey),
	}
}

func (r *rotation) record() put {
	return put{key: r.familyKey, value: family{generation: r.next, rotated: r.now}.String(), life: r.life()}
}

func (r *rotation) life() time.Duration { return max(r.Expires.Sub(r.now), time.Second) }

// decide looks at the marks first: a request that is replayed as a whole says
// nothing of the token in it.
func (r *rotation) decide(known []*mvccpb.KeyValue) ([]put, error) {
	puts, err := r.marks.spend(known[2:])
	if err != nil {
		return nil, err
	}
	if known[1] != nil {
		if r.verdict == reused {
			return nil, nil // an earlier try of this call revoked it
		}
		return nil, spent.ErrRevoked
	}
	var current family
	if known[0] != nil {
		if current, err = parseFamily(string(known[0].Value)); err != nil {
			return nil, err
		}
	}
	r.verdict = current.judge(r.Generation, r.now, r.Grace)
	switch r.verdict {
	case rotate, ahead:
		r.next = r.Generation + 1
		puts = append(puts, r.record())
	case repeat:
		r.next = current.generation
	case reused:
		puts = append(puts, revocation(r.deadKey, r.now, r.life()))
	}
	return puts, nil
}

// Current returns the newest generation of a family, 0 when none was rotated.
func (s *Spent) Current(ctx context.Context, id string) (uint64, error) {
	key := hashed(s.prefix+"f/", id)
	var current family
	err := s.cluster.carryOut(ctx, change{
		keys: []string{key}, guess: []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(key), "<", 0)}, // never: it is only read
		decide: func(known []*mvccpb.KeyValue) (_ []put, err error) {
			if known[0] != nil {
				current, err = parseFamily(string(known[0].Value))
			}
			return nil, err
		},
	})
	if err != nil {
		return 0, wrap("read family", err)
	}
	return current.generation, nil
}
