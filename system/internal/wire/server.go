package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// MaxBody bounds what a service reads of one request, unless it says more.
	MaxBody = 64 << 10

	// lameDuck is how long a stopping service still serves while its
	// /lb-check already says no, so that balancers move away first.
	lameDuck = 700 * time.Millisecond
	// shutdownLimit is for requests in flight after that. Together they stay
	// below the two seconds a supervisor waits before it kills.
	shutdownLimit = 1100 * time.Millisecond
)

// Server is one listener with what it serves.
type Server struct {
	Name    string
	Address string
	TLS     *tls.Config
	Handler http.Handler
	// MaxBody bounds a request in bytes; the constant when zero. Endpoints may
	// bound theirs further.
	MaxBody int64
}

// Serve runs servers until ctx ends or one of them breaks. When ctx ends it
// calls drain, lets balancers notice, finishes what is in flight and returns
// nil; all of it takes less than two seconds.
func Serve(ctx context.Context, log *slog.Logger, drain func(), servers ...Server) error {
	spareCPU()
	group, groupCtx := errgroup.WithContext(ctx)
	running := make([]*http.Server, 0, len(servers))
	closeAll := func() {
		for _, server := range running {
			if err := server.Close(); err != nil {
				log.Warn("close listener", "error", err)
			}
		}
	}
	for _, spec := range servers {
		config := listenConfig()
		listener, err := config.Listen(ctx, "tcp", spec.Address)
		if err != nil {
			closeAll()
			return fmt.Errorf("listen for %s: %w", spec.Name, err)
		}
		server := newServer(spec, log)
		running = append(running, server)
		group.Go(func() error { return serve(server, listener, spec.Name) })
		log.Info("listening", "listener", spec.Name, "address", listener.Addr().String())
	}
	group.Go(func() error {
		<-groupCtx.Done()
		drain()
		if ctx.Err() == nil { // a listener broke: there is nothing to wait for
			closeAll()
			return nil
		}
		time.Sleep(lameDuck)
		return shutdown(running)
	})
	return group.Wait()
}

func newServer(spec Server, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(spec.Handler, cmp.Or(spec.MaxBody, MaxBody)),
		TLSConfig:         spec.TLS.Clone(), // the server adds to it, and listeners share it
		ReadHeaderTimeout: 2 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		Protocols:         protocols(),
		// Handshakes that fail are the peers' business and come in floods.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// protocols is HTTP/1.1 alone. Our callers are a balancer and each other, who
// keep connections; there, HTTP/2 costs a login half as much CPU time again,
// most of it for a goroutine with a new stack for every request.
func protocols() *http.Protocols {
	only := &http.Protocols{}
	only.SetHTTP1(true)
	return only
}

func serve(server *http.Server, listener net.Listener, name string) error {
	err := server.ServeTLS(listener, "", "")
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", name, err)
	}
	return nil
}

func shutdown(servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownLimit)
	defer cancel()
	var group errgroup.Group
	for _, server := range servers {
		group.Go(func() error {
			err := server.Shutdown(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				return server.Close()
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return nil
}
