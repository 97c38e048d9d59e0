package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/chromedp"

	"tocsin/internal/browser"
	"tocsin/visual/accessibility"
	"tocsin/visual/page"
)

// DefaultDeadline bounds one capture, from the first request to the picture.
const DefaultDeadline = 30 * time.Second

// Request asks for one picture.
type Request struct {
	// URL to open; redirects are followed.
	URL string
	// Network is how the page reaches its target.
	Network browser.TabOptions
	// View is how it is seen.
	View View
	// Steps are taken before the picture.
	Steps []Step
	// Element is a CSS selector: the first that it matches is pictured. Empty
	// for the whole page.
	Element string
	// Viewport pictures what is seen without scrolling only.
	Viewport bool
	// Masks are CSS selectors of what may differ, like a clock. It is covered.
	Masks []string
	// Accessibility asks for what axe-core says of the page, too.
	Accessibility bool
	// Deadline bounds the capture; 0 stands for DefaultDeadline.
	Deadline time.Duration
}

// Shot is a picture of a settled page.
type Shot struct {
	// PNG is the picture; nil for an error status without a page.
	PNG []byte
	// Page is what it consisted of; nil without a picture.
	Page *page.Page
	// Accessibility is what axe-core said of the page after it was pictured;
	// nil if it was not asked for, or without a picture.
	Accessibility *accessibility.Report
	// URL is where the redirects and steps ended, and Status its HTTP status.
	URL    string
	Status int
	// Documents are the redirects and the page, in order.
	Documents []browser.Exchange
	// Broken are parts of the page, like a stylesheet, that did not load.
	Broken []browser.Exchange
	// Notes are what the page did that a person would have had to answer, such
	// as a dialog, and what of it is not in the picture.
	Notes []string
	// Rounds is how often the page was looked at until it stood still.
	Rounds int
	// Loading is how long the page took to load, and Settling how long it took
	// from then to the picture.
	Loading, Settling time.Duration
}

// Take opens a page in a fresh tab, without cookies or cache, takes the steps,
// waits until the page has settled and takes its picture. A page with any HTTP
// status is pictured: what it means is for the caller to say. The error is a
// *browser.UnreachableError or a *StepError, wraps ErrUnsettled, or is a fault
// of our own.
func Take(ctx context.Context, in *browser.Browser, request Request) (_ *Shot, err error) {
	if err := request.View.Check(); err != nil {
		return nil, fmt.Errorf("capture page: %w", err)
	}
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
	if err != nil {
		return nil, tab.Explain(err)
	}
	shot.Notes = append(tab.Notes(), shot.Notes...)
	return shot, nil
}

func take(ctx context.Context, tab *browser.Tab, request Request) (*Shot, error) {
	ctx, done := tab.Within(ctx)
	defer done()
	view := request.View.Complete()
	if err := chromedp.Do(ctx, view.emulate()); err != nil {
		return nil, fmt.Errorf("prepare tab: %w", err)
	}
	began := time.Now()
	landed, err := tab.Navigate(ctx, request.URL)
	if err != nil {
		return nil, err
	}
	loaded := time.Now()
	shot := &Shot{Loading: loaded.Sub(began)}
	if landed, err = walk(ctx, tab, request.Steps, landed); err != nil {
		return nil, err
	}
	if !landed.Empty {
		settler := settler{traffic: tab.Traffic(), request: &request, view: view}
		if err := shot.picture(ctx, &settler); err != nil {
			return nil, err
		}
		if landed, err = where(ctx, tab, landed); err != nil {
			return nil, err
		}
	}
	shot.URL, shot.Status, shot.Settling = landed.URL, landed.Status, time.Since(loaded)
	shot.Documents, shot.Broken = tab.Traffic().Summary()
	if request.Accessibility && shot.PNG != nil {
		if shot.Accessibility, err = accessibility.Look(ctx); err != nil {
			return nil, err
		}
	}
	return shot, nil
}

// picture takes the picture, and reads what is on it.
func (s *Shot) picture(ctx context.Context, settler *settler) error {
	picture, seen, err := settler.settle(ctx)
	if err != nil {
		return err
	}
	s.PNG, s.Rounds = picture, settler.rounds
	if longest := settler.view.maxHeight(); !settler.request.Viewport && settler.height > longest {
		s.Notes = append(s.Notes, fmt.Sprintf("the page is %d pixels high, of which %d are pictured", settler.height, longest))
	}
	s.Page, err = read(ctx, seen)
	return err
}

func quote(text string) (string, error) {
	quoted, err := json.Marshal(text)
	if err != nil {
		return "", fmt.Errorf("quote %q: %w", text, err)
	}
	return string(quoted), nil
}
