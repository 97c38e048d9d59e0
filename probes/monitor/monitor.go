package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/journal"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/schedule"
)

// Recorder is what a Monitor needs of the journal: a call that returns without
// an error has put the event on disk.
type Recorder interface {
	AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error)
}

// Keeper keeps the evidence of a result and returns the result as it may be
// written down, also when it fails.
type Keeper interface {
	Keep(ctx context.Context, result probes.Result) (probes.Result, error)
}

// Config of a Monitor.
type Config struct {
	Target     string
	Checkpoint string
	Entries    []schedule.Entry
	Journal    Recorder
	Evidence   Keeper
	Registry   prometheus.Registerer
	Log        *slog.Logger
}

// Monitor runs probes, counts their results and records them.
type Monitor struct {
	cfg      Config
	metrics  *Metrics
	schedule *schedule.Schedule
	// refused is true while the journal refuses, so that it is said once.
	refused bool
}

// New makes a monitor and registers its metrics.
func New(cfg Config) (*Monitor, error) {
	names := make([]string, 0, len(cfg.Entries))
	for _, entry := range cfg.Entries {
		names = append(names, entry.Probe.Name())
	}
	metrics, err := NewMetrics(cfg.Registry, names)
	if err != nil {
		return nil, err
	}
	planned, err := schedule.New(schedule.Config{
		Target: cfg.Target, Checkpoint: cfg.Checkpoint, Entries: cfg.Entries, Missed: metrics.Missed, Ended: metrics.Observe,
	})
	if err != nil {
		return nil, fmt.Errorf("plan the probes: %w", err)
	}
	queue := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: telemetry.MetricJournalQueue, Help: "Results that wait for the journal.",
	}, func() float64 { return float64(planned.Waiting()) })
	if err := cfg.Registry.Register(queue); err != nil {
		return nil, fmt.Errorf("register journal metrics: %w", err)
	}
	return &Monitor{cfg: cfg, metrics: metrics, schedule: planned}, nil
}

// lastWrite is how long the results at hand may take to be recorded once the
// monitor is stopped.
const lastWrite = 5 * time.Second

// Run runs the probes until ctx ends, then records what is left.
func (m *Monitor) Run(ctx context.Context) {
	m.schedule.Run(ctx, func(result probes.Result) { m.record(ctx, result) })
}

// record writes a result into the journal, and tries again while the journal
// refuses: results wait in memory and are not lost while the disk is full.
func (m *Monitor) record(ctx context.Context, result probes.Result) {
	writing := context.WithoutCancel(ctx)
	result, err := m.cfg.Evidence.Keep(writing, result)
	if err != nil {
		m.cfg.Log.Error("the evidence of a run was not kept", "probe", result.Probe, "run_id", result.RunID, "error", err)
	}
	result = withoutHops(result)
	for {
		started := time.Now()
		bounded, cancel := context.WithTimeout(writing, lastWrite)
		_, err := m.cfg.Journal.AppendValue(bounded, journal.KindProbeRun, result.RunID, result.TraceID, result)
		cancel()
		if err == nil {
			m.metrics.appendSeconds.Observe(time.Since(started).Seconds())
			m.metrics.appends.Inc()
			m.say(false, nil)
			return
		}
		m.metrics.appendErrors.Inc()
		m.say(true, err)
		if !waitBeforeRetry(ctx) {
			m.cfg.Log.Error("a result was not recorded: tocsin was stopped while the journal refused it",
				"probe", result.Probe, "run_id", result.RunID, "verdict", result.Verdict)
			return
		}
	}
}

// withoutHops drops the single exchanges of a run that passed at once: they
// would be most of the journal, and nobody asks for them. The steps stay.
func withoutHops(result probes.Result) probes.Result {
	if result.Verdict != verdict.Pass {
		return result
	}
	result.Steps = slices.Clone(result.Steps)
	for index := range result.Steps {
		result.Steps[index].Hops = nil
	}
	return result
}

// say logs the two changes that matter: the journal begins to refuse, and it
// takes results again.
func (m *Monitor) say(refused bool, err error) {
	switch {
	case refused && !m.refused:
		m.cfg.Log.Error("the journal refuses results; they wait in memory and probes go on", "error", err)
	case !refused && m.refused:
		m.cfg.Log.Info("the journal takes results again", "waiting", m.schedule.Waiting())
	}
	m.refused = refused
}

func waitBeforeRetry(ctx context.Context) bool {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
