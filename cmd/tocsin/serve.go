package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/journal"
	"tocsin/internal/telemetry"
)

type serveOptions struct {
	listen     string
	checkpoint string
	interval   time.Duration
	decideAt   []string
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
	flags.StringSliceVar(&options.decideAt, "decide-at", nil, "let whoever reaches the console under one of these host `NAMES` approve pictures of pages; without it, only a console at a loopback address takes decisions")
	options.gathering.flags(flags)
	return command
}

// serve runs until ctx ends, then lets requests and runs under way finish.
func (a *app) serve(ctx context.Context, options serveOptions) (err error) {
	if options.interval != 0 && options.interval < time.Second {
		return usageError(fmt.Errorf("interval %s is shorter than a second: it would be load, not probing (see tocsin load)", options.interval))
	}
	pages := newGallery(a.stateDir)
	first, err := a.loadConfiguration(pages, options.interval)
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
	started := map[string]any{"listen": listener.Addr().String(), "target": first.target.Name, "version": telemetry.Version}
	if _, err := events.AppendValue(ctx, journal.KindConsoleStarted, "", "", started); err != nil {
		return errors.Join(unknownError(err), listener.Close())
	}
	pages.events = events
	made := &daemon{app: a, events: events, past: past, gallery: pages, options: options}
	made.now.set(first)
	if err := made.build(ctx); err != nil {
		return errors.Join(exitOr3(err), listener.Close())
	}
	a.log.Info("serving", "console", "http://"+listener.Addr().String()+"/", "target", first.target.Name, "probes", len(first.all()))
	return a.savingMemory(ctx, func() error { return serveUntil(ctx, listener, made.handler(), a.keepHistory(past, made.run)) })
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
