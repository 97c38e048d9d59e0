package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// mostPerCommit bounds the events of one transaction, so that the first of a
// burst does not wait for the last.
const mostPerCommit = 1000

// errClosed is what an append to a closed journal returns.
var errClosed = errors.New("it is closed")

// submission is the events of one append.
type submission struct {
	events []Event
	// done receives the outcome; it holds one, so that handing it over never
	// waits.
	done chan error
}

// committer joins the appends that arrive while a transaction is being synced
// to disk into the next one. An fsync takes as long for a thousand events as
// for one; alone in its transaction, each event would pay for its own.
type committer struct {
	write func([]*submission) error

	mu      sync.Mutex
	arrived *sync.Cond
	waiting []*submission
	closed  bool
	ended   chan struct{}
}

func newCommitter(write func([]*submission) error) *committer {
	c := &committer{write: write, ended: make(chan struct{})}
	c.arrived = sync.NewCond(&c.mu)
	go c.run()
	return c
}

// commit returns when the events of one are on disk or, with an error, when it
// is certain that they are not.
func (c *committer) commit(ctx context.Context, one *submission) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not recorded: %w", err)
	}
	if !c.enqueue(one) {
		return errClosed
	}
	select {
	case err := <-one.done:
		return err
	case <-ctx.Done():
	}
	if c.withdraw(one) {
		return fmt.Errorf("not recorded: %w", ctx.Err())
	}
	return <-one.done
}

func (c *committer) enqueue(one *submission) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.waiting = append(c.waiting, one)
	c.arrived.Signal()
	return true
}

// withdraw reports whether one was taken back before its transaction began.
func (c *committer) withdraw(one *submission) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.Index(c.waiting, one)
	if at < 0 {
		return false
	}
	c.waiting = slices.Delete(c.waiting, at, at+1)
	return true
}

func (c *committer) run() {
	defer close(c.ended)
	for {
		batch := c.take()
		if len(batch) == 0 {
			return
		}
		err := c.write(batch)
		for _, one := range batch {
			one.done <- err
		}
	}
}

// take waits for submissions; none means that the committer is closed.
func (c *committer) take() []*submission {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) == 0 && !c.closed {
		c.arrived.Wait()
	}
	count, events := 0, 0
	for ; count < len(c.waiting); count++ {
		events += len(c.waiting[count].events)
		if count > 0 && events > mostPerCommit {
			break
		}
	}
	batch := slices.Clone(c.waiting[:count])
	c.waiting = slices.Delete(c.waiting, 0, count)
	return batch
}

// close waits until everything that was submitted before is written.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.arrived.Broadcast()
	c.mu.Unlock()
	<-c.ended
}
