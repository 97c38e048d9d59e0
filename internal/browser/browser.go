package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// Options of a browser.
type Options struct {
	// Path of the browser; empty to Find it.
	Path string
	// Language of pages and of the browser, such as en-US. Default en-US.
	Language string
	// MaxMemory is how many bytes all its processes may use together. A page
	// that makes it use more ends it with ErrMemory. Default 2 GiB.
	MaxMemory int64
	// StartTimeout bounds the start. Default 45 s: a busy machine takes ten.
	StartTimeout time.Duration
	// Log gets what is of interest when something is debugged; nil for nobody.
	Log *slog.Logger
}

func (o *Options) defaults() {
	if o.Language == "" {
		o.Language = "en-US"
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = 2 << 30
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = 45 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Browser is a running Chromium with a profile of its own. It is safe for
// concurrent use.
type Browser struct {
	options  Options
	version  string
	identity identity
	ctx      context.Context // chromedp keeps its browser in a context
	stop     context.CancelFunc
	scratch  *scratch // holds all that Chromium writes
	group    *group

	guarding sync.WaitGroup
	// fault is why the browser was ended from here; nil while it was not.
	fault atomic.Pointer[error]
}

// Start starts Chromium. Close has to be called even when ctx has ended, which
// ends the browser. An error that is no fault of the caller wraps ErrMissing or
// ErrCrashed.
func Start(ctx context.Context, options Options) (*Browser, error) {
	options.defaults()
	if options.Path == "" {
		path, err := Find()
		if err != nil {
			return nil, err
		}
		options.Path = path
	}
	identity, err := newIdentity(time.Now())
	if err != nil {
		return nil, err
	}
	scratch, err := newScratch()
	if err != nil {
		return nil, err
	}
	started := &Browser{options: options, identity: identity, scratch: scratch, group: &group{}}
	allocator, stopAllocator := chromedp.NewExecAllocator(ctx, started.flags()...)
	browserCtx, stopBrowser := chromedp.NewContext(allocator)
	started.ctx, started.stop = browserCtx, func() { stopBrowser(); stopAllocator() }
	// The life of a browser is that of the context it is started with, so the
	// limit is a way to end that one.
	limit := time.AfterFunc(options.StartTimeout, stopBrowser)
	started.version, err = chromedp.Run(browserCtx, product)
	started.group.led()
	if !limit.Stop() {
		err = fmt.Errorf("not within %s", options.StartTimeout)
	}
	if err != nil {
		err = fmt.Errorf("%w: %s does not start: %w", ErrCrashed, options.Path, briefly(err))
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, errors.Join(err, started.Close())
	}
	started.guarding.Go(started.guard)
	return started, nil
}

// briefly reduces all that a Chromium wrote before it died to its last words.
func briefly(err error) error {
	for line := range strings.Lines(err.Error()) {
		if strings.Contains(line, ":FATAL:") {
			return errors.New(strings.TrimSpace(line))
		}
	}
	if first, rest, several := strings.Cut(err.Error(), "\n"); several {
		return fmt.Errorf("%s %s", first, strings.Join(strings.Fields(rest), " "))
	}
	return err
}

// product asks the browser for its name and version.
func product(ctx context.Context, tab *chromedp.Target) (string, error) {
	version, err := cdp.Call(ctx, tab, browser.GetVersion, cdp.Empty{})
	return version.Product, err
}

// Version is the name and version of the browser, like Chrome/140.0.1.2. A
// headless one renders as the other does.
func (b *Browser) Version() string { return strings.Replace(b.version, "Headless", "", 1) }

// Alive reports whether the browser still runs.
func (b *Browser) Alive() bool { return b.ctx.Err() == nil }

// Close ends the browser and waits until its processes and files are gone. It
// takes a few seconds at most.
func (b *Browser) Close() error {
	b.stop()
	b.guarding.Wait()
	err := b.group.end()
	if removed := b.scratch.remove(); removed != nil {
		err = errors.Join(err, removed)
	}
	return err
}

// guard ends the browser when it uses too much memory.
func (b *Browser) guard() {
	ticks := time.NewTicker(guardPause)
	defer ticks.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-ticks.C:
		}
		used, err := b.group.memory()
		if err != nil {
			b.options.Log.Debug("memory of the browser is not known", "error", err)
			continue
		}
		if used > b.options.MaxMemory {
			fault := fmt.Errorf("%w: %d MiB, more than the %d MiB that it may", ErrMemory, used>>20, b.options.MaxMemory>>20)
			b.fault.Store(&fault)
			b.group.kill()
			return
		}
	}
}

// guardPause is how often the memory is looked at.
const guardPause = 300 * time.Millisecond
