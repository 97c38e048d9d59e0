package capture

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// EnvBrowser names the environment variable with the path of the browser.
const EnvBrowser = "TOCSIN_CHROMIUM"

// Find returns the path of the machine's Chromium. Its error wraps
// ErrNoBrowser and says how to install one.
func Find() (string, error) {
	if path := os.Getenv(EnvBrowser); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("%w: %s=%s: %w", ErrNoBrowser, EnvBrowser, path, err)
		}
		return found, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w: install it with: sudo apt-get install chromium fontconfig (or name one in %s)", ErrNoBrowser, EnvBrowser)
}

// Options say how a browser reaches the target.
type Options struct {
	// Path of the browser; empty to Find it.
	Path string
	// Roots to trust; nil for those of the machine.
	Roots *x509.CertPool
	// Mark puts headers on each request of the page; nil for none.
	Mark func(http.Header)
	// Log gets what is of interest when a capture is debugged; nil for nobody.
	Log *slog.Logger
}

// Browser is a running Chromium with a profile of its own. It takes one
// picture at a time.
type Browser struct {
	version string
	ctx     context.Context // chromedp keeps its browser in a context
	stop    context.CancelFunc
	scratch string // holds all that Chromium writes
	relay   *relay
	taking  sync.Mutex
}

// Start starts Chromium. Close has to be called even when ctx has ended.
func Start(ctx context.Context, options Options) (*Browser, error) {
	if options.Path == "" {
		path, err := Find()
		if err != nil {
			return nil, err
		}
		options.Path = path
	}
	if options.Mark == nil {
		options.Mark = func(http.Header) {}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	scratch, err := scratchFolder()
	if err != nil {
		return nil, err
	}
	relay, err := startRelay(ctx, options)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(scratch))
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(ctx, flags(options.Path, scratch, relay)...)
	browserCtx, stopBrowser := chromedp.NewContext(allocator)
	started := &Browser{ctx: browserCtx, scratch: scratch, relay: relay, stop: func() { stopBrowser(); stopAllocator() }}
	if started.version, err = chromedp.Run(browserCtx, product); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", options.Path, briefly(err)), started.Close())
	}
	return started, nil
}

// scratchFolder makes a folder for all that Chromium writes. Chromium puts a
// socket into it, whose path may have 108 bytes: a long TMPDIR will not do.
func scratchFolder() (string, error) {
	const longest = 32
	parent := os.TempDir()
	if len(parent) > longest {
		parent = "/tmp"
	}
	folder, err := os.MkdirTemp(parent, "tocsin-chromium-")
	if err != nil {
		return "", fmt.Errorf("make folder for Chromium: %w", err)
	}
	return folder, nil
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

// Close ends the browser and waits until its processes and files are gone.
func (b *Browser) Close() error {
	b.stop()
	err := b.relay.close()
	if removed := os.RemoveAll(b.scratch); removed != nil {
		err = errors.Join(err, fmt.Errorf("remove files of Chromium: %w", removed))
	}
	return err
}

// flags start a Chromium that talks to the relay only, and draws the same on
// each machine with the same fonts. chromedp adds --no-sandbox only for root,
// who cannot have a sandbox.
func flags(path, scratch string, relay *relay) []chromedp.ExecAllocatorOption {
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		// Chromium keeps sockets in TMPDIR and does not remove them when it is
		// killed.
		chromedp.Env("TMPDIR=" + scratch),
		chromedp.UserDataDir(filepath.Join(scratch, "profile")),
		chromedp.Headless,
		chromedp.Flag("proxy-server", relay.address()),
		// Without this, Chromium goes to loopback addresses directly.
		chromedp.Flag("proxy-bypass-list", "<-loopback>"),
		chromedp.Flag("ignore-certificate-errors-spki-list", relay.identity.spki),
		chromedp.Flag("window-size", fmt.Sprintf("%d,%d", Width, Height)),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("force-device-scale-factor", "1"),
		chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("lang", Locale),
		chromedp.Flag("accept-lang", Locale),
		chromedp.Flag("password-store", "basic"),
		chromedp.Flag("disable-features", "Translate,PaintHolding,OptimizationHints,MediaRouter,DialMediaRouteProvider,AutofillServerCommunication"),
	}
	for _, name := range []string{
		"no-first-run", "no-default-browser-check", "no-pings", "mute-audio", "hide-scrollbars", "use-mock-keychain",
		"disable-gpu", "disable-lcd-text", "disable-quic", "disable-dev-shm-usage", "disable-sync", "disable-extensions",
		"disable-background-networking", "disable-component-update", "disable-default-apps", "disable-breakpad",
		"disable-client-side-phishing-detection", "disable-domain-reliability", "disable-field-trial-config",
		"disable-background-timer-throttling", "disable-backgrounding-occluded-windows", "disable-renderer-backgrounding",
		"disable-hang-monitor", "disable-popup-blocking", "metrics-recording-only",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	return options
}
