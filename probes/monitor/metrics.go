package monitor

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
)

// Metrics counts what probes found.
type Metrics struct {
	runs     *prometheus.CounterVec
	missed   *prometheus.CounterVec
	unknown  *prometheus.CounterVec
	delay    prometheus.Histogram
	duration *prometheus.HistogramVec
	latest   *latest

	appends       prometheus.Counter
	appendErrors  prometheus.Counter
	appendSeconds prometheus.Histogram
}

// durationBuckets reach from a cached answer to the longest journey, in
// seconds.
var durationBuckets = []float64{0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30}

// NewMetrics registers the metrics of probes. Each series exists from the
// start, so that the first failure is an increase and not a new series.
func NewMetrics(registry prometheus.Registerer, probeNames []string) (*Metrics, error) {
	m := &Metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: telemetry.MetricProbeRuns, Help: "Scheduled runs of a probe by verdict; unknown is neither good nor bad.",
		}, []string{telemetry.LabelProbe, telemetry.LabelVerdict}),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: telemetry.MetricMissedRuns, Help: "Scheduled runs that could not start; each is an unknown run as well.",
		}, []string{telemetry.LabelProbe}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: telemetry.MetricProbeDuration, Help: "Time from the intended start of a run to its end; runs that came out unknown are left out.",
			Buckets: durationBuckets, NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{telemetry.LabelProbe}),
		unknown: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: telemetry.MetricUnknownRuns, Help: "Scheduled runs that measured nothing, by reason.",
		}, []string{telemetry.LabelReason}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: telemetry.MetricStartDelay, Help: "How late runs start; past the grace they do not start and count as missed.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5},
		}),
		latest: newLatest(),
		appends: prometheus.NewCounter(prometheus.CounterOpts{
			Name: telemetry.MetricJournalAppends, Help: "Results recorded in the journal.",
		}),
		appendErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: telemetry.MetricJournalErrors, Help: "Attempts to record that the journal refused; each is tried again.",
		}),
		appendSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: telemetry.MetricJournalDuration, Help: "Time to record one batch of results, fsync included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
	}
	for _, collector := range []prometheus.Collector{m.runs, m.missed, m.unknown, m.delay, m.duration, m.latest, m.appends, m.appendErrors, m.appendSeconds} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register probe metrics: %w", err)
		}
	}
	for _, ownFault := range []verdict.Reason{verdict.Missed, verdict.Saturated} {
		m.unknown.WithLabelValues(string(ownFault))
	}
	m.Expect(probeNames)
	return m, nil
}

// Expect makes the series of probes that are to run.
func (m *Metrics) Expect(probeNames []string) {
	for _, name := range probeNames {
		m.missed.WithLabelValues(name)
		for _, v := range verdicts() {
			m.runs.WithLabelValues(name, string(v))
		}
	}
}

// Forget drops the series of a probe that runs no more.
func (m *Metrics) Forget(probe string) {
	m.missed.DeleteLabelValues(probe)
	m.duration.DeleteLabelValues(probe)
	for _, v := range verdicts() {
		m.runs.DeleteLabelValues(probe, string(v))
	}
	m.latest.forget(probe)
}

func verdicts() []verdict.Verdict {
	return []verdict.Verdict{verdict.Pass, verdict.PassAfterRetry, verdict.Fail, verdict.Unknown}
}

// Missed counts runs that could not start.
func (m *Metrics) Missed(probe string, starts int) {
	m.missed.WithLabelValues(probe).Add(float64(starts))
}

// Started counts how late a run starts.
func (m *Metrics) Started(_ string, late time.Duration) { m.delay.Observe(late.Seconds()) }

// Observe counts a result, which may stand for several runs that could not
// start.
func (m *Metrics) Observe(result probes.Result) {
	count := float64(max(result.Runs, 1))
	m.runs.WithLabelValues(result.Probe, string(result.Verdict)).Add(count)
	m.latest.set(result)
	if result.Verdict == verdict.Unknown {
		m.unknown.WithLabelValues(string(result.Reason)).Add(count)
		return
	}
	observe(m.duration.WithLabelValues(result.Probe), latency(result).Seconds(), result.TraceID)
}

// observe records a value with the trace that shows where the time went.
func observe(histogram prometheus.Observer, seconds float64, traceID string) {
	withExemplar, ok := histogram.(prometheus.ExemplarObserver)
	if !ok || traceID == "" {
		histogram.Observe(seconds)
		return
	}
	withExemplar.ObserveWithExemplar(seconds, prometheus.Labels{telemetry.ExemplarTraceID: traceID})
}

// latency counts from the intended start where there is one: a probe that
// started late made somebody wait as well.
func latency(result probes.Result) time.Duration {
	ms := result.MS
	if result.LatencyMS > 0 {
		ms = result.LatencyMS
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// phase is one part of an exchange under the blackbox exporter's name.
type phase struct {
	name    string
	seconds *float64
}

func phases(p probes.Phases) []phase {
	all := []phase{
		{telemetry.PhaseResolve, p.DNS}, {telemetry.PhaseConnect, p.Connect}, {telemetry.PhaseTLS, p.TLS},
		{telemetry.PhaseProcessing, p.FirstByte}, {telemetry.PhaseTransfer, p.Transfer},
	}
	return slices.DeleteFunc(all, func(p phase) bool { return p.seconds == nil })
}
