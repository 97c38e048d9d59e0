package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Landed is where a navigation ended.
type Landed struct {
	URL    string
	Status int
	// Empty is true for an error status without a page.
	Empty bool
}

// Navigate opens a page and waits until it has loaded; redirects are followed.
// The error is an *UnreachableError, which is a finding about the target, or a
// fault of our own.
func (t *Tab) Navigate(ctx context.Context, address string) (Landed, error) {
	bounded, cancel := t.Within(ctx)
	defer cancel()
	response, err := chromedp.Run(bounded, chromedp.NavigateResponse(address))
	return t.landed(bounded, address, response, err)
}

// landed says where a navigation ended. An error status without a body is a load
// error or a blank page to Chromium, and no page to us.
func (t *Tab) landed(ctx context.Context, asked string, response *network.Response, err error) (Landed, error) {
	address := asked
	if response != nil {
		address = response.URL
	}
	if exchange, ok := t.Traffic().Failure(address); ok {
		return Landed{}, &UnreachableError{URL: exchange.URL, Err: exchange.err}
	}
	if err == nil && response != nil {
		failed := response.Status >= http.StatusBadRequest
		return Landed{URL: response.URL, Status: int(response.Status), Empty: failed && t.Traffic().empty(response.URL)}, nil
	}
	documents, _ := t.Traffic().Summary()
	page := WithoutQuery(asked)
	if len(documents) > 0 {
		last := documents[len(documents)-1]
		page = last.URL
		if last.Status >= http.StatusBadRequest {
			return Landed{URL: last.URL, Status: last.Status, Empty: true}, nil
		}
	}
	var load *chromedp.LoadError
	if errors.As(err, &load) {
		t.ping(ctx)
	}
	explained := t.Explain(err)
	switch {
	case err == nil:
		return Landed{}, &UnreachableError{URL: page, Err: errors.New("no document was received")}
	case errors.Is(explained, ErrCrashed), errors.Is(explained, ErrMemory):
		return Landed{}, fmt.Errorf("open page: %w", explained)
	case errors.Is(explained, ErrTooMuch):
		return Landed{}, &UnreachableError{URL: page, Err: explained}
	case errors.As(err, &load):
		return Landed{}, &UnreachableError{URL: page, Err: t.unloaded(load)}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Landed{}, &UnreachableError{URL: page, Err: errors.New("page was not loaded within the deadline")}
	default:
		return Landed{}, fmt.Errorf("open page: %w", err)
	}
}

// unloaded puts what Chromium says of a page into words.
func (t *Tab) unloaded(load *chromedp.LoadError) error {
	switch load.ErrorText {
	case "net::ERR_TOO_MANY_REDIRECTS":
		return fmt.Errorf("%w: %d documents were asked for in a row", ErrCircles, t.Traffic().Documents())
	case "net::ERR_ABORTED":
		if notes := t.Notes(); len(notes) > 0 {
			return fmt.Errorf("there is no page: %s", notes[len(notes)-1])
		}
	}
	return load
}

// ping asks the page for a sign of life. When its process has ended, that is
// known afterwards: a navigation that dies with it is told of before.
func (t *Tab) ping(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	if _, err := chromedp.Run(bounded, chromedp.Evaluate[int]("1")); err != nil {
		t.browser.options.Log.Debug("page does not answer", "error", err)
	}
}

const pingLimit = 2 * time.Second
