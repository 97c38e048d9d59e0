package browser

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// TabOptions say how a tab reaches its target.
type TabOptions struct {
	// Roots to trust; nil for those of the machine.
	Roots *x509.CertPool
	// ConnectTo dials another host:port than the one an address names.
	ConnectTo map[string]string
	// Mark puts headers on each request of the page; nil for none.
	Mark func(http.Header)
	// Wrap watches or answers the requests that would go to the target; nil for
	// nobody. What it returns is used by several goroutines.
	Wrap func(http.RoundTripper) http.RoundTripper
	// MaxBytes is how much the page may fetch. Default 256 MiB.
	MaxBytes int64
}

// Tab is one tab that shares neither cookies, cache nor connections with any
// other. Nothing that its page does waits for a person: dialogs are dismissed,
// downloads denied, and further windows closed; see Tab.Notes.
type Tab struct {
	browser *Browser
	relay   *relay
	ctx     context.Context
	close   context.CancelFunc
	crashed atomic.Bool

	mu       sync.Mutex
	notes    []string
	handling sync.WaitGroup
}

// openTimeout bounds opening a tab, and closing takes no longer.
const openTimeout = 30 * time.Second

// Open opens a tab. Close must follow. It lives until then, whatever becomes of
// ctx; see Within.
func (b *Browser) Open(ctx context.Context, options TabOptions) (*Tab, error) {
	if options.MaxBytes == 0 {
		options.MaxBytes = 256 << 20
	}
	relay, err := startRelay(ctx, b.identity, b.options.Log, options)
	if err != nil {
		return nil, err
	}
	tab := &Tab{browser: b, relay: relay}
	tab.ctx, tab.close = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(func(params *target.CreateBrowserContextParams) {
		params.ProxyServer, params.ProxyBypassList = relay.address(), everything
	}))
	limit := time.AfterFunc(openTimeout, tab.close)
	unhook := context.AfterFunc(ctx, tab.close)
	err = chromedp.Do(tab.ctx, chromedp.Func(tab.prepare))
	if (!limit.Stop() || !unhook()) && err == nil {
		err = tab.ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("open tab: %w", tab.Explain(err))
		if ctx.Err() != nil {
			err = fmt.Errorf("open tab: %w", context.Cause(ctx))
		}
		return nil, errors.Join(err, tab.Close())
	}
	return tab, nil
}

// prepare sees to it that nothing the page does waits for a person.
func (t *Tab) prepare(ctx context.Context, tab *chromedp.Target) error {
	if err := chromedp.Listen(t.ctx, t.heard); err != nil {
		return fmt.Errorf("listen to tab: %w", err)
	}
	id := chromedp.FromContext(t.ctx).BrowserContextID
	_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorDeny, BrowserContextID: id,
	})
	if err != nil {
		return fmt.Errorf("deny downloads: %w", err)
	}
	if _, err := cdp.Call(ctx, tab, page.SetInterceptFileChooserDialog, page.SetInterceptFileChooserDialogParams{Enabled: true}); err != nil {
		return fmt.Errorf("deny file dialogs: %w", err)
	}
	return nil
}

// heard handles events of the tab. It must not wait: what needs a command goes
// to a goroutine.
func (t *Tab) heard(event any) {
	switch event := event.(type) {
	case *inspector.EventTargetCrashed:
		t.crashed.Store(true)
		t.handle(t.cancel)
	case *page.EventJavascriptDialogOpening:
		t.Note("dialog %q dismissed: %s", event.Type, event.Message)
		// Leaving a page is what was asked for; to anything else the answer is no.
		accept := event.Type == page.DialogTypeBeforeunload
		t.handle(func() {
			// The dialog may be gone with its page.
			_, _ = chromedp.Call(t.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: accept})
		})
	case *browser.EventDownloadWillBegin:
		t.Note("download of %s denied", WithoutQuery(event.URL))
	case *page.EventFileChooserOpened:
		t.Note("file dialog not opened")
	case *target.EventTargetCreated:
		t.opened(event.TargetInfo)
	}
}

// opened closes a window that the page opens.
func (t *Tab) opened(info *target.Info) {
	own := chromedp.FromContext(t.ctx)
	if info.Type != "page" || info.BrowserContextID != own.BrowserContextID || own.Target == nil || info.TargetID == own.Target.TargetID {
		return
	}
	t.Note("window with %s closed", WithoutQuery(info.URL))
	t.handle(func() {
		// It may have closed itself.
		_, _ = chromedp.CallBrowser(t.ctx, target.CloseTarget, target.CloseTargetParams{TargetID: info.TargetID})
	})
}

// maxHandling bounds how much of what a page does is handled at once.
const maxHandling = 100

func (t *Tab) handle(act func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.notes) > maxHandling || t.ctx.Err() != nil {
		return
	}
	t.handling.Go(act)
}

// cancel ends the tab's context, without waiting for the tab to be closed.
func (t *Tab) cancel() { t.close() }

// Note remembers what was unusual about the page.
func (t *Tab) Note(format string, values ...any) {
	const longest = 300
	text := []rune(fmt.Sprintf(format, values...))
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.notes) <= maxHandling {
		t.notes = append(t.notes, string(text[:min(len(text), longest)]))
	}
}

// Notes are what the page did that a person would have had to answer.
func (t *Tab) Notes() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.notes)
}

// Traffic of the tab.
func (t *Tab) Traffic() *Traffic { return &t.relay.traffic }

// Within is the context to run chromedp actions of the tab with: it ends with
// the tab and with ctx.
func (t *Tab) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	bounded, cancel := context.WithCancelCause(t.ctx)
	stop := context.AfterFunc(ctx, func() {
		// A deadline is kept below, where it is told from being stopped.
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			cancel(context.Cause(ctx))
		}
	})
	done := func() { stop(); cancel(nil) }
	deadline, ok := ctx.Deadline()
	if !ok {
		return bounded, done
	}
	timed, release := context.WithDeadline(bounded, deadline)
	return timed, func() { release(); done() }
}

// Explain says why an action failed: when the browser or the page has crashed,
// or used too much, that is why.
func (t *Tab) Explain(err error) error {
	if err == nil {
		return nil
	}
	if fault := t.browser.fault.Load(); fault != nil {
		return *fault
	}
	switch {
	case t.crashed.Load():
		return fmt.Errorf("%w: the process that renders the page ended", ErrCrashed)
	case t.gone(err):
		return fmt.Errorf("%w: %w", ErrCrashed, briefly(err))
	case t.relay.traffic.TooMuch():
		return fmt.Errorf("%w: more than %d MiB", ErrTooMuch, t.relay.limit>>20)
	}
	return err
}

// gone reports an error of a browser whose process has ended. The call that loses
// its connection may know it before the browser's context does, which is waited
// for: whoever asks next must not be given a browser that is dead.
func (t *Tab) gone(err error) bool {
	var exited *exec.ExitError
	told := errors.As(err, &exited)
	if !told && (!errors.Is(err, context.Canceled) || t.ctx.Err() != nil) {
		return !t.browser.Alive()
	}
	limit := lossTimeout
	if told {
		limit *= 10
	}
	select {
	case <-t.browser.ctx.Done():
		return true
	case <-time.After(limit):
		return told
	}
}

// lossTimeout is how long a process may take to be known as ended once the
// connection to it is lost.
const lossTimeout = 500 * time.Millisecond

// Close closes the tab, waits until it is gone and forgets its cookies.
func (t *Tab) Close() error {
	t.dispose()
	t.close()
	t.handling.Wait()
	return t.relay.close()
}

// dispose ends the tab with all that it opened, which is quicker than to close
// it first. When it fails the tab is closed all the same.
func (t *Tab) dispose() {
	id := chromedp.FromContext(t.ctx).BrowserContextID
	if id == "" || t.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(t.ctx, disposeTimeout)
	defer cancel()
	if _, err := chromedp.CallBrowser(ctx, target.DisposeBrowserContext, target.DisposeBrowserContextParams{BrowserContextID: id}); err != nil {
		t.browser.options.Log.Debug("tab is not disposed of", "error", err)
	}
}

const disposeTimeout = 5 * time.Second
