package browser

import (
	"os/exec"

	"github.com/chromedp/chromedp"
)

// nowhere is the proxy of all that belongs to no tab, such as what Chromium
// itself would like to fetch: nobody listens there. A tab has a proxy of its
// own.
const nowhere = "127.0.0.1:9"

// flags start a Chromium that talks to its tabs' relays only, and draws the
// same on each machine with the same fonts. chromedp speaks with it through a
// pipe, so no port is open, and adds --no-sandbox only for root, who cannot
// have a sandbox.
func (b *Browser) flags() []chromedp.ExecAllocatorOption {
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(b.options.Path),
		// Chromium keeps sockets in TMPDIR and does not remove them when it is
		// killed.
		chromedp.Env("TMPDIR=" + b.scratch.folder),
		chromedp.UserDataDir(b.scratch.profile()),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) { b.group.lead(cmd) }),
		chromedp.Headless,
		chromedp.Flag("proxy-server", nowhere),
		chromedp.Flag("proxy-bypass-list", everything),
		chromedp.Flag("ignore-certificate-errors-spki-list", b.identity.spki),
		// A page takes over the process of the empty one before it, and no spare one
		// is started. Pages of other sites get processes of their own all the same.
		chromedp.Flag("renderer-process-limit", "1"),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("force-device-scale-factor", "1"),
		chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("lang", b.options.Language),
		chromedp.Flag("accept-lang", b.options.Language),
		chromedp.Flag("password-store", "basic"),
		chromedp.Flag("js-flags", "--max-old-space-size=1024"),
		// Animated pictures show their first frame (ImageAnimationPolicy of
		// Chromium's settings).
		chromedp.Flag("blink-settings", "imageAnimationPolicy=2"),
		// The last two start pages of their own beside every window, for the popup
		// of an address bar that nobody sees.
		chromedp.Flag("disable-features", "Translate,PaintHolding,OptimizationHints,MediaRouter,DialMediaRouteProvider,AutofillServerCommunication,WebUIOmniboxPopup,WebUIOmniboxAimPopup"),
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

// everything is the list of what does not bypass a proxy: without it, Chromium
// goes to loopback addresses directly.
const everything = "<-loopback>"
