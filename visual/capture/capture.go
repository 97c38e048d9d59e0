package capture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
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
	Documents []Exchange
	// Broken are parts of the page, like a stylesheet, that did not load.
	Broken []Exchange
	// Rounds is how often the page was looked at until it stood still.
	Rounds int
}

// Capture opens a page in a fresh context, without cookies or cache, waits
// until it has settled and takes its picture. A page with any HTTP status is
// pictured: what it means is for the caller to say. The error is an
// *UnreachableError, wraps ErrUnsettled, or is a fault of our own.
func (b *Browser) Capture(ctx context.Context, request Request) (*Shot, error) {
	b.taking.Lock()
	defer b.taking.Unlock()
	if request.Deadline == 0 {
		request.Deadline = DefaultDeadline
	}
	tab, closeTab := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	defer closeTab()
	if err := chromedp.Do(tab); err != nil {
		return nil, fmt.Errorf("open tab: %w", err)
	}
	// The tab belongs to the browser's context; the caller's must end it, too.
	bounded, cancel := context.WithTimeout(tab, request.Deadline)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	b.relay.traffic.reset()
	shot, err := b.take(bounded, request)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("capture page: %w", context.Cause(ctx))
	}
	return shot, err
}

func (b *Browser) take(ctx context.Context, request Request) (*Shot, error) {
	if err := chromedp.Do(ctx, emulate(Height)); err != nil {
		return nil, fmt.Errorf("prepare tab: %w", err)
	}
	response, err := chromedp.Run(ctx, chromedp.NavigateResponse(request.URL))
	shot, err := b.navigated(ctx, request.URL, response, err)
	if err != nil || shot.Status >= http.StatusBadRequest && response == nil {
		return shot, err
	}
	settler := settler{traffic: &b.relay.traffic, masks: request.Masks}
	if shot.PNG, err = settler.settle(ctx); err != nil {
		return nil, err
	}
	shot.Rounds = settler.rounds
	shot.Documents, shot.Broken = b.relay.traffic.summary()
	return shot, nil
}

// navigated says where a navigation ended. An error status without a body is
// a load error to Chromium, and a page without content to us.
func (b *Browser) navigated(ctx context.Context, asked string, response *network.Response, err error) (*Shot, error) {
	address := asked
	if response != nil {
		address = response.URL
	}
	if exchange, ok := b.relay.traffic.failure(address); ok {
		return nil, &UnreachableError{URL: exchange.URL, Err: exchange.err}
	}
	if err == nil && response != nil {
		return &Shot{URL: response.URL, Status: int(response.Status)}, nil
	}
	documents, broken := b.relay.traffic.summary()
	page := WithoutQuery(asked)
	if len(documents) > 0 {
		last := documents[len(documents)-1]
		page = last.URL
		if last.Status >= http.StatusBadRequest {
			return &Shot{URL: last.URL, Status: last.Status, Documents: documents, Broken: broken}, nil
		}
	}
	var load *chromedp.LoadError
	switch {
	case err == nil:
		return nil, &UnreachableError{URL: page, Err: errors.New("no document was received")}
	case errors.As(err, &load):
		return nil, &UnreachableError{URL: page, Err: err}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &UnreachableError{URL: page, Err: errors.New("page was not loaded within the deadline")}
	default:
		return nil, fmt.Errorf("open page: %w", err)
	}
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
