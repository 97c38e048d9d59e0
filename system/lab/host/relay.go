package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"tocsin/system/lab/forward"
)

// relay carries connections of pods to the harness on the host: Prometheus
// scrapes it, Alertmanager rings it. Only the region can open the socket.
type relay struct {
	stop context.CancelFunc
	done chan error
}

func openRelay(path, to string) (*relay, error) {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect %s: %w", path, err), listener.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	opened := &relay{stop: stop, done: make(chan error, 1)}
	go func() {
		opened.done <- forward.To{Network: "tcp", Address: to, Log: slog.New(slog.DiscardHandler)}.Serve(ctx, listener)
	}()
	return opened, nil
}

func (r *relay) close() error {
	r.stop()
	return <-r.done
}
