package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"tocsin/probes/checkpoint/buffer"
	"tocsin/probes/checkpoint/keys"
	"tocsin/probes/checkpoint/sender"
	"tocsin/probes/evidence"
	"tocsin/probes/monitor"
	"tocsin/probes/schedule"
)

type checkpointOptions struct {
	enrolment string
	name      string
	listen    string
	interval  time.Duration
	bufferMiB int64
}

const checkpointHelp = `Run the probes from one more place, and report to a central tocsin serve.

The results are recorded here first. While the central is away, probing goes on
and results wait in the state folder; nothing acknowledged is lost, and nothing
is recorded twice.

On the machine of the central, once:

  tocsin checkpoint init --name tocsin.example.org
  tocsin checkpoint enrol b --url https://tocsin.example.org:9465 --output b.yaml
  tocsin serve --checkpoints 0.0.0.0:9465 --checkpoint a

Copy b.yaml to the other place, keep it secret, and there:

  tocsin checkpoint --enrolment b.yaml --target target.yaml

How many must agree before an outage is declared stands in the plan file of the
central:

  quorum: {agree: 2, checkpoints: [a, b, c]}`

func (a *app) checkpointCommand() *cobra.Command {
	var options checkpointOptions
	command := &cobra.Command{
		Use:   "checkpoint",
		Short: "Run the probes from one more place, and report to a central tocsin",
		Long:  checkpointHelp,
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return a.runCheckpoint(command.Context(), options) },
	}
	flags := command.Flags()
	flags.StringVar(&options.enrolment, "enrolment", "", "speak to the central as `FILE` allows, which tocsin checkpoint enrol made")
	flags.StringVar(&options.name, "name", "", "`NAME` of this checkpoint, if it should be checked against the enrolment")
	flags.StringVar(&options.listen, "listen", "", "serve metrics at `ADDRESS`")
	flags.DurationVar(&options.interval, "interval", 0, "run each probe every `DURATION` where the plan file does not say how often (default 5s)")
	flags.Int64Var(&options.bufferMiB, "buffer", 1024, "keep at most `MIB` MiB of results that are not delivered")
	command.AddCommand(a.checkpointInitCommand(), a.checkpointEnrolCommand(), a.checkpointRemoveCommand(), a.checkpointListCommand())
	return command
}

func (a *app) loadEnrolment(options checkpointOptions) (keys.Enrolment, error) {
	if options.enrolment == "" {
		return keys.Enrolment{}, usageError(errors.New("no enrolment: name it with --enrolment; tocsin checkpoint enrol makes one on the machine of the central"))
	}
	enrolment, err := keys.LoadEnrolment(options.enrolment)
	if err != nil {
		return enrolment, usageError(err)
	}
	if options.name != "" && options.name != enrolment.Checkpoint {
		return enrolment, usageError(fmt.Errorf("%s is the enrolment of checkpoint %s, not of %s", options.enrolment, enrolment.Checkpoint, options.name))
	}
	return enrolment, nil
}

// runCheckpoint runs until ctx ends, then lets runs under way finish and sends
// what they found.
func (a *app) runCheckpoint(ctx context.Context, options checkpointOptions) (err error) {
	if options.interval != 0 && options.interval < time.Second {
		return usageError(fmt.Errorf("interval %s is shorter than a second: it would be load, not probing", options.interval))
	}
	if options.bufferMiB < 1 {
		return usageError(errors.New("a buffer needs at least 1 MiB: choose --buffer 1 or more"))
	}
	enrolment, err := a.loadEnrolment(options)
	if err != nil {
		return err
	}
	kept, err := buffer.Open(ctx, buffer.Config{
		Folder: filepath.Join(a.stateDir, "checkpoint-"+enrolment.Checkpoint), MaxBytes: options.bufferMiB << 20, Log: a.log,
	})
	if errors.Is(err, buffer.ErrTaken) {
		return usageError(err)
	}
	if err != nil {
		return unknownError(err)
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	probing, sending, err := a.buildCheckpoint(options, enrolment, kept, registry)
	if err != nil {
		return err
	}
	run := func(ctx context.Context) { probeAndSend(ctx, probing, sending) }
	if options.listen == "" {
		run(ctx)
		return nil
	}
	listener, err := listen(options.listen)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: registry}))
	return serveUntil(ctx, listener, mux, run)
}

func (a *app) buildCheckpoint(options checkpointOptions, enrolment keys.Enrolment, kept *buffer.Buffer, registry *prometheus.Registry) (*monitor.Monitor, *sender.Sender, error) {
	loaded, err := a.loadTarget()
	if err != nil {
		return nil, nil, err
	}
	planned, err := a.loadPlan(loaded, options.interval)
	if err != nil {
		return nil, nil, err
	}
	all, err := planned.Entries(loaded)
	if err != nil {
		return nil, nil, usageError(err)
	}
	secured, err := enrolment.TLS()
	if err != nil {
		return nil, nil, usageError(err)
	}
	var entries []schedule.Entry
	intervals := make(map[string]time.Duration, len(all))
	for _, entry := range all {
		if !entry.Off {
			entries = append(entries, schedule.Entry{Probe: entry.Probe, Interval: entry.Interval, Overlap: entry.Overlap})
			intervals[entry.Probe.Name()] = entry.Interval
		}
	}
	targetFile, planFile, err := a.named()
	if err != nil {
		return nil, nil, err
	}
	good := &lastGoods{recorder: kept}
	keeper, err := evidence.New(evidence.Config{
		Folder: a.runsFolder(), TargetFile: targetFile, PlanFile: planFile, CAFile: loaded.TLS.CAFile, Secrets: loaded.Secrets, LastGood: good.of,
	})
	if err != nil {
		return nil, nil, unknownError(err)
	}
	probing, err := monitor.New(monitor.Config{
		Target: loaded.Name, Checkpoint: enrolment.Checkpoint, Entries: entries, Journal: good, Evidence: keeper, Registry: registry, Log: a.log,
	})
	if err != nil {
		return nil, nil, unknownError(err)
	}
	sending := sender.New(sender.Config{
		Checkpoint: enrolment.Checkpoint, Target: loaded.Name, URL: enrolment.URL, Buffer: kept,
		Client:   &http.Client{Transport: &http.Transport{TLSClientConfig: secured, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}},
		Interval: func(probe string) time.Duration { return intervals[probe] }, Plan: planned.Checksum(all), Log: a.log,
	})
	a.log.Info("probing", "checkpoint", enrolment.Checkpoint, "target", loaded.Name, "probes", len(entries), "central", enrolment.URL)
	return probing, sending, nil
}

// probeAndSend runs until ctx ends. The sender ends last: it sends what the last
// runs found.
func probeAndSend(ctx context.Context, probing *monitor.Monitor, sending *sender.Sender) {
	stopped, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { sending.Run(stopped) })
	probing.Run(ctx)
	stop()
	running.Wait()
}
