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

// gather makes the parts of serve that several checkpoints need. Without any,
// results are recorded as they are.
func (s served) gather(ctx context.Context, registry *prometheus.Registry, intervals map[string]time.Duration) (*gathering, error) {
	planned, err := s.app.loadPlan(s.target, s.options.interval)
	if err != nil {
		return nil, err
	}
	g := &gathering{recorder: s.events, log: s.app.log}
	if agreed := planned.Quorum(); agreed != nil {
		if err := s.checkQuorum(*agreed); err != nil {
			return nil, err
		}
		g.watch, err = outage.New(ctx, outage.Config{
			Quorum: *agreed, Target: s.target.Name, Local: s.options.checkpoint, Journal: s.events, Registry: registry, Log: s.app.log,
		})
		if err != nil {
			return nil, err
		}
		g.recorder = outage.Recorder{Journal: s.events, Watch: g.watch, Interval: func(probe string) time.Duration { return intervals[probe] }}
	}
	if s.options.gathering.listen == "" {
		return g, nil
	}
	return g, g.receive(ctx, s, registry, planned.Checksum(s.entries))
}

// checkQuorum refuses a quorum that can never come together.
func (s served) checkQuorum(agreed quorum.Config) error {
	others := slices.DeleteFunc(slices.Clone(agreed.Checkpoints), func(name string) bool { return name == s.options.checkpoint })
	if s.options.gathering.listen == "" && len(agreed.Checkpoints)-len(others) < agreed.Agree {
		return usageError(fmt.Errorf("the quorum of the plan needs %d of %s, and nobody listens for them: add --checkpoints ADDRESS, and --checkpoint NAME if this Tocsin is one of them",
			agreed.Agree, strings.Join(agreed.Checkpoints, ", ")))
	}
	return nil
}

// receive opens the port for checkpoints.
func (g *gathering) receive(ctx context.Context, s served, registry *prometheus.Registry, checksum string) error {
	authority := s.app.authority(s.options.gathering.keys)
	secured, err := authority.TLS()
	if err != nil {
		return usageError(err)
	}
	deliver := func(receiver.Delivered) {}
	if g.watch != nil {
		deliver = func(d receiver.Delivered) { g.watch.Cast(d.Checkpoint, d.Result, d.Started, d.Known, d.Interval) }
	}
	handler, err := receiver.New(ctx, receiver.Config{
		Target: s.target.Name, Journal: s.events, Admit: authority.Admit, Plan: func() string { return checksum },
		Enrolled: func() ([]string, error) { return enrolledNames(authority) },
		Deliver:  deliver, Registry: registry, Log: s.app.log,
	})
	if err != nil {
		return err
	}
	g.listener, err = net.Listen("tcp", s.options.gathering.listen)
	if err != nil {
		return usageError(fmt.Errorf("listen for checkpoints at %s: %w", s.options.gathering.listen, err))
	}
	g.server = &http.Server{
		Handler: handler, TLSConfig: secured, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.app.log.Handler(), slog.LevelWarn),
	}
	s.app.log.Info("listening for checkpoints", "address", g.listener.Addr().String(), "keys", authority.Folder)
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
	if g.watch != nil {
		// It outlives the probes, so that what their last runs change is told.
		running.Go(func() { g.watch.Run(stopped) })
	}
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
