package host

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// silentAfter is how many questions about its health a plug-in leaves
// unanswered before it is started again.
const silentAfter = 3

// supervise keeps the plug-in running until ctx ends. It reports how the first
// start went, and gives up when that failed.
func (h *Host) supervise(ctx context.Context, first chan<- error) {
	defer close(h.ended)
	// The kernel ends the plug-in with the thread that started it, not with the
	// process (prctl(2), PR_SET_PDEATHSIG): the thread has to live as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pause := firstPause
	for try := 0; ; try++ {
		if try > 0 {
			h.restarts.Add(1)
		}
		running, err := h.start(ctx)
		if try == 0 {
			first <- err
			if err != nil {
				return
			}
		}
		if err == nil {
			started := time.Now()
			h.set(running, nil)
			err = h.watch(ctx, running)
			h.set(nil, err)
			running.end(h.grace(ctx))
			if time.Since(started) > settled {
				pause = firstPause
			}
		}
		if ctx.Err() != nil {
			return
		}
		h.log.WarnContext(ctx, "plug-in is down; it is started again", "after", pause.String(), "error", err)
		h.set(nil, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// grace is for a plug-in that ends with the provider; one that is ended because
// it does not answer would not use it.
func (h *Host) grace(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return endGrace
	}
	return 0
}

// watch returns when the plug-in has died or does not answer any more.
func (h *Host) watch(ctx context.Context, running *instance) error {
	ticker := time.NewTicker(h.config.HealthInterval)
	defer ticker.Stop()
	silent := 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-running.exited:
			return running.died()
		case <-ticker.C:
		}
		asking, cancel := context.WithTimeout(ctx, h.config.CallTimeout)
		err := running.health(asking)
		cancel()
		if err == nil || errors.Is(err, errUnwell) {
			silent = 0 // it answers; what ails it is for readiness, not for a restart
			continue
		}
		if silent++; silent >= silentAfter {
			return err
		}
	}
}
