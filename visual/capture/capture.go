package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"tocsin/internal/browser"
)

// What is the same for every picture, because it would change the pixels. The
// height is the least one: a longer page is pictured whole.
const (
	Width     = 1280
	Height    = 800
	MaxHeight = 10000
	Scale     = 1
	Locale    = "en-US"
	Timezone  = "UTC"
)

// DefaultDeadline bounds one capture, from the first request to the picture.
const DefaultDeadline = 30 * time.Second

// Request asks for one picture.
type Request struct {
	// URL to open; redirects are followed.
	URL string
	// Network is how the page reaches its target.
	Network browser.TabOptions
	// Masks are CSS selectors of what may differ, like a clock. It is covered.
	Masks []string
	// Deadline bounds the capture; 0 stands for DefaultDeadline.
	Deadline time.Duration
}

// Shot is a picture of a settled page.
type Shot struct {
	// PNG is the picture; nil for an error status without a page.
	PNG []byte
	// URL is where the redirects ended, and Status its HTTP status.
	URL    string
	Status int
	// Documents are the redirects and the page, in order.
	Documents []browser.Exchange
	// Broken are parts of the page, like a stylesheet, that did not load.
	Broken []browser.Exchange
	// Rounds is how often the page was looked at until it stood still.
	Rounds int
}

// Take opens a page in a fresh tab, without cookies or cache, waits until it has
// settled and takes its picture. A page with any HTTP status is pictured: what
// it means is for the caller to say. The error is a *browser.UnreachableError,
// wraps ErrUnsettled, or is a fault of our own.
func Take(ctx context.Context, in *browser.Browser, request Request) (_ *Shot, err error) {
	if request.Deadline == 0 {
		request.Deadline = DefaultDeadline
	}
	bounded, cancel := context.WithTimeout(ctx, request.Deadline)
	defer cancel()
	tab, err := in.Open(bounded, request.Network)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tab.Close()) }()
	shot, err := take(bounded, tab, request)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("capture page: %w", context.Cause(ctx))
	}
	return shot, tab.Explain(err)
}

func take(ctx context.Context, tab *browser.Tab, request Request) (*Shot, error) {
	ctx, done := tab.Within(ctx)
	defer done()
	if err := chromedp.Do(ctx, emulate(Height)); err != nil {
		return nil, fmt.Errorf("prepare tab: %w", err)
	}
	landed, err := tab.Navigate(ctx, request.URL)
	if err != nil {
		return nil, err
	}
	shot := &Shot{URL: landed.URL, Status: landed.Status}
	if !landed.Empty {
		settler := settler{traffic: tab.Traffic(), masks: request.Masks}
		if shot.PNG, err = settler.settle(ctx); err != nil {
			return nil, err
		}
		shot.Rounds = settler.rounds
	}
	shot.Documents, shot.Broken = tab.Traffic().Summary()
	return shot, nil
}

// emulate sets what a page can see of the machine.
func emulate(height int64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: Width, Height: height, DeviceScaleFactor: Scale,
		})
		if err != nil {
			return fmt.Errorf("set viewport: %w", err)
		}
		if _, err := cdp.Call(ctx, tab, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: Timezone}); err != nil {
			return fmt.Errorf("set time zone: %w", err)
		}
		if _, err := cdp.Call(ctx, tab, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
			return fmt.Errorf("give the tab the focus: %w", err)
		}
		return nil
	})
}

func screenshot(ctx context.Context, tab *chromedp.Target) ([]byte, error) {
	taken, err := cdp.Call(ctx, tab, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
	return taken.Data, err
}
