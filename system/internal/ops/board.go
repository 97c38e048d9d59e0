package ops

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	checkInterval = 2 * time.Second
	checkTimeout  = 1500 * time.Millisecond
	// lostAfter is the number of failed checks in a row that make a dependency
	// lost for /lb-check: one slow answer must not take a zone out of rotation.
	lostAfter = 2
)

// Check looks at one dependency. It returns how many copies of it hold what is
// written now, or how many of its nodes do their work.
type Check struct {
	Dependency string
	Probe      func(ctx context.Context) (copies int, err error)
}

// State is what the last check of a dependency found.
type State struct {
	Dependency string    `json:"dependency"`
	Up         bool      `json:"up"`
	Copies     int       `json:"copies"`
	Reason     string    `json:"reason,omitempty"`
	Since      time.Time `json:"since"`
	Checked    time.Time `json:"checked"`
	failures   int
}

// Lost reports whether the dependency has been away for several checks.
func (s State) Lost() bool { return !s.Up && s.failures >= lostAfter }

// Board holds the state of the dependencies of one service.
type Board struct {
	log      *slog.Logger
	checks   []Check
	draining atomic.Bool

	mu     sync.Mutex
	states []State

	up, copies *prometheus.GaugeVec
}

// NewBoard returns a board that has checked nothing yet: all are down. Metric
// names start with namespace.
func NewBoard(namespace string, log *slog.Logger, registry prometheus.Registerer, checks ...Check) *Board {
	board := &Board{
		log: log, checks: checks,
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "dependency_up", Help: "Whether the last background check of the dependency succeeded.",
		}, []string{"dependency"}),
		copies: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "dependency_copies",
			Help: "Copies that an acknowledged write has, or nodes that do their work; 0 when unknown.",
		}, []string{"dependency"}),
	}
	registry.MustRegister(board.up, board.copies)
	for _, check := range checks {
		board.states = append(board.states, State{Dependency: check.Dependency, Reason: "not checked yet", Since: time.Now()})
		board.up.WithLabelValues(check.Dependency).Set(0)
		board.copies.WithLabelValues(check.Dependency).Set(0)
	}
	return board
}

// Run checks every dependency on its own schedule until ctx ends, so that one
// that hangs does not delay the others.
func (b *Board) Run(ctx context.Context) {
	var group sync.WaitGroup
	for i := range b.checks {
		group.Go(func() { b.watch(ctx, i) })
	}
	group.Wait()
}

func (b *Board) watch(ctx context.Context, i int) {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		b.check(ctx, i)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (b *Board) check(ctx context.Context, i int) {
	probeCtx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	copies, err := b.checks[i].Probe(probeCtx)
	if ctx.Err() != nil {
		return
	}
	b.record(i, copies, err)
}

func (b *Board) record(i, copies int, err error) {
	b.mu.Lock()
	state := &b.states[i]
	now := time.Now()
	changed := state.Up != (err == nil) || state.Checked.IsZero()
	state.Checked, state.Copies, state.Reason = now, copies, ""
	state.Up = err == nil
	if err == nil {
		state.failures = 0
	} else {
		state.failures++
		state.Copies, state.Reason = 0, err.Error()
	}
	if changed {
		state.Since = now
	}
	seen := *state
	b.mu.Unlock()

	gauge := 0.0
	if seen.Up {
		gauge = 1
	}
	b.up.WithLabelValues(seen.Dependency).Set(gauge)
	b.copies.WithLabelValues(seen.Dependency).Set(float64(seen.Copies))
	// Only changes are logged: an outage must not become a flood of lines.
	if changed && seen.Up {
		b.log.Info("dependency is up", "dependency", seen.Dependency, "copies", seen.Copies)
	}
	if changed && !seen.Up {
		b.log.Warn("dependency is down", "dependency", seen.Dependency, "reason", seen.Reason)
	}
}

// States returns a copy of what the checks found.
func (b *Board) States() []State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]State(nil), b.states...)
}

// Drain makes /lb-check and /readyz say no from now on.
func (b *Board) Drain() { b.draining.Store(true) }
