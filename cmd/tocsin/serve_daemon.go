package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tocsin/alerts/pager"
	"tocsin/alerts/runbooks"
	"tocsin/dashboards/badge"
	"tocsin/dashboards/console"
	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/probes/heartbeat"
	"tocsin/probes/history"
	"tocsin/probes/monitor"
	"tocsin/probes/reload"
	"tocsin/visual/baseline"
)

// daemon is what tocsin serve is made of, and the configuration that its parts
// have in force.
type daemon struct {
	app     *app
	events  *journal.Journal
	past    *history.History
	gallery *gallery
	options serveOptions
	now     inForce
	book    *heartbeat.Book

	registry   *prometheus.Registry
	gathered   *gathering
	monitoring *monitor.Monitor
	onDemand   *monitor.Blackbox
	page       *console.Console
	badges     *badge.Handler
	reloading  *reload.Reloader
}

// build makes the parts from the configuration that is in force.
func (d *daemon) build(ctx context.Context) error {
	first := d.now.Load()
	d.registry = newRegistry()
	announced := newWindows(&d.now)
	d.registry.MustRegister(announced)
	keeper, err := d.app.newKeeper(first.target, d.now.secrets, d.events)
	if err != nil {
		return err
	}
	traces, err := d.app.tracer(d.registry)
	if err != nil {
		return err
	}
	if d.gathered, err = d.gather(ctx, d.registry); err != nil {
		return err
	}
	d.book = heartbeat.NewBook(d.events, nil)
	if err := d.book.Listen(ctx, first.jobs); err != nil {
		return err
	}
	d.registry.MustRegister(d.book.Collector(), d.gallery.latest)
	d.monitoring, err = monitor.New(monitor.Config{
		Target: first.target.Name, Checkpoint: d.options.checkpoint, Entries: first.scheduled(d.book), Maintenance: announced.at,
		Journal: d.gathered.recorder, Evidence: keeper, Traces: traces, Registry: d.registry, Log: d.app.log,
	})
	if err != nil {
		return err
	}
	d.onDemand = monitor.NewBlackbox(first.target, first.probes(d.book), d.events, keeper, d.app.log)
	if err := d.buildConsole(first); err != nil {
		return err
	}
	d.reloading, err = reload.New(reload.Config{
		Apply: d.apply, Files: func() []string { return d.now.tried.Load().files() }, Contents: target.Contents,
		Journal: d.events, Registry: d.registry, Log: d.app.log,
	})
	return err
}

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: telemetry.MetricBuildInfo, Help: "Version of tocsin, as a label; always 1.",
		ConstLabels: prometheus.Labels{telemetry.LabelVersion: telemetry.Version},
	})
	build.Set(1)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	return registry
}

func (d *daemon) buildConsole(first *configuration) error {
	runs := d.app.runsFolder()
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return fmt.Errorf("make folder of runs: %w", err)
	}
	deciding, err := decides(d.options.listen, d.options.decideAt)
	if err != nil {
		return err
	}
	shown := newReviews(d.events, d.app.stateDir, first.target.Name, func() *baseline.Store { return d.now.Load().baselines })
	looking := &past{history: d.past, target: first.target.Name}
	d.page, err = console.New(console.Config{
		Target: first.target.Name, Issuer: first.target.Issuer, Journal: d.events, Intervals: first.intervals, RunsDir: runs,
		Past: looking, Live: d.live(), Reviews: shown, Decisions: deciding, Hosts: d.options.decideAt, Log: d.app.log,
	})
	if err != nil {
		return err
	}
	d.badges = badge.NewHandler(badge.Config{Verdict: d.page.Verdict, Uptime: looking.uptime, Log: d.app.log})
	return nil
}

func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", d.page)
	mux.Handle("GET "+badge.Path, d.badges)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: d.registry}))
	mux.Handle("GET /probe", d.onDemand)
	mux.Handle(pager.Path, pager.NewReceiver(d.events, d.app.log))
	mux.Handle("GET "+runbooks.Path, runbooks.Handler())
	reports := heartbeat.NewReceiver(d.book, d.app.log)
	mux.Handle(heartbeat.Path, reports)
	mux.HandleFunc("GET "+heartbeat.ListPath, reports.List)
	mux.Handle(reload.Path, d.reloading)
	return mux
}

// run runs the probes, and what changes them, until ctx ends.
func (d *daemon) run(ctx context.Context) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	var reloading sync.WaitGroup
	reloading.Go(func() { d.reloading.Run(ctx, hangups) })
	defer reloading.Wait()
	d.gathered.around(ctx, d.monitoring.Run)
}
