// Package plugin serves an authenticator.Authenticator to the provider: what
// an author of a plug-in in Go uses. The README says what a plug-in in another
// language has to answer.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"tocsin/system/authenticator"
)

// Info is what a plug-in says of itself.
type Info struct {
	// Name has to be the one in the provider's configuration.
	Name string
	// Factors that the plug-in can check.
	Factors []authenticator.Factor
}

// Healthy is what an authenticator may implement in addition: Health fails
// while it cannot answer, and the provider then says that it is not ready. A
// plug-in that reports bad health is not restarted; one that reports none is.
type Healthy interface {
	Health(ctx context.Context) error
}

// shutdownGrace is how long calls may take to end after ctx has.
const shutdownGrace = time.Second

// Serve answers the provider on the Unix socket at path until ctx ends.
func Serve(ctx context.Context, path string, info Info, a authenticator.Authenticator, logger *slog.Logger) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listen for the provider: %w", err)
	}
	// The folder is closed to others already; this is for whoever opens it.
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("protect socket: %w", err), listener.Close())
	}
	server := &http.Server{
		Handler:           Handler(info, a, logger),
		ReadHeaderTimeout: 5 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          log.New(logWriter{logger}, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the provider: %w", err)
	case <-ctx.Done():
	}
	// A new context: the one that ended would not let calls finish.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		return errors.Join(fmt.Errorf("end calls: %w", err), server.Close())
	}
	return nil
}

// WhileOpen returns a context that ends when input does. The provider holds
// the other end of a plug-in's standard input and writes nothing, so input ends
// when the provider does, however it died.
func WhileOpen(ctx context.Context, input io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		var buffer [512]byte
		for {
			if _, err := input.Read(buffer[:]); err != nil {
				return
			}
		}
	}()
	return ctx, cancel
}

type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(line []byte) (int, error) {
	w.log.Warn("serving the provider", "problem", string(line))
	return len(line), nil
}
