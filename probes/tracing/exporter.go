package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"tocsin/internal/telemetry"
	"tocsin/probes"
)

// Uploader sends spans to a collector, and tries again as OTLP says.
type Uploader interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	UploadTraces(ctx context.Context, spans []*trace.ResourceSpans) error
}

// Bounds of what waits for the collector, in runs, and of the time one batch
// may take.
const (
	longestQueue = 2048
	largestBatch = 256
	batchTimeout = 30 * time.Second
	batchWait    = time.Second
)

// Exporter sends runs as traces. It is safe for concurrent use.
type Exporter struct {
	uploader Uploader
	queue    chan *trace.ResourceSpans
	dropped  prometheus.Counter
	failed   prometheus.Counter
	log      *slog.Logger
	// away is true while the collector refuses, so that it is said once.
	away bool
}

// New makes an exporter and registers its metrics.
func New(uploader Uploader, registry prometheus.Registerer, log *slog.Logger) (*Exporter, error) {
	e := &Exporter{
		uploader: uploader, queue: make(chan *trace.ResourceSpans, longestQueue), log: log,
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: telemetry.MetricTracesDropped, Help: "Runs whose trace was dropped, because too many waited for the collector.",
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: telemetry.MetricTracesFailed, Help: "Runs whose trace the collector did not take.",
		}),
	}
	if err := errors.Join(registry.Register(e.dropped), registry.Register(e.failed)); err != nil {
		return nil, fmt.Errorf("register metrics of traces: %w", err)
	}
	return e, nil
}

// Export hands a run over and never waits.
func (e *Exporter) Export(result probes.Result) {
	made := spans(result)
	if made == nil {
		return
	}
	select {
	case e.queue <- made:
	default:
		e.dropped.Inc()
	}
}

// Run sends what is handed over until ctx ends, then what is left.
func (e *Exporter) Run(ctx context.Context) error {
	if err := e.uploader.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start sending traces: %w", err)
	}
	ticks := time.NewTicker(batchWait)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			e.send(ending)
			if err := e.uploader.Stop(ending); err != nil {
				return fmt.Errorf("stop sending traces: %w", err)
			}
			return nil
		case <-ticks.C:
			e.send(ctx)
		}
	}
}

// send empties the queue.
func (e *Exporter) send(ctx context.Context) {
	for batch := e.batch(); len(batch) > 0; batch = e.batch() {
		bounded, cancel := context.WithTimeout(ctx, batchTimeout)
		err := e.uploader.UploadTraces(bounded, batch)
		cancel()
		if err != nil {
			e.failed.Add(float64(len(batch)))
		}
		e.say(err)
	}
}

func (e *Exporter) batch() []*trace.ResourceSpans {
	var batch []*trace.ResourceSpans
	for len(batch) < largestBatch {
		select {
		case next := <-e.queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// say logs the two changes that matter.
func (e *Exporter) say(err error) {
	switch {
	case err != nil && !e.away:
		e.log.Error("the collector does not take traces; they are lost, and counted", "error", err)
	case err == nil && e.away:
		e.log.Info("the collector takes traces again")
	}
	e.away = err != nil
}
