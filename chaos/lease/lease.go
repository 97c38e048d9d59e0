// Package lease keeps a fault in force only as long as its holder lives. It
// renews the lease while the holder's context does, and reverts the fault when
// that ends; if the whole program dies, nobody renews, and the injector ends
// the fault by itself.
package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tocsin/chaos"
)

// Terms of a lease.
type Terms struct {
	// TTL is how long the fault outlives the last renewal; 15 s if 0.
	TTL time.Duration
	// Holder is the id of the run that answers for the fault.
	Holder string
	// RevertWithin bounds the revert, which must also work after the holder's
	// context has ended; 2 minutes if 0.
	RevertWithin time.Duration
}

func (t Terms) withDefaults() Terms {
	if t.TTL <= 0 {
		t.TTL = 15 * time.Second
	}
	if t.RevertWithin <= 0 {
		t.RevertWithin = 2 * time.Minute
	}
	return t
}

// injectWithin bounds an injection. It runs to its end even when the holder is
// cancelled meanwhile: a fault in force whose id nobody knows could not be
// reverted.
const injectWithin = time.Minute

// Keeper keeps one injection.
type Keeper struct {
	injector  chaos.Injector
	terms     Terms
	injection chaos.Injection
	stop      context.CancelFunc
	ended     chan struct{}
	lost      chan error
	reverted  chaos.Injection
	revertErr error
}

// Hold injects fault and keeps it until ctx ends or Release is called. Once it
// has returned a Keeper, the fault is reverted in either case.
func Hold(ctx context.Context, injector chaos.Injector, fault chaos.Fault, terms Terms) (*Keeper, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("hold %s: %w", fault, err)
	}
	terms = terms.withDefaults()
	injecting, cancel := context.WithTimeout(context.WithoutCancel(ctx), injectWithin)
	defer cancel()
	injection, err := injector.Inject(injecting, fault, terms.TTL, terms.Holder)
	if err != nil {
		return nil, abandon(ctx, injector, injection, terms, err)
	}
	renewing, stop := context.WithCancel(ctx)
	keeper := &Keeper{
		injector: injector, terms: terms, injection: injection,
		stop: stop, ended: make(chan struct{}), lost: make(chan error, 1),
	}
	go keeper.keep(renewing)
	return keeper, nil
}

// abandon reverts what a half-done injection may have left.
func abandon(ctx context.Context, injector chaos.Injector, injection chaos.Injection, terms Terms, cause error) error {
	if injection.ID == "" {
		return cause
	}
	reverting, cancel := context.WithTimeout(context.WithoutCancel(ctx), terms.RevertWithin)
	defer cancel()
	_, err := injector.Revert(reverting, injection.ID)
	return errors.Join(cause, err)
}

// Injection is the fault as it was put in force.
func (k *Keeper) Injection() chaos.Injection { return k.injection }

// Lost delivers one error if the lease could not be renewed in time, so that
// the fault may have ended before its holder wanted.
func (k *Keeper) Lost() <-chan error { return k.lost }

// Release reverts the fault and returns when that is observed. It may be called
// again, and after the holder's context has ended; every call reports the same.
func (k *Keeper) Release() (chaos.Injection, error) {
	k.stop()
	<-k.ended
	return k.reverted, k.revertErr
}

func (k *Keeper) keep(ctx context.Context) {
	defer close(k.ended)
	defer k.end(ctx)
	defer k.stop()
	renewed := time.Now()
	ticks := time.NewTicker(k.terms.TTL / 3)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		err := k.renew(ctx)
		switch {
		case err == nil:
			renewed = time.Now()
		case ctx.Err() != nil:
			return
		case time.Since(renewed) >= k.terms.TTL || errors.Is(err, chaos.ErrNoFault):
			k.lost <- fmt.Errorf("lease of %s ended early: %w", k.injection.Fault, err)
			return
		}
	}
}

// renew tries once, for less than a tick, so that a slow injector does not eat
// the attempts that are left.
func (k *Keeper) renew(ctx context.Context) error {
	once, cancel := context.WithTimeout(ctx, k.terms.TTL/4)
	defer cancel()
	return k.injector.Renew(once, k.injection.ID, k.terms.TTL)
}

// end reverts with a context of its own: the holder's may be cancelled, which
// is exactly when reverting matters most.
func (k *Keeper) end(ctx context.Context) {
	reverting, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.terms.RevertWithin)
	defer cancel()
	k.reverted, k.revertErr = k.injector.Revert(reverting, k.injection.ID)
}
