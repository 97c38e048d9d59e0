package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"tocsin/alerts/pager"
	"tocsin/alerts/runbooks"
	"tocsin/dashboards/console"
	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/probes"
	"tocsin/probes/history"
	"tocsin/probes/maintenance"
	"tocsin/probes/monitor"
	"tocsin/probes/plan"
	"tocsin/probes/schedule"
)

type serveOptions struct {
	listen     string
	checkpoint string
	interval   time.Duration
	gathering  gatheringOptions
}

func (a *app) serveCommand() *cobra.Command {
	var options serveOptions
	command := &cobra.Command{
		Use:   "serve",
		Short: "Run the probes on schedule; serve console, metrics and pager receipt",
		Long: `Run the probes of target and plan on schedule, and serve console, metrics and pager receipt.

Runs are sent as traces to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names (OTLP over HTTP),
under the ids that the target was told in its traceparent.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return a.serve(command.Context(), options) },
	}
	flags := command.Flags()
	flags.StringVar(&options.listen, "listen", "127.0.0.1:9464", "listen at `ADDRESS`")
	flags.DurationVar(&options.interval, "interval", 0, "run each probe every `DURATION` where the plan file does not say how often (default 5s)")
	flags.StringVar(&options.checkpoint, "checkpoint", "local", "`NAME` of the place the probes run from")
	options.gathering.flags(flags)
	return command
}

// serve runs until ctx ends, then lets requests and runs under way finish.
func (a *app) serve(ctx context.Context, options serveOptions) (err error) {
	if options.interval != 0 && options.interval < time.Second {
		return usageError(fmt.Errorf("interval %s is shorter than a second: it would be load, not probing (see tocsin load)", options.interval))
	}
	loaded, err := a.loadTarget()
	if err != nil {
		return err
	}
	entries, err := a.loadEntries(loaded, options.interval)
	if err != nil {
		return err
	}
	calendar, err := a.loadCalendar(loaded, entries)
	if err != nil {
		return err
	}
	listener, err := listen(options.listen)
	if err != nil {
		return err
	}
	events, err := a.openJournal(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	past, closePast, err := a.openPast(ctx, events)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, closePast()) }()
	started := map[string]any{"listen": listener.Addr().String(), "target": loaded.Name, "version": telemetry.Version}
	if _, err := events.AppendValue(ctx, journal.KindConsoleStarted, "", "", started); err != nil {
		return errors.Join(unknownError(err), listener.Close())
	}
	parts := served{app: a, target: loaded, entries: entries, calendar: calendar, events: events, past: past, options: options}
	handler, run, err := parts.build(ctx)
	if err != nil {
		return errors.Join(exitOr3(err), listener.Close())
	}
	a.log.Info("serving", "console", "http://"+listener.Addr().String()+"/", "target", loaded.Name, "probes", len(entries))
	return serveUntil(ctx, listener, handler, a.keepHistory(past, run))
}

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, usageError(fmt.Errorf("%s is taken: another tocsin serve runs already, or choose another address with --listen", address))
	}
	if err != nil {
		return nil, usageError(fmt.Errorf("listen at %s: %w", address, err))
	}
	return listener, nil
}

// served is what the parts of the daemon are made of.
type served struct {
	app      *app
	target   *target.Target
	entries  []plan.Entry
	calendar *maintenance.Calendar
	events   *journal.Journal
	past     *history.History
	options  serveOptions
}

// build makes the parts, and what runs beside the handler until it is stopped.
func (s served) build(ctx context.Context) (http.Handler, func(context.Context), error) {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: telemetry.MetricBuildInfo, Help: "Version of tocsin, as a label; always 1.",
		ConstLabels: prometheus.Labels{telemetry.LabelVersion: telemetry.Version},
	})
	build.Set(1)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	entries := make([]schedule.Entry, 0, len(s.entries))
	intervals := make(map[string]time.Duration, len(s.entries))
	all := make([]probes.Probe, 0, len(s.entries))
	for _, planned := range s.entries {
		all = append(all, planned.Probe)
		if planned.Off {
			continue
		}
		entries = append(entries, schedule.Entry{Probe: planned.Probe, Interval: planned.Interval, Overlap: planned.Overlap})
		intervals[planned.Probe.Name()] = planned.Interval
	}
	announced := newWindows(s.target, s.calendar, slices.Sorted(maps.Keys(intervals)))
	registry.MustRegister(announced)
	keeper, err := s.app.newKeeper(s.target, s.events)
	if err != nil {
		return nil, nil, err
	}
	traces, err := s.app.tracer(registry)
	if err != nil {
		return nil, nil, err
	}
	gathered, err := s.gather(ctx, registry, intervals)
	if err != nil {
		return nil, nil, err
	}
	monitoring, err := monitor.New(monitor.Config{
		Target: s.target.Name, Checkpoint: s.options.checkpoint, Entries: entries, Maintenance: announced.at,
		Journal: gathered.recorder, Evidence: keeper, Traces: traces, Registry: registry, Log: s.app.log,
	})
	if err != nil {
		return nil, nil, err
	}
	runs := s.app.runsFolder()
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make folder of runs: %w", err)
	}
	page, err := console.New(console.Config{
		Target: s.target.Name, Issuer: s.target.Issuer, Journal: s.events, Intervals: intervals, RunsDir: runs, Log: s.app.log,
	})
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", page)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: registry}))
	mux.Handle("GET /probe", monitor.NewBlackbox(s.target, all, s.events, keeper, s.app.log))
	mux.Handle(pager.Path, pager.NewReceiver(s.events, s.app.log))
	mux.Handle("GET "+runbooks.Path, runbooks.Handler())
	return mux, func(ctx context.Context) { gathered.around(ctx, monitoring.Run) }, nil
}

// serveUntil serves and runs the probes until ctx ends or serving fails.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler, probe func(context.Context)) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	probing, stop := context.WithCancel(ctx)
	defer stop()
	serving := make(chan error, 1)
	go func() {
		serving <- server.Serve(listener)
		stop()
	}()
	probe(probing)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	shutdownErr := server.Shutdown(closing)
	serveErr := <-serving
	if !errors.Is(serveErr, http.ErrServerClosed) {
		return unknownError(fmt.Errorf("serve: %w", serveErr))
	}
	if shutdownErr != nil {
		return unknownError(fmt.Errorf("end the requests under way: %w", shutdownErr))
	}
	return nil
}
