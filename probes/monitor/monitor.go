package monitor

import (
	"context"
	"encoding/json"
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
// an error has put the events on disk, and one that returns an error none.
type Recorder interface {
	AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error)
	AppendAll(ctx context.Context, events []journal.Event) ([]journal.Event, error)
}

// Keeper keeps the evidence of a result and returns the result as it may be
// written down, also when it fails.
type Keeper interface {
	Keep(ctx context.Context, result probes.Result) (probes.Result, error)
}

// Tracer sends runs as traces. Export never waits; Run sends until ctx ends.
type Tracer interface {
	Export(result probes.Result)
	Run(ctx context.Context) error
}

// Config of a Monitor.
type Config struct {
	Target     string
	Checkpoint string
	// Maintenance names the announced windows that are open for a probe at a
	// time; nil if there are none.
	Maintenance func(probe string, at time.Time) string
	Entries     []schedule.Entry
	// Concurrency is how many runs may be under way at once; 0 for the default
	// of the schedule.
	Concurrency int
	Journal     Recorder
	Evidence    Keeper
	// Traces shows runs to a collector of traces; nil where there is none.
	Traces   Tracer
	Registry prometheus.Registerer
	Log      *slog.Logger
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
	metrics, err := NewMetrics(cfg.Registry, names(cfg.Entries))
	if err != nil {
		return nil, err
	}
	planned, err := schedule.New(schedule.Config{
		Target: cfg.Target, Checkpoint: cfg.Checkpoint, Entries: cfg.Entries, Concurrency: cfg.Concurrency, Maintenance: cfg.Maintenance,
		Missed: metrics.Missed, Started: metrics.Started, Ended: metrics.Observe, Removed: metrics.Forget,
	})
	if err != nil {
		return nil, fmt.Errorf("plan the probes: %w", err)
	}
	for _, gauge := range []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: telemetry.MetricJournalQueue, Help: "Results that wait for the journal.",
		}, func() float64 { return float64(planned.Waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: telemetry.MetricRunsUnderWay, Help: "Scheduled runs under way.",
		}, func() float64 { return float64(planned.UnderWay()) }),
	} {
		if err := cfg.Registry.Register(gauge); err != nil {
			return nil, fmt.Errorf("register metrics of the schedule: %w", err)
		}
	}
	return &Monitor{cfg: cfg, metrics: metrics, schedule: planned}, nil
}

func names(entries []schedule.Entry) []string {
	all := make([]string, 0, len(entries))
	for _, entry := range entries {
		all = append(all, entry.Probe.Name())
	}
	return all
}

// Replace puts entries in the place of those the monitor has; see
// schedule.Schedule.Replace. The series of new probes exist from then on, and
// those of a removed probe go when its last run has ended.
func (m *Monitor) Replace(entries []schedule.Entry) (schedule.Change, error) {
	change, err := m.schedule.Replace(entries)
	if err != nil {
		return change, fmt.Errorf("plan the probes anew: %w", err)
	}
	m.metrics.Expect(change.Added)
	return change, nil
}

// lastWrite is how long the results at hand may take to be recorded once the
// monitor is stopped.
const lastWrite = 5 * time.Second

// Run runs the probes until ctx ends, then records what is left.
func (m *Monitor) Run(ctx context.Context) {
	defer m.trace(ctx)()
	m.schedule.Run(ctx, func(batch []probes.Result) { m.record(ctx, batch) })
}

// trace sends traces until the returned function is called, which waits until
// the last ones are sent.
func (m *Monitor) trace(ctx context.Context) (stop func()) {
	if m.cfg.Traces == nil {
		return func() {}
	}
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := m.cfg.Traces.Run(sending); err != nil {
			m.cfg.Log.Error("traces are not sent", "error", err)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// record writes results into the journal, all of a batch at once, and tries
// again while the journal refuses: results wait in memory and are not lost while
// the disk is full.
func (m *Monitor) record(ctx context.Context, batch []probes.Result) {
	writing := context.WithoutCancel(ctx)
	events := m.events(writing, batch)
	for {
		started := time.Now()
		bounded, cancel := context.WithTimeout(writing, lastWrite)
		_, err := m.cfg.Journal.AppendAll(bounded, events)
		cancel()
		if err == nil {
			m.metrics.appendSeconds.Observe(time.Since(started).Seconds())
			m.metrics.appends.Add(float64(len(events)))
			m.say(false, nil)
			return
		}
		m.metrics.appendErrors.Inc()
		m.say(true, err)
		if !waitBeforeRetry(ctx) {
			m.cfg.Log.Error("results were not recorded: tocsin was stopped while the journal refused them", "results", len(events))
			return
		}
	}
}

// events are results as the journal takes them, once their evidence is kept.
func (m *Monitor) events(ctx context.Context, batch []probes.Result) []journal.Event {
	events := make([]journal.Event, 0, len(batch))
	for _, result := range batch {
		result, err := m.cfg.Evidence.Keep(ctx, result)
		if err != nil {
			m.cfg.Log.Error("the evidence of a run was not kept", "probe", result.Probe, "run_id", result.RunID, "error", err)
		}
		if m.cfg.Traces != nil {
			m.cfg.Traces.Export(result)
		}
		payload, err := json.Marshal(withoutHops(result))
		if err != nil {
			// A figure that is no number would be a mistake of the probe.
			m.cfg.Log.Error("a result cannot be recorded", "probe", result.Probe, "run_id", result.RunID, "error", err)
			m.metrics.appendErrors.Inc()
			continue
		}
		events = append(events, journal.Event{
			Kind: journal.KindProbeRun, RunID: result.RunID, TraceID: result.TraceID, Payload: payload, Compactable: result.Routine(),
		})
	}
	return events
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
