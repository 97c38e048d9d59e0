package etcd

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tocsin/system/identity/spent"
)

// released is the value of a mark that was taken back. The key stays, so that
// a try to spend which is still on its way finds it and changes nothing.
const released = ""

// Spent implements spent.Store and spent.Families.
type Spent struct {
	cluster *Cluster
	prefix  string
	now     func() time.Time
	log     *slog.Logger
}

// NewSpent returns the marks and families below prefix. Revocations must have
// the same prefix.
func NewSpent(cluster *Cluster, prefix string, now func() time.Time, log *slog.Logger) *Spent {
	return &Spent{cluster: cluster, prefix: prefix, now: now, log: log}
}

func (s *Spent) keyOf(mark spent.Mark) string {
	return hashed(s.prefix+"m/"+string(mark.Kind)+"/", mark.ID)
}

// Spend implements spent.Store.
func (s *Spent) Spend(ctx context.Context, attempt string, marks ...spent.Mark) error {
	if len(marks) == 0 {
		return nil
	}
	set := s.set(attempt, marks)
	return wrap("spend", s.cluster.carryOut(ctx, change{keys: set.keys, guess: set.absent(), puts: set.puts(set.attempt), decide: set.spend}))
}

// Release implements spent.Store. It looks before it writes: a write that says
// "if it is mine" could still be on its way when the same attempt spends again.
func (s *Spent) Release(ctx context.Context, attempt string, marks ...spent.Mark) error {
	if len(marks) == 0 {
		return nil
	}
	set := s.set(attempt, marks)
	return wrap("release", s.cluster.carryOut(ctx, change{keys: set.keys, guess: set.absent(), puts: set.puts(released), decide: set.release}))
}

// set is the marks of one attempt and their keys, each once.
type set struct {
	attempt string
	marks   []spent.Mark
	keys    []string
}

func (s *Spent) set(attempt string, marks []spent.Mark) *set {
	made := &set{attempt: nameOf(attempt)}
	for _, mark := range marks {
		key := s.keyOf(mark)
		if slices.Contains(made.keys, key) {
			continue
		}
		made.keys = append(made.keys, key)
		made.marks = append(made.marks, mark)
	}
	return made
}

func (s *set) absent() []clientv3.Cmp {
	conditions := make([]clientv3.Cmp, len(s.keys))
	for i, key := range s.keys {
		conditions[i] = absent(key)
	}
	return conditions
}

func (s *set) puts(value string) []put {
	puts := make([]put, len(s.keys))
	for i, key := range s.keys {
		puts[i] = s.put(i, key, value)
	}
	return puts
}

func (s *set) put(i int, key, value string) put {
	return put{key: key, value: value, life: max(s.marks[i].Life, time.Second)}
}

// spend returns the marks that are still to be set.
func (s *set) spend(known []*mvccpb.KeyValue) ([]put, error) {
	var puts []put
	for i, key := range s.keys {
		switch {
		case known[i] == nil || string(known[i].Value) == released:
			puts = append(puts, s.put(i, key, s.attempt))
		case string(known[i].Value) != s.attempt:
			return nil, &spent.ConsumedError{Mark: s.marks[i]}
		}
	}
	return puts, nil
}

// release returns the marks that are to be taken back. One that is not there
// may be on its way, so its place is taken.
func (s *set) release(known []*mvccpb.KeyValue) ([]put, error) {
	var puts []put
	for i, key := range s.keys {
		if known[i] == nil || string(known[i].Value) == s.attempt {
			puts = append(puts, s.put(i, key, released))
		}
	}
	return puts, nil
}
