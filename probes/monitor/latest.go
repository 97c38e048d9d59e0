package monitor

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
)

// latest shows the last result of each probe. It makes its metrics while it is
// scraped, so that what a run did not reach has no series: a gauge would keep
// the value of an earlier run.
type latest struct {
	mu      sync.Mutex
	results map[string]probes.Result

	success, phase, expiry, lastRun *prometheus.Desc
}

func newLatest() *latest {
	probe := []string{telemetry.LabelProbe}
	return &latest{
		results: make(map[string]probes.Result),
		success: prometheus.NewDesc(telemetry.MetricProbeSuccess, "Whether the last run passed; absent while it is unknown.", probe, nil),
		phase: prometheus.NewDesc(telemetry.MetricProbeHTTPDuration, "Time of one phase of one step of the last run; absent where it was not reached.",
			[]string{telemetry.LabelProbe, telemetry.LabelStep, telemetry.LabelPhase}, nil),
		expiry:  prometheus.NewDesc(telemetry.MetricProbeCertExpiry, "Earliest expiry of a certificate seen by the last run, Unix time.", probe, nil),
		lastRun: prometheus.NewDesc(telemetry.MetricProbeLastRun, "When the last run started, Unix time.", probe, nil),
	}
}

func (l *latest) set(result probes.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Evidence is the keeper's; it is large, and no metric is made of it.
	result.Exchanges, result.Artifacts = nil, nil
	// Runs may overlap; the newest start wins, not the last end.
	if known, ok := l.results[result.Probe]; !ok || !result.Started.Before(known.Started) {
		l.results[result.Probe] = result
	}
}

func (l *latest) forget(probe string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.results, probe)
}

// Describe implements prometheus.Collector.
func (l *latest) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- l.success
	descriptions <- l.phase
	descriptions <- l.expiry
	descriptions <- l.lastRun
}

// Collect implements prometheus.Collector.
func (l *latest) Collect(metrics chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, result := range l.results {
		l.collect(metrics, name, result)
	}
}

func (l *latest) collect(metrics chan<- prometheus.Metric, name string, result probes.Result) {
	gauge := func(description *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, labels...)
	}
	gauge(l.lastRun, float64(result.Started.UnixMilli())/1000, name)
	if result.Verdict != verdict.Unknown {
		gauge(l.success, oneIf(result.Verdict.Good()), name)
	}
	if !result.CertExpiry.IsZero() {
		gauge(l.expiry, float64(result.CertExpiry.Unix()), name)
	}
	for _, step := range result.Steps {
		for _, phase := range phases(step.Phases) {
			gauge(l.phase, *phase.seconds, name, step.Name, phase.name)
		}
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
