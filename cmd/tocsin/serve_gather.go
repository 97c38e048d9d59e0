package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"tocsin/probes/checkpoint/keys"
	"tocsin/probes/checkpoint/receiver"
	"tocsin/probes/monitor"
	"tocsin/probes/outage"
	"tocsin/probes/quorum"
)

// gatheringOptions are the flags of serve about checkpoints.
type gatheringOptions struct {
	listen string
	keys   string
}

func (o *gatheringOptions) flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.listen, "checkpoints", "", "listen for checkpoints at `ADDRESS`, such as 0.0.0.0:9465 (see tocsin checkpoint --help)")
	flags.StringVar(&o.keys, "checkpoint-keys", "", "certificates of checkpoints are in `DIR` (default: checkpoints in the state folder)")
}

// authority is the folder that tocsin checkpoint init made.
func (a *app) authority(folder string) *keys.Authority {
	if folder == "" {
		folder = filepath.Join(a.stateDir, "checkpoints")
	}
	return &keys.Authority{Folder: folder}
}

// gathering is what serve does with the results of several checkpoints.
type gathering struct {
	recorder monitor.Recorder
	watch    *outage.Watch
	server   *http.Server
	listener net.Listener
	log      *slog.Logger
}

// gather makes the parts of serve that several checkpoints need. While nobody is
// asked for a vote, results are recorded as they are.
func (d *daemon) gather(ctx context.Context, registry *prometheus.Registry) (*gathering, error) {
	first := d.now.Load()
	if err := d.checkQuorum(first.quorum()); err != nil {
		return nil, err
	}
	watch, err := outage.New(ctx, outage.Config{
		Target: first.target.Name, Local: d.options.checkpoint, Journal: d.events, Registry: registry, Log: d.app.log,
	})
	if err != nil {
		return nil, err
	}
	if err := watch.Use(ctx, first.quorum(), first.votedOn()); err != nil {
		return nil, err
	}
	g := &gathering{watch: watch, log: d.app.log}
	g.recorder = outage.Recorder{Journal: d.events, Watch: watch, Interval: func(probe string) time.Duration { return d.now.Load().intervals[probe] }}
	if d.options.gathering.listen == "" {
		return g, nil
	}
	return g, g.receive(ctx, d, registry)
}

// checkQuorum refuses a quorum that can never come together.
func (d *daemon) checkQuorum(agreed quorum.Config) error {
	others := slices.DeleteFunc(slices.Clone(agreed.Checkpoints), func(name string) bool { return name == d.options.checkpoint })
	if d.options.gathering.listen == "" && len(agreed.Checkpoints)-len(others) < agreed.Agree {
		return usageError(fmt.Errorf("the quorum of the plan needs %d of %s, and nobody listens for them: add --checkpoints ADDRESS, and --checkpoint NAME if this Tocsin is one of them",
			agreed.Agree, strings.Join(agreed.Checkpoints, ", ")))
	}
	return nil
}

// receive opens the port for checkpoints.
func (g *gathering) receive(ctx context.Context, d *daemon, registry *prometheus.Registry) error {
	authority := d.app.authority(d.options.gathering.keys)
	secured, err := authority.TLS()
	if err != nil {
		return usageError(err)
	}
	deliver := func(one receiver.Delivered) {
		g.watch.Cast(one.Checkpoint, one.Result, one.Started, one.Known, one.Interval)
	}
	checksum := func() string {
		now := d.now.Load()
		return now.planned.Checksum(now.entries)
	}
	handler, err := receiver.New(ctx, receiver.Config{
		Target: d.now.Load().target.Name, Journal: d.events, Admit: authority.Admit, Plan: checksum,
		Enrolled: func() ([]string, error) { return enrolledNames(authority) },
		Deliver:  deliver, Registry: registry, Log: d.app.log,
	})
	if err != nil {
		return err
	}
	g.listener, err = net.Listen("tcp", d.options.gathering.listen)
	if err != nil {
		return usageError(fmt.Errorf("listen for checkpoints at %s: %w", d.options.gathering.listen, err))
	}
	g.server = &http.Server{
		Handler: handler, TLSConfig: secured, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(d.app.log.Handler(), slog.LevelWarn),
	}
	d.app.log.Info("listening for checkpoints", "address", g.listener.Addr().String(), "keys", authority.Folder)
	return nil
}

func enrolledNames(authority *keys.Authority) ([]string, error) {
	all, err := authority.Enrolled()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(all))
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names, nil
}

// around runs probe, and the parts for checkpoints beside it, until ctx ends.
func (g *gathering) around(ctx context.Context, probe func(context.Context)) {
	var running sync.WaitGroup
	stopped, stop := context.WithCancel(context.WithoutCancel(ctx))
	// It outlives the probes, so that what their last runs change is told.
	running.Go(func() { g.watch.Run(stopped) })
	if g.server != nil {
		running.Go(func() {
			if err := g.server.ServeTLS(g.listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
				g.log.Error("checkpoints are not heard any more", "error", err)
			}
		})
	}
	probe(ctx)
	if g.server != nil {
		closing, cancel := context.WithTimeout(stopped, 5*time.Second)
		defer cancel()
		if err := g.server.Shutdown(closing); err != nil {
			g.log.Warn("a checkpoint was cut off; it will report again", "error", err)
		}
	}
	stop()
	running.Wait()
}
