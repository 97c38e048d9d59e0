package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/probes/history"
	"tocsin/probes/maintenance"
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

// loadCalendar reads when work on the target is announced.
func (a *app) loadCalendar(t *target.Target, entries []plan.Entry) (*maintenance.Calendar, error) {
	planned, err := plan.ForTarget(t, a.planPath)
	if err != nil {
		return nil, usageError(err)
	}
	calendar, err := planned.Maintenance(t, entries)
	if err != nil {
		return nil, usageError(err)
	}
	return calendar, nil
}

// windows shows for each probe whether maintenance is announced for now, so that
// alerts can be held back by it.
type windows struct {
	target   *target.Target
	calendar *maintenance.Calendar
	probes   []string
	active   *prometheus.Desc
}

func newWindows(t *target.Target, calendar *maintenance.Calendar, probes []string) *windows {
	return &windows{target: t, calendar: calendar, probes: probes, active: prometheus.NewDesc(
		telemetry.MetricMaintenance, "Whether maintenance is announced for now; the probe runs all the same.", []string{telemetry.LabelProbe}, nil)}
}

// at names the windows that are open for a probe.
func (w *windows) at(probe string, at time.Time) string {
	return w.calendar.Active(plan.Subject(w.target, probe), at)
}

// Describe implements prometheus.Collector.
func (w *windows) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- w.active }

// Collect implements prometheus.Collector.
func (w *windows) Collect(metrics chan<- prometheus.Metric) {
	now := time.Now()
	for _, probe := range w.probes {
		value := 0.0
		if w.at(probe, now) != "" {
			value = 1
		}
		metrics <- prometheus.MustNewConstMetric(w.active, prometheus.GaugeValue, value, probe)
	}
}
