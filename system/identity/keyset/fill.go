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

// fill makes the keys that wanted names until it names none. One process makes
// them, the others wait for it; when it dies its claim runs out. Were two to
// make keys all the same, the ring takes those of one.
func (k *Keeper) fill(ctx context.Context, wanted func(*document) []slot) error {
	holder := rand.Text() // claims also keep callers in one process apart
	for {
		d, revision, err := k.load(ctx)
		if err != nil {
			return err
		}
		slots := wanted(d)
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
			err = k.makeAll(ctx, holder, wanted)
		}
		if err != nil && !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// makeAll makes the wanted keys under this process's claim.
func (k *Keeper) makeAll(ctx context.Context, holder string, wanted func(*document) []slot) error {
	ctx, cancel := context.WithTimeout(ctx, makeLimit)
	defer cancel()
	d, revision, err := k.load(ctx)
	if err != nil {
		return err
	}
	if d.Claim == nil || d.Claim.Holder != holder {
		return ErrConflict
	}
	m := &making{keeper: k, document: d, before: d.uses()}
	for _, s := range wanted(d) {
		if err = m.make(ctx, s); err != nil {
			break
		}
	}
	if err != nil {
		m.forget(ctx)
		return errors.Join(err, k.unclaim(context.WithoutCancel(ctx), holder))
	}
	d.Claim = nil
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
		if !m.before[s.use] {
			// Nobody can have cached a set with keys of this use, but without this one.
			e.Current = e.Made
		}
		m.document.Keys = append(m.document.Keys, e)
		return nil
	}
	return errors.Join(problems...)
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
