package receiver

import (
	"fmt"
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/telemetry"
)

// metrics shows where checkpoints stand. It makes its series while it is
// scraped: one that is no longer enrolled has none.
type metrics struct {
	receiver *Receiver
	results  *prometheus.CounterVec

	seen, buffered, offset, dropped, drift *prometheus.Desc
}

func newMetrics(registry prometheus.Registerer, r *Receiver) (*metrics, error) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{telemetry.LabelCheckpoint}, nil)
	}
	m := &metrics{
		receiver: r,
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: telemetry.MetricCheckpointResults, Help: "Results that a checkpoint reported and that were recorded.",
		}, []string{telemetry.LabelCheckpoint}),
		seen:     desc(telemetry.MetricCheckpointLastSeen, "When a checkpoint spoke last, Unix time; 0 if it never did."),
		buffered: desc(telemetry.MetricCheckpointBuffered, "Results that a checkpoint holds and has not delivered, as of when it spoke last."),
		offset:   desc(telemetry.MetricCheckpointOffset, "How far the clock of a checkpoint is ahead of the clock here."),
		dropped:  desc(telemetry.MetricCheckpointDropped, "Results that a checkpoint had to drop because its buffer was full."),
		drift:    desc(telemetry.MetricCheckpointDrift, "1 while a checkpoint runs another plan than this Tocsin, else 0."),
	}
	for _, collector := range []prometheus.Collector{m, m.results} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics of checkpoints: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) count(name string, report Report) {
	m.results.WithLabelValues(name).Add(float64(report.Recorded))
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, description := range []*prometheus.Desc{m.seen, m.buffered, m.offset, m.dropped, m.drift} {
		descriptions <- description
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	names, err := m.receiver.cfg.Enrolled()
	if err != nil {
		out <- prometheus.NewInvalidMetric(m.seen, err)
		return
	}
	m.receiver.mu.Lock()
	known := maps.Clone(m.receiver.known)
	m.receiver.mu.Unlock()
	for _, name := range names {
		gauge := func(description *prometheus.Desc, value float64) {
			out <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, name)
		}
		s := known[name]
		if s == nil {
			gauge(m.seen, 0)
			continue
		}
		s.mu.Lock()
		seen, last := s.seen, s.last
		s.mu.Unlock()
		if seen.IsZero() {
			gauge(m.seen, 0)
			continue
		}
		gauge(m.seen, float64(seen.UnixMilli())/1000)
		gauge(m.buffered, float64(last.Status.Buffered))
		gauge(m.dropped, float64(last.Status.Dropped))
		drift := 0.0
		if last.Drift {
			drift = 1
		}
		gauge(m.drift, drift)
		if last.Status.ClockOffsetMS != nil {
			gauge(m.offset, (time.Duration(*last.Status.ClockOffsetMS * float64(time.Millisecond))).Seconds())
		}
	}
}
