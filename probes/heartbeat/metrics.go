package heartbeat

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/telemetry"
)

// metrics shows when each job reported last, and until when it must. Whether it
// is in time is probe_success of its probe, as for all others.
type metrics struct {
	book                     *Book
	last, deadline, duration *prometheus.Desc
}

// Collector of the book's metrics.
func (b *Book) Collector() prometheus.Collector {
	label := []string{telemetry.LabelProbe}
	return &metrics{
		book:     b,
		last:     prometheus.NewDesc(telemetry.MetricHeartbeatLast, "When the job ended last by its own report, Unix time; absent before the first.", label, nil),
		deadline: prometheus.NewDesc(telemetry.MetricHeartbeatDeadline, "Until when the job must report, grace included, Unix time.", label, nil),
		duration: prometheus.NewDesc(telemetry.MetricHeartbeatDuration, "How long the job took last by its own report; absent if it does not say.", label, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- m.last
	descriptions <- m.deadline
	descriptions <- m.duration
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	for _, one := range m.book.List() {
		gauge := func(description *prometheus.Desc, value float64) {
			out <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, one.Name)
		}
		gauge(m.deadline, unix(one.Deadline))
		if one.Last == nil {
			continue
		}
		gauge(m.last, unix(one.Last.At))
		if one.Last.DurationSeconds > 0 {
			gauge(m.duration, one.Last.DurationSeconds)
		}
	}
}

func unix(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }
