// Package fault keeps the book of what is broken on purpose: one fault per
// target at a time, each with a lease, so that whoever breaks something and dies
// heals it by dying. How a fault is made is its actuator's business.
package fault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tocsin/system/lab/topology"
)

// Kind says what a fault does to its targets.
type Kind string

// The kinds of fault.
const (
	Kill   Kind = "kill"
	Freeze Kind = "freeze"
	Cut    Kind = "cut"
)

// Kinds lists all kinds.
func Kinds() []Kind { return []Kind{Kill, Freeze, Cut} }

// MaxLease bounds every lease: an experiment that needs longer renews it.
const MaxLease = 10 * time.Minute

// revertWithin bounds the reverting of a fault whose lease has ended.
const revertWithin = 20 * time.Second

// Spec is what somebody wants broken. An empty zone or component means all.
type Spec struct {
	Kind      Kind
	Zone      string
	Component topology.Component
}

// WholeZone reports whether the fault is of everything in one zone, which then
// loses its network too.
func (s Spec) WholeZone() bool { return s.Zone != "" && s.Component == "" }

// Entry is one fault in the book.
type Entry struct {
	ID       string
	Spec     Spec
	Holder   string
	Targets  []topology.Pod
	Injected time.Time
	Expires  time.Time
	// Reverted is zero while the fault is in force.
	Reverted time.Time
	// EndedBy is "holder" or "lease".
	EndedBy string
}

// InForce reports whether the fault has not been reverted.
func (e Entry) InForce() bool { return e.Reverted.IsZero() }

// Actuator makes and ends faults. Both return only when what they did is
// observed at every target. Revert is idempotent.
type Actuator interface {
	Inject(ctx context.Context, id string, spec Spec, targets []topology.Pod) error
	Revert(ctx context.Context, id string, spec Spec, targets []topology.Pod) error
}

// Errors that callers tell apart.
var (
	ErrHeld    = errors.New("target already has a fault")
	ErrUnknown = errors.New("no such fault")
	ErrInvalid = errors.New("invalid fault")
)

// Book is the record of all faults since the lab came up.
type Book struct {
	actuator Actuator
	log      *slog.Logger

	mu      sync.Mutex
	next    int
	records []*record
}

type record struct {
	entry Entry
	timer *time.Timer
	// work is held while the fault is being injected or reverted.
	work sync.Mutex
}

// NewBook opens an empty book.
func NewBook(actuator Actuator, log *slog.Logger) *Book {
	return &Book{actuator: actuator, log: log}
}

// Inject puts a fault in force for the length of lease. It fails with ErrHeld
// while another fault covers any of its targets, and reverts what it began when
// the fault is not observed in force.
func (b *Book) Inject(ctx context.Context, spec Spec, lease time.Duration, holder string) (Entry, error) {
	if !slices.Contains(Kinds(), spec.Kind) {
		return Entry{}, fmt.Errorf("%w: kind %q is none of %v", ErrInvalid, spec.Kind, Kinds())
	}
	if err := checkLease(lease); err != nil {
		return Entry{}, err
	}
	targets, err := topology.Select(spec.Zone, spec.Component)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	made, err := b.reserve(spec, targets, holder)
	if err != nil {
		return Entry{}, err
	}
	defer made.work.Unlock()
	b.log.Info("inject fault", "id", made.entry.ID, "kind", spec.Kind, "zone", spec.Zone, "component", spec.Component, "holder", holder)
	if err := b.actuator.Inject(ctx, made.entry.ID, spec, targets); err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), revertWithin)
		defer cancel()
		undoErr := b.actuator.Revert(undo, made.entry.ID, spec, targets)
		b.finish(made, "not in force")
		return Entry{}, fmt.Errorf("inject %s: %w", made.entry.ID, errors.Join(err, undoErr))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	made.entry.Injected = time.Now()
	made.entry.Expires = made.entry.Injected.Add(lease)
	made.timer = time.AfterFunc(lease, func() { b.expire(made) })
	return made.entry, nil
}

// reserve enters the fault before it is made, so that no second one can begin;
// the record comes back locked.
func (b *Book) reserve(spec Spec, targets []topology.Pod, holder string) (*record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, other := range b.records {
		if !other.entry.InForce() {
			continue
		}
		for _, target := range targets {
			if slices.Contains(other.entry.Targets, target) {
				return nil, fmt.Errorf("%w: %s is under %s (%s of %s)", ErrHeld, target, other.entry.ID, other.entry.Spec.Kind, other.entry.Holder)
			}
		}
	}
	b.next++
	made := &record{entry: Entry{
		ID: fmt.Sprintf("fault-%d", b.next), Spec: spec, Holder: holder, Targets: targets, Injected: time.Now(),
	}}
	made.work.Lock()
	b.records = append(b.records, made)
	return made, nil
}

// Renew lets the fault last lease from now.
func (b *Book) Renew(id string, lease time.Duration) (Entry, error) {
	if err := checkLease(lease); err != nil {
		return Entry{}, err
	}
	found, err := b.find(id)
	if err != nil {
		return Entry{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !found.entry.InForce() || found.timer == nil || !found.timer.Stop() {
		return Entry{}, fmt.Errorf("%w: %s has ended", ErrUnknown, id)
	}
	found.timer.Reset(lease)
	found.entry.Expires = time.Now().Add(lease)
	return found.entry, nil
}

// Revert ends the fault and returns when that is observed. A fault that has
// ended stays ended.
func (b *Book) Revert(ctx context.Context, id string) (Entry, error) {
	found, err := b.find(id)
	if err != nil {
		return Entry{}, err
	}
	if err := b.end(ctx, found, "holder"); err != nil {
		return Entry{}, err
	}
	return b.Get(id)
}

func (b *Book) expire(expired *record) {
	ctx, cancel := context.WithTimeout(context.Background(), revertWithin)
	defer cancel()
	b.log.Warn("lease ended; reverting fault", "id", expired.entry.ID, "holder", expired.entry.Holder)
	if err := b.end(ctx, expired, "lease"); err != nil {
		b.log.Error("revert fault; trying again", "id", expired.entry.ID, "error", err)
		time.AfterFunc(time.Second, func() { b.expire(expired) })
	}
}

func (b *Book) end(ctx context.Context, ending *record, by string) error {
	ending.work.Lock()
	defer ending.work.Unlock()
	b.mu.Lock()
	over, spec, targets, id := !ending.entry.InForce(), ending.entry.Spec, ending.entry.Targets, ending.entry.ID
	if ending.timer != nil {
		ending.timer.Stop()
	}
	b.mu.Unlock()
	if over {
		return nil
	}
	if err := b.actuator.Revert(ctx, id, spec, targets); err != nil {
		return fmt.Errorf("revert %s: %w", id, err)
	}
	b.finish(ending, by)
	b.log.Info("fault reverted", "id", id, "by", by)
	return nil
}

func (b *Book) finish(ended *record, by string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ended.entry.Reverted = time.Now()
	ended.entry.EndedBy = by
}

// Get is the fault of that id.
func (b *Book) Get(id string) (Entry, error) {
	found, err := b.find(id)
	if err != nil {
		return Entry{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return found.entry, nil
}

// List is every fault, oldest first.
func (b *Book) List() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := make([]Entry, 0, len(b.records))
	for _, known := range b.records {
		entries = append(entries, known.entry)
	}
	return entries
}

// On is the fault in force on a pod, if there is one.
func (b *Book) On(pod topology.Pod) (Entry, bool) {
	for _, entry := range b.List() {
		if entry.InForce() && slices.Contains(entry.Targets, pod) {
			return entry, true
		}
	}
	return Entry{}, false
}

func (b *Book) find(id string) (*record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, known := range b.records {
		if known.entry.ID == id {
			return known, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrUnknown, id)
}

func checkLease(lease time.Duration) error {
	if lease <= 0 || lease > MaxLease {
		return fmt.Errorf("%w: lease %s is outside (0, %s]", ErrInvalid, lease, MaxLease)
	}
	return nil
}
