package pod

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

// Back-off between restarts doubles from the first to the last; a pod that ran
// for steadyAfter starts again at the first.
const (
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 8 * time.Second
	steadyAfter  = 30 * time.Second
	// freezeWithin bounds how long a pod may take to stop or to go on.
	freezeWithin = 2 * time.Second
)

// Supervisor keeps one pod running, unless it is held.
type Supervisor struct {
	spec Spec
	log  *slog.Logger

	mu       sync.Mutex
	current  *process
	started  time.Time
	restarts int
	kept     bool            // Run is keeping it
	holds    map[string]bool // who keeps the pod dead
	frozen   bool
	changed  chan struct{} // closed and replaced whenever the fields above change
}

// Status is what a supervisor knows of its pod.
type Status struct {
	PID      int
	Running  bool
	Held     bool
	Frozen   bool
	Restarts int
	Started  time.Time
}

// Supervise makes a supervisor; Run starts the pod.
func Supervise(spec Spec, log *slog.Logger) *Supervisor {
	return &Supervisor{spec: spec, log: log.With("pod", spec.Name), holds: map[string]bool{}, changed: make(chan struct{})}
}

// Run keeps the pod running until ctx ends, and then ends the pod.
func (s *Supervisor) Run(ctx context.Context) {
	s.update(func() { s.kept = true })
	defer s.update(func() { s.kept = false })
	backoff := firstBackoff
	for ctx.Err() == nil {
		if !s.awaitRelease(ctx) {
			return
		}
		running, err := s.begin()
		if err != nil {
			s.log.Error("start pod", "error", err)
		} else {
			began := time.Now()
			s.attend(ctx, running)
			if time.Since(began) > steadyAfter {
				backoff = firstBackoff
			}
		}
		if s.isHeld() || ctx.Err() != nil {
			backoff = firstBackoff
			continue
		}
		s.log.Warn("pod ended; restarting", "after", backoff.String())
		select {
		case <-ctx.Done():
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, lastBackoff)
		s.update(func() { s.restarts++ })
	}
}

func (s *Supervisor) begin() (*process, error) {
	running, err := start(s.spec)
	if err != nil {
		return nil, err
	}
	s.update(func() {
		s.current, s.started, s.frozen = running, time.Now(), false
	})
	// A hold that came while the process was being started found none to kill.
	if s.isHeld() {
		running.kill()
	}
	return running, nil
}

// attend waits for the process to end, and ends it when ctx does.
func (s *Supervisor) attend(ctx context.Context, running *process) {
	select {
	case <-ctx.Done():
		running.kill()
	case <-running.done:
	}
	<-running.done
	if running.err != nil {
		s.log.Warn("pod exited", "how", running.err.Error())
	}
	s.update(func() { s.current = nil })
}

// awaitRelease blocks while the pod is held; it is false when ctx has ended.
func (s *Supervisor) awaitRelease(ctx context.Context) bool {
	for {
		s.mu.Lock()
		held, changed := len(s.holds) > 0, s.changed
		s.mu.Unlock()
		if !held {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

// Hold kills the pod and keeps it dead until everybody who holds it has
// released it.
func (s *Supervisor) Hold(by string) {
	s.update(func() { s.holds[by] = true })
	s.Kill()
}

// Release ends a Hold and, where it was the last, waits until the pod has been
// started again. It tells nothing of whether the component is ready. A pod that
// nobody keeps yet will be started in its turn.
func (s *Supervisor) Release(ctx context.Context, by string) error {
	s.update(func() { delete(s.holds, by) })
	return s.await(ctx, "start", func() bool { return s.current != nil || len(s.holds) > 0 || !s.kept })
}

// Kill ends the pod's processes now; unless held, it is restarted with back-off.
func (s *Supervisor) Kill() {
	if running := s.process(); running != nil {
		running.kill()
	}
}

// Freeze stops every process of the pod, and returns when they are seen to be
// stopped.
func (s *Supervisor) Freeze(ctx context.Context) error {
	running := s.process()
	if running == nil {
		return fmt.Errorf("freeze %s: it is not running", s.spec.Name)
	}
	if err := signalUntil(ctx, running, syscall.SIGSTOP, allStopped); err != nil {
		return fmt.Errorf("freeze %s: %w", s.spec.Name, err)
	}
	s.update(func() { s.frozen = true })
	return nil
}

// Thaw lets a frozen pod go on, and returns when none of its processes is seen
// to be stopped.
func (s *Supervisor) Thaw(ctx context.Context) error {
	if running := s.process(); running != nil {
		err := signalUntil(ctx, running, syscall.SIGCONT, noneStopped)
		if err != nil && !errors.Is(err, errEnded) {
			return fmt.Errorf("thaw %s: %w", s.spec.Name, err)
		}
	}
	s.update(func() { s.frozen = false })
	return nil
}

// errEnded means that a pod ended while it was being signalled.
var errEnded = errors.New("it has ended")

// signalUntil signals every process of the pod until their states are as
// wanted. A process may fork between a listing and the signal; the next listing
// finds its child.
func signalUntil(ctx context.Context, running *process, sig syscall.Signal, wanted func(states []byte) bool) error {
	ctx, cancel := context.WithTimeout(ctx, freezeWithin)
	defer cancel()
	for {
		signalErr := running.signalAll(sig)
		states, err := running.states()
		if err = errors.Join(signalErr, err); err == nil && wanted(states) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("processes are in states %q: %w", states, errors.Join(err, ctx.Err()))
		case <-running.done:
			return errEnded
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Status reports the pod as it is now.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{Held: len(s.holds) > 0, Frozen: s.frozen, Restarts: s.restarts, Started: s.started}
	if s.current != nil {
		status.Running, status.PID = true, s.current.pid()
	}
	return status
}

func (s *Supervisor) process() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

func (s *Supervisor) isHeld() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.holds) > 0
}

func (s *Supervisor) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// await blocks until reached, called with the lock held, is true.
func (s *Supervisor) await(ctx context.Context, what string, reached func() bool) error {
	for {
		s.mu.Lock()
		ok, changed := reached(), s.changed
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to %s: %w", s.spec.Name, what, ctx.Err())
		case <-changed:
		}
	}
}
