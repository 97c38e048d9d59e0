//go:build scale

package scale_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/journal"
	httpcheck "tocsin/probes/http"
	"tocsin/probes/journey"
	"tocsin/probes/monitor"
	"tocsin/probes/schedule"
)

// roleEnv makes this test program one of the parts of the measurement.
const roleEnv = "SCALE_ROLE"

func TestMain(m *testing.M) {
	roles := map[string]func(context.Context) error{"server": serve, "ours": probe}
	role, ok := roles[os.Getenv(roleEnv)]
	if !ok {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := role(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers as a small service does.
func serve(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"status":"UP","version":"1.2.3"}`)
	}), ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func probe(ctx context.Context) error {
	count, err := strconv.Atoi(os.Getenv("SCALE_PROBES"))
	if err != nil {
		return err
	}
	events, err := journal.Open(ctx, os.Getenv("SCALE_JOURNAL"))
	if err != nil {
		return err
	}
	entries := make([]schedule.Entry, 0, count)
	for index := range count {
		made, err := httpcheck.New(fmt.Sprintf("probe-%05d", index), "", httpcheck.Config{
			URL: fmt.Sprintf("http://%s/%d", os.Getenv("SCALE_SERVER"), index),
		}, journey.Config{Target: "scale"})
		if err != nil {
			return err
		}
		entries = append(entries, schedule.Entry{Probe: made, Interval: 10 * time.Second})
	}
	monitoring, err := monitor.New(monitor.Config{
		Target: "scale", Checkpoint: "here", Entries: entries, Journal: events, Registry: prometheus.NewRegistry(),
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	if path := os.Getenv("SCALE_PROFILE"); path != "" {
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	monitoring.Run(ctx)
	if path := os.Getenv("SCALE_HEAP"); path != "" {
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := pprof.Lookup("allocs").WriteTo(file, 0); err != nil {
			return err
		}
	}
	return events.Close()
}
