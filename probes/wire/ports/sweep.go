package ports

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// state is what a port answered.
type state int

const (
	// silent ports answered nothing in time: a filter drops what is sent.
	silent state = iota
	// closed ports refused the connection.
	closed
	// rejected ports were refused by a filter or router on the way.
	rejected
	open
)

func (s state) String() string {
	return [...]string{"silent (filtered)", "closed", "rejected by a filter", "open"}[s]
}

// finding is the state of one port of one address.
type finding struct {
	at    netip.AddrPort
	state state
}

// errOurs marks that this machine could not ask: too few ports, files or
// routes of its own. Such a port is neither open nor closed.
var errOurs = errors.New("this machine could not ask")

// sweep asks every port, no faster than rate and no more than concurrency at
// once. What it returns with an error is what it found until then.
func (c *Config) sweep(ctx context.Context, targets []netip.AddrPort) ([]finding, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu       sync.Mutex
		findings = make([]finding, 0, len(targets))
		workers  sync.WaitGroup
		queue    = make(chan netip.AddrPort)
	)
	for range min(c.Concurrency, len(targets)) {
		workers.Go(func() {
			for target := range queue {
				found, err := c.ask(ctx, target)
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				findings = append(findings, finding{target, found})
				mu.Unlock()
			}
		})
	}
	pace(ctx, c.Rate, targets, queue)
	close(queue)
	workers.Wait()
	if len(findings) == len(targets) {
		return findings, nil
	}
	return findings, context.Cause(ctx)
}

// pace hands out targets at the rate. A tick that comes late is made up for in
// bursts of a tenth of a second at most.
func pace(ctx context.Context, rate int, targets []netip.AddrPort, queue chan<- netip.AddrPort) {
	const perSecond = 20
	ticker := time.NewTicker(time.Second / perSecond)
	defer ticker.Stop()
	burst := max(rate/perSecond, 1)
	if rate < perSecond {
		ticker.Reset(time.Second / time.Duration(rate))
	}
	for len(targets) > 0 {
		for range min(burst, len(targets)) {
			select {
			case queue <- targets[0]:
				targets = targets[1:]
			case <-ctx.Done():
				return
			}
		}
		if len(targets) == 0 {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask connects to one port and hangs up.
func (c *Config) ask(ctx context.Context, target netip.AddrPort) (state, error) {
	bounded, cancel := context.WithTimeout(ctx, c.ConnectTimeout)
	defer cancel()
	dialer := net.Dialer{KeepAlive: -1}
	connection, err := dialer.DialContext(bounded, "tcp", target.String())
	if err == nil {
		// A port that took the connection is open, however the goodbye goes.
		_ = connection.Close()
		return open, nil
	}
	if ctx.Err() != nil {
		return silent, context.Cause(ctx)
	}
	return classify(err)
}

// classify reads the state of a port out of the error of a connection.
func classify(err error) (state, error) {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return closed, nil
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return rejected, nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), errors.As(err, &timeout) && timeout.Timeout():
		return silent, nil
	}
	return silent, fmt.Errorf("%w: %w", errOurs, err)
}
