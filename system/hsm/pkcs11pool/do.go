package pkcs11pool

import (
	"context"
	"fmt"
	"time"
)

// do runs operation on a session. The library cannot be interrupted, so the
// operation has a goroutine of its own which gives the session back also when
// the caller has stopped waiting; a result that comes too late is dropped.
func (p *Pool) do(ctx context.Context, operation func(*session) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	if !p.breaker.allow(time.Now()) {
		return fmt.Errorf("%w: it failed repeatedly and is left alone for a moment", ErrUnavailable)
	}
	var current *session
	select {
	case current = <-p.sessions:
	case <-ctx.Done():
		p.breaker.abstain()
		return fmt.Errorf("%w: no session became free: %w", ErrUnavailable, ctx.Err())
	}
	done := make(chan error, 1)
	go func() {
		used, err := p.attempt(current, operation)
		p.breaker.record(err == nil, time.Now())
		p.sessions <- used
		done <- err
	}()
	return wait(ctx, done)
}

// changeTimeout bounds what makes or removes objects. An RSA pair takes
// seconds when luck is bad.
const changeTimeout = 9 * time.Second

// change runs operation on a session that may write, one operation at a time.
// It does not repeat what failed: whoever asked will.
func (p *Pool) change(ctx context.Context, operation func(*session) error) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	select {
	case p.changing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: another change takes too long: %w", ErrUnavailable, ctx.Err())
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-p.changing }()
		done <- p.changeNow(operation)
	}()
	return wait(ctx, done)
}

func (p *Pool) changeNow(operation func(*session) error) error {
	generation, err := p.library.enter()
	if err != nil {
		return err
	}
	defer p.library.leave()
	opened, err := p.open(generation, true)
	if err != nil {
		return err
	}
	err = operation(opened)
	if err == nil {
		err = p.learn(opened)
	}
	p.discard(opened, err)
	return err
}

func wait(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: the library did not answer: %w", ErrUnavailable, ctx.Err())
	}
}
