package keyset

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// waitForOthers is the pause between looks at a claim.
const waitForOthers = 200 * time.Millisecond

// demand is why keys are made.
type demand interface {
	// wanted returns the slots that a ring lacks keys in.
	wanted(d *document) []slot
	// settle has what is there already give way to a key that is made for a
	// slot, or do instead of one: then it reports true.
	settle(d *document, s slot, now time.Time) (done bool)
	// urgent keys sign as soon as every process publishes them.
	urgent() bool
}

// overdue demands what every ring should have.
type overdue struct{ config Config }

func (o overdue) wanted(d *document) []slot              { return d.missing(&o.config, o.config.Now()) }
func (o overdue) settle(*document, slot, time.Time) bool { return false }
func (o overdue) urgent() bool                           { return false }

// successors demands the next keys of a use.
type successors struct{ use Use }

func (n successors) wanted(d *document) []slot {
	var wanted []slot
	for _, s := range slots() {
		if next, _ := d.of(s); s.use == n.use && next == nil {
			wanted = append(wanted, s)
		}
	}
	return wanted
}

func (n successors) settle(*document, slot, time.Time) bool { return false }
func (n successors) urgent() bool                           { return false }

// fill makes the keys that are wanted until none is. One process makes
// them, the others wait for it; when it dies its claim runs out. Were two to
// make keys all the same, the ring takes those of one.
func (k *Keeper) fill(ctx context.Context, why demand) error {
	holder := rand.Text() // claims also keep callers in one process apart
	for {
		d, revision, err := k.load(ctx)
		if err != nil {
			return err
		}
		slots := why.wanted(d)
		if len(slots) == 0 {
			return nil
		}
		now := k.config.Now()
		if d.Claim != nil && d.Claim.Holder != holder && now.Before(d.Claim.Until) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for another process to make keys: %w", ctx.Err())
			case <-time.After(waitForOthers):
			}
			continue
		}
		d.Claim = &claim{Holder: holder, Until: now.Add(claimLimit)}
		err = k.swap(ctx, revision, d)
		if err == nil {
			err = k.makeAll(ctx, holder, why)
		}
		if err != nil && !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// makeAll makes the wanted keys under this process's claim.
func (k *Keeper) makeAll(ctx context.Context, holder string, why demand) error {
	ctx, cancel := context.WithTimeout(ctx, makeLimit)
	defer cancel()
	d, revision, err := k.load(ctx)
	if err != nil {
		return err
	}
	if d.Claim == nil || d.Claim.Holder != holder {
		return ErrConflict
	}
	m := &making{keeper: k, document: d, before: d.uses(), why: why}
	for _, s := range why.wanted(d) {
		if why.settle(d, s, k.config.Now()) {
			continue
		}
		if err = m.make(ctx, s); err != nil {
			break
		}
	}
	if err != nil {
		m.forget(ctx)
		return errors.Join(err, k.unclaim(context.WithoutCancel(ctx), holder))
	}
	d.Claim = nil
	m.stamp()
	err = k.swap(ctx, revision, d)
	if errors.Is(err, ErrConflict) {
		return errors.Join(err, m.forgetLost(ctx))
	}
	if err != nil {
		// The ring may have taken the keys all the same; destroying them would
		// be the end of it.
		return err
	}
	for _, made := range m.made {
		k.log.InfoContext(ctx, "made a key", "kid", made.kid, "node", made.node)
	}
	d, _, err = k.load(ctx)
	if err != nil {
		return err
	}
	k.give(ctx, d, k.ask(ctx))
	return nil
}

// unclaim lets others try at once what this process could not do.
func (k *Keeper) unclaim(ctx context.Context, holder string) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	d, revision, err := k.load(ctx)
	if err != nil {
		return err
	}
	if d.Claim == nil || d.Claim.Holder != holder {
		return nil
	}
	d.Claim = nil
	return k.swap(ctx, revision, d)
}

// making is a ring with keys in it that only one node has yet.
type making struct {
	keeper   *Keeper
	document *document
	before   map[Use]bool // the uses that had keys
	why      demand
	made     []madeKey
}

type madeKey struct{ node, kid string }

// make makes the key of a slot at the first node that can, and its certificate.
func (m *making) make(ctx context.Context, s slot) error {
	problems := []error{fmt.Errorf("make %s key for %ss", s.algorithm, s.use)}
	for _, node := range m.keeper.nodes.Nodes() {
		bundle, err := m.keeper.nodes.Make(ctx, node, s.algorithm, string(s.use))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		m.made = append(m.made, madeKey{node, bundle.Public.KeyID})
		e := entry{Bundle: bundle, Made: m.keeper.config.Now().UTC().Truncate(time.Second)}
		if e.slot() != s {
			return fmt.Errorf("node %s made a key for %v instead of %v", node, e.slot(), s)
		}
		if e.Chain, err = m.certify(ctx, &e); err != nil {
			return err
		}
		if err := e.check(m.keeper.config.Approved); err != nil {
			return err
		}
		e.Urgent = m.why.urgent()
		if _, current := m.document.of(s); !m.before[s.use] || s.use == root && current == nil {
			// Nobody can have cached a set with keys of this use, but without
			// this one; and roots are in no set.
			e.Current, e.Urgent = e.Made, false
		}
		m.document.Keys = append(m.document.Keys, e)
		return nil
	}
	return errors.Join(problems...)
}

// stamp has the time of publication begin now: making keys may have taken long.
func (m *making) stamp() {
	now := m.keeper.config.Now().UTC().Truncate(time.Second)
	for i := range m.document.Keys {
		e := &m.document.Keys[i]
		if !slices.ContainsFunc(m.made, func(made madeKey) bool { return made.kid == e.kid() }) {
			continue
		}
		if e.isCurrent() {
			e.Current = now
		}
		e.Made = now
	}
}

func (m *making) certify(ctx context.Context, e *entry) ([][]byte, error) {
	switch e.use() {
	case root:
		return m.keeper.certifyRoot(ctx, e.Bundle.Public, e.Made)
	case Credential:
		_, by := m.document.of(slot{root, jose.ES256})
		if by == nil {
			return nil, errors.New("there is no root to certify a credential key with yet")
		}
		return m.keeper.certifySigner(ctx, e.Bundle.Public, by, e.Made)
	default:
		return nil, nil
	}
}

// forgetLost destroys the keys that the ring did not take. It looks, because a
// store that tries again by itself reports a conflict also where its first try
// was taken and the next change came before the second.
func (m *making) forgetLost(ctx context.Context) error {
	d, _, err := m.keeper.load(ctx)
	if err != nil {
		return err
	}
	taken := func(made madeKey) bool {
		return slices.ContainsFunc(d.Keys, func(e entry) bool { return e.kid() == made.kid })
	}
	m.made = slices.DeleteFunc(m.made, taken)
	m.forget(ctx)
	return nil
}

// forget destroys keys that are not in the ring.
func (m *making) forget(ctx context.Context) {
	for _, made := range m.made {
		m.keeper.remove(context.WithoutCancel(ctx), made.kid, made.node)
	}
}
