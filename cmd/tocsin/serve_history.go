package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/journal"
	"tocsin/internal/telemetry"
	"tocsin/probes/history"
	"tocsin/probes/plan"
)

// compactEvery is how often the daemon looks whether runs are old enough for a
// segment. What is there is little, so it is done soon.
const compactEvery = 10 * time.Minute

// keepHistory compacts the journal while probe runs, and ends with it.
func (a *app) keepHistory(past *history.History, probe func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		var keeping sync.WaitGroup
		defer keeping.Wait()
		keeping.Go(func() {
			past.Keep(ctx, history.Retention{}, compactEvery, func(err error) {
				a.log.Error("the journal was not compacted; it grows until this is mended", "error", err)
			})
		})
		probe(ctx)
	}
}

// openPast opens the history of a daemon, which ends with what closes both.
func (a *app) openPast(ctx context.Context, events *journal.Journal) (*history.History, func() error, error) {
	past, err := a.openHistory(ctx, events)
	if err != nil {
		return nil, nil, errors.Join(unknownError(err), events.Close())
	}
	return past, func() error { return errors.Join(past.Close(), events.Close()) }, nil
}

// windows shows for each probe whether maintenance is announced for now, so that
// alerts can be held back by it.
type windows struct {
	now    *inForce
	active *prometheus.Desc
}

func newWindows(now *inForce) *windows {
	return &windows{now: now, active: prometheus.NewDesc(
		telemetry.MetricMaintenance, "Whether maintenance is announced for now; the probe runs all the same.", []string{telemetry.LabelProbe}, nil)}
}

// at names the windows that are open for a probe.
func (w *windows) at(probe string, at time.Time) string {
	now := w.now.Load()
	return now.calendar.Active(plan.Subject(now.target, probe), at)
}

// Describe implements prometheus.Collector.
func (w *windows) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- w.active }

// Collect implements prometheus.Collector.
func (w *windows) Collect(metrics chan<- prometheus.Metric) {
	now := time.Now()
	for probe := range w.now.Load().intervals {
		value := 0.0
		if w.at(probe, now) != "" {
			value = 1
		}
		metrics <- prometheus.MustNewConstMetric(w.active, prometheus.GaugeValue, value, probe)
	}
}
