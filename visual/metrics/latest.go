package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/visual"
)

// Latest shows the last result of each check. It makes its metrics while it is
// scraped: what a check did not find out has no series, where a gauge would keep
// the value of an earlier one.
type Latest struct {
	mu   sync.Mutex
	seen map[string]sighting

	success, ratio, pixels, barriers, last, approved, capture *prometheus.Desc
}

type sighting struct {
	probe  string
	result visual.Result
}

// NewLatest makes a collector that has seen nothing.
func NewLatest() *Latest {
	gauge := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{telemetry.LabelProbe, telemetry.LabelCheck}, nil)
	}
	return &Latest{
		seen:     map[string]sighting{},
		success:  gauge(telemetry.MetricVisualSuccess, "Whether the page looked as approved at the last check; absent while it is unknown."),
		ratio:    gauge(telemetry.MetricVisualRatio, "Share of the pixels that differed from the approved picture, 0 to 1; absent where nothing was compared."),
		pixels:   gauge(telemetry.MetricVisualPixels, "Pixels that differed from the approved picture; absent where nothing was compared."),
		barriers: gauge(telemetry.MetricVisualBarriers, "Findings about accessibility that the approved page did not have; absent where nothing was compared."),
		last:     gauge(telemetry.MetricVisualLast, "When the last check started, Unix time."),
		approved: gauge(telemetry.MetricVisualApproved, "When the picture was approved that the last check compared with, Unix time; absent without one."),
		capture:  gauge(telemetry.MetricVisualCapture, "Time of the last capture, from the first request to the picture; absent without one."),
	}
}

// Set shows a result, of a check that a probe made.
func (l *Latest) Set(probe string, result visual.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[result.Check] = sighting{probe, result}
}

// Keep forgets the checks that are not among names.
func (l *Latest) Keep(names []string) {
	kept := make(map[string]bool, len(names))
	for _, name := range names {
		kept[name] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.seen {
		if !kept[name] {
			delete(l.seen, name)
		}
	}
}

// Describe implements prometheus.Collector.
func (l *Latest) Describe(descriptions chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{l.success, l.ratio, l.pixels, l.barriers, l.last, l.approved, l.capture} {
		descriptions <- one
	}
}

// Collect implements prometheus.Collector.
func (l *Latest) Collect(out chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.seen {
		r := one.result
		gauge := func(description *prometheus.Desc, value float64) {
			out <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, one.probe, r.Check)
		}
		gauge(l.last, unix(r.Started))
		if r.Verdict != verdict.Unknown {
			success := 0.0
			if r.Verdict.Good() {
				success = 1
			}
			gauge(l.success, success)
		}
		if r.Compared {
			gauge(l.ratio, r.Percent/100)
			gauge(l.pixels, float64(r.ChangedPixels))
			gauge(l.barriers, float64(len(r.Barriers)))
		}
		if !r.ApprovedAt.IsZero() {
			gauge(l.approved, unix(r.ApprovedAt))
		}
		if r.SettlingMS > 0 {
			gauge(l.capture, (r.LoadingMS+r.SettlingMS)/1000)
		}
	}
}

func unix(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }
