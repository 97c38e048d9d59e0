// Package host runs an authenticator plug-in as a child process and is, towards
// the provider, the authenticator. It starts nothing but the executable whose
// digest the configuration names, gives it an empty environment and a socket in
// a private folder, ends it with the provider, and starts it again when it dies
// or stops answering. A call that fails says nothing about a person: only the
// plug-in's own word is a verdict.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/system/authenticator"
)

// Host is a running plug-in.
type Host struct {
	config Config
	log    *slog.Logger
	folder string

	stop     context.CancelFunc
	ended    chan struct{}
	restarts atomic.Uint64

	mu sync.Mutex
	// current is nil while the plug-in is down; changed is closed whenever
	// current changes. why is the last reason for being down.
	current *instance
	changed chan struct{}
	why     error
}

var _ authenticator.Authenticator = (*Host)(nil)

// errStarting is the reason for being down before the first start.
var errStarting = errors.New("plug-in is starting")

// Start starts the plug-in and returns when it has introduced itself. It fails
// for a wrong digest, name or version, and for one that does not come up; after
// it has succeeded once, starting is tried again for as long as it takes.
func Start(ctx context.Context, config Config, log *slog.Logger) (*Host, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	config = config.defaults()
	folder, err := os.MkdirTemp(config.Folder, "plugin-") // made with mode 0700
	if err != nil {
		return nil, fmt.Errorf("make folder for plug-in: %w", err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	h := &Host{
		config: config, log: log.With("plugin", config.Name), folder: folder, stop: stop,
		ended: make(chan struct{}), changed: make(chan struct{}), why: errStarting,
	}
	first := make(chan error, 1)
	go h.supervise(running, first)
	select {
	case err = <-first:
	case <-ctx.Done():
		err = fmt.Errorf("start plug-in: %w", ctx.Err())
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Close ends the plug-in and returns when it has ended.
func (h *Host) Close() error {
	h.stop()
	<-h.ended
	if err := os.RemoveAll(h.folder); err != nil {
		return fmt.Errorf("remove folder of plug-in: %w", err)
	}
	return nil
}

// Check fails when the plug-in is down, or says that it is not well.
func (h *Host) Check(ctx context.Context) error {
	running, _ := h.state()
	if running == nil {
		return fmt.Errorf("authenticator plug-in is down: %w", h.reason())
	}
	ctx, cancel := context.WithTimeout(ctx, h.config.CallTimeout)
	defer cancel()
	if err := running.health(ctx); err != nil {
		return fmt.Errorf("authenticator plug-in is not well: %w", err)
	}
	return nil
}

// Factors returns what the plug-in can check, none while it is down.
func (h *Host) Factors() []authenticator.Factor {
	if running, _ := h.state(); running != nil {
		return running.factors
	}
	return nil
}

// Restarts returns how often the plug-in was started again.
func (h *Host) Restarts() uint64 { return h.restarts.Load() }

func (h *Host) state() (running *instance, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.current, h.changed
}

// reason returns why the plug-in is down.
func (h *Host) reason() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.why
}

func (h *Host) set(running *instance, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current, h.why = running, why
	close(h.changed)
	h.changed = make(chan struct{})
}

// ready returns the running instance, and waits for one that is being
// restarted: a moment's wait is better than a failed login.
func (h *Host) ready(ctx context.Context, not *instance) (*instance, error) {
	for {
		running, changed := h.state()
		if running != nil && running != not {
			return running, nil
		}
		select {
		case <-changed:
		case <-h.ended:
			return nil, errors.New("plug-in host is closed")
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for plug-in: %w", errors.Join(ctx.Err(), h.reason()))
		}
	}
}

const (
	// firstPause is how long the second start waits, maxPause the longest.
	firstPause = 20 * time.Millisecond
	maxPause   = 5 * time.Second
	// settled is how long a plug-in runs before its death counts as the first.
	settled = 10 * time.Second
)
