package keyset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// lostAfter is how long all nodes have to say that none has a key before it is
// believed: until then somebody may be putting back what is missing.
const lostAfter = 5 * time.Minute

// emergency demands other keys for some that are current, as soon as can be.
// Kids tell whether it is done, however many processes do it at a time.
type emergency struct {
	// replaced are the keys that are current and must not stay so.
	replaced map[string]bool
	// dead are next keys that no node has.
	dead map[string]bool
}

// RotateNow is Rotate for when the current keys of a use must sign no more: the
// next ones sign as soon as every process publishes them. Verifiers that cached
// the keys refuse what those sign until they look again, for Config.MaxAge at
// the longest. Where no node that answers has the root, credentials get a new
// one too, which verifiers have to be given.
func (k *Keeper) RotateNow(ctx context.Context, use Use) error {
	d, _, err := k.load(ctx)
	if err != nil {
		return err
	}
	held := k.ask(ctx)
	if len(held) == 0 {
		return errors.New("keys are to be made, and no HSM node answers")
	}
	e := emergency{replaced: map[string]bool{}, dead: map[string]bool{}}
	for _, s := range slots() {
		next, current := d.of(s)
		if next != nil && !held.any(next.kid()) {
			e.dead[next.kid()] = true
		}
		needed := s.use == use || s.use == root && use == Credential && current != nil && !held.any(current.kid())
		if !needed {
			continue
		}
		if current == nil {
			return fmt.Errorf("%w: no current %s key for %ss", ErrIncomplete, s.algorithm, s.use)
		}
		e.replaced[current.kid()] = true
	}
	return k.fill(ctx, e)
}

// lost returns the keys in use, or to be, that no node has had for a while.
// It is sure of nothing while one node does not answer: that may have them.
func (k *Keeper) lost(d *document, held holdings) map[string]bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, now := k.absent, k.config.Now()
	k.absent = map[string]time.Time{}
	lost := map[string]bool{}
	if len(held) < len(k.nodes.Nodes()) {
		return lost
	}
	for i := range d.Keys {
		e := &d.Keys[i]
		if !e.Retired.IsZero() || held.any(e.kid()) {
			continue
		}
		since, known := before[e.kid()]
		if !known {
			since = now
		}
		k.absent[e.kid()] = since
		lost[e.kid()] = now.Sub(since) >= lostAfter
	}
	return lost
}

// emergency is what follows from the loss of keys.
func (d *document) emergency(lost map[string]bool) emergency {
	e := emergency{replaced: map[string]bool{}, dead: lost}
	for _, s := range slots() {
		if _, current := d.of(s); current != nil && lost[current.kid()] {
			e.replaced[current.kid()] = true
		}
	}
	return e
}

func (e emergency) wanted(d *document) []slot {
	var wanted []slot
	for _, s := range slots() {
		next, current := d.of(s)
		underWay := next != nil && next.Urgent && !e.dead[next.kid()]
		if current != nil && e.replaced[current.kid()] && !underWay {
			wanted = append(wanted, s)
		}
	}
	return wanted
}

// settle hastens a next key that is there, and takes out one that is dead. A
// root certifies what is made in the next moment, so it gives way at once.
func (e emergency) settle(d *document, s slot, now time.Time) bool {
	next, current := d.of(s)
	alive := next != nil && !e.dead[next.kid()]
	if s.use == root {
		current.Retired = now
	}
	switch {
	case alive && s.use == root:
		next.Current = now
	case alive:
		next.Urgent = true
	case next != nil:
		dead := next.kid()
		d.Keys = slices.DeleteFunc(d.Keys, func(other entry) bool { return other.kid() == dead })
	}
	return alive
}

func (e emergency) urgent() bool { return true }
