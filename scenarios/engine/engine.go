package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tocsin/alerts/pager"
	"tocsin/chaos"
	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/scenarios"
	"tocsin/scenarios/ledger"
	"tocsin/scenarios/load"
	"tocsin/scenarios/spec"
)

// KindFaultAsked is the event that precedes an injection, so that a fault is in
// the journal even if we die while it is being made.
const KindFaultAsked = "fault.asked"

// Prober runs probes by name. Run of an unknown name is an unknown result.
type Prober interface {
	Names() []string
	Run(ctx context.Context, name string) probes.Result
}

// Sample is one series of the answer to an instant query.
type Sample struct {
	Labels string
	Value  float64
}

// Querier asks Prometheus. No samples and no error is an empty answer.
type Querier interface {
	Query(ctx context.Context, query string) ([]Sample, error)
}

// Visual compares a page with its approved picture.
type Visual interface {
	Check(ctx context.Context, page string) Look
}

// Look is what a visual check found.
type Look struct {
	Verdict  verdict.Verdict
	Reason   string
	Measured string
	Evidence []scenarios.Evidence
}

// Pager knows what was received from Alertmanager.
type Pager interface {
	// Ready fails when nobody listens, so that silence would mean nothing.
	Ready(ctx context.Context) error
	Received(ctx context.Context, since time.Time) ([]pager.Receipt, error)
}

// Load makes people log in.
type Load interface {
	Run(ctx context.Context, plan load.Plan, observe func(load.Login)) (load.End, error)
}

// Auditor reads acknowledgements back.
type Auditor interface {
	Audit(ctx context.Context, entries []ledger.Entry, within time.Duration) (ledger.Audit, error)
}

// Journal records what happened before it is acted on.
type Journal interface {
	AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error)
}

// Config of an Engine. Everything but Progress and Log is needed.
type Config struct {
	Target   string
	Prober   Prober
	Querier  Querier
	Visual   Visual
	Pager    Pager
	Injector chaos.Injector
	Load     Load
	Auditor  Auditor
	Journal  Journal
	Progress func(Progress)
	Log      *slog.Logger
}

// Progress is one thing to show to a person who waits.
type Progress struct {
	Phase string
	// Text is something that happened; empty for a tick of the load.
	Text   string
	Logins int
	Failed int
	// Problems of attempts, and successes, in the last second.
	Problems  int
	Succeeded int
}

// Engine performs scenarios, one at a time.
type Engine struct {
	config Config
}

// New returns an engine. It fails when a part is missing.
func New(config Config) (*Engine, error) {
	if config.Prober == nil || config.Querier == nil || config.Visual == nil || config.Pager == nil ||
		config.Injector == nil || config.Load == nil || config.Auditor == nil || config.Journal == nil {
		return nil, errors.New("make scenario engine: a part is missing")
	}
	if config.Progress == nil {
		config.Progress = func(Progress) {}
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Engine{config: config}, nil
}

// Run performs s and returns what came out. The error is about the journal
// only: an outcome that could not be written down must not be relied on.
func (e *Engine) Run(ctx context.Context, s *spec.Scenario, parameters map[string]string, runID string) (scenarios.Outcome, error) {
	r := newRun(e.config, s, runID)
	started := time.Now()
	about := struct {
		Scenario   *spec.Scenario    `json:"scenario"`
		Parameters map[string]string `json:"parameters"`
		Target     string            `json:"target"`
	}{s, parameters, e.config.Target}
	if _, err := e.config.Journal.AppendValue(ctx, journal.KindScenarioStarted, runID, "", about); err != nil {
		return scenarios.Outcome{}, fmt.Errorf("start scenario %s: %w", s.Name, err)
	}
	r.perform(ctx)
	outcome := r.conclude(ctx)
	outcome.Scenario, outcome.Claim, outcome.Parameters = s.Name, s.Claim, parameters
	outcome.Target, outcome.RunID = e.config.Target, runID
	outcome.Started, outcome.Ended = started, time.Now()
	// The series is a projection of the lines of the load, and long.
	short := outcome
	short.Series = nil
	if _, err := e.config.Journal.AppendValue(context.WithoutCancel(ctx), journal.KindScenarioVerdict, runID, "", short); err != nil {
		return outcome, fmt.Errorf("record verdict of scenario %s: %w", s.Name, err)
	}
	return outcome, nil
}
