package browser

import (
	"context"
	"errors"
	"net/url"

	chromium "tocsin/internal/browser"
	"tocsin/internal/reach"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// record hands over to the run what the page has asked for.
func (h *hand) record() {
	step := h.run.Step()
	for _, done := range h.seen.take() {
		if done.main {
			h.run.Add(done.exchange.Hop)
			h.run.Heard(done.exchange.ResponseHeader)
		}
		h.run.Expires(done.expiry)
		done.exchange.Step = step
		h.run.Record(done.exchange)
	}
}

// explain turns an error of the browser into a failure.
func (h *hand) explain(ctx context.Context, err error, doing string) error {
	if failed := h.broken(ctx); failed != nil {
		return failed
	}
	if cause := context.Cause(ctx); cause != nil {
		return stopped(cause, doing)
	}
	explained := h.tab.Explain(err)
	var unreachable *chromium.UnreachableError
	document, _ := h.seen.newest()
	host := h.request.Address.Host
	if document.url != nil {
		host = document.url.Host
	}
	switch {
	case errors.Is(explained, chromium.ErrCrashed), errors.Is(explained, chromium.ErrMemory):
		return exchange.Ownf(verdict.OwnBrowser, explained, "%v, %s", explained, doing)
	case errors.Is(explained, chromium.ErrCircles):
		return exchange.Brokenf(verdict.Redirect, "the provider redirects in circles: %v", explained)
	case errors.Is(explained, chromium.ErrTooMuch):
		return exchange.Brokenf(verdict.Content, "%v, %s", explained, doing)
	case errors.As(explained, &unreachable):
		if address, err := url.Parse(unreachable.URL); err == nil && address.Host != "" {
			host = address.Host
		}
		return exchange.Explain(ctx, reach.Attempt{Host: host, Timeout: pageLimit, Doing: doing, Now: h.run.Now}, unreachable.Err)
	case errors.Is(explained, context.DeadlineExceeded):
		return h.late(ctx)
	}
	return exchange.Ownf(verdict.OwnBrowser, explained, "the browser went wrong %s: %v", doing, explained)
}

// figures notes how long a person waited for the page, where the browser knows.
func (h *hand) figures(ctx context.Context) {
	times, err := inWorld[map[string]float64](ctx, h.world, paintScript)
	if err != nil {
		return // a login is worth more than its figures
	}
	for name, ms := range times {
		if ms > 0 {
			h.run.Figure("login_page_"+name+"_seconds", ms/1000)
		}
	}
}

// paintScript reads the times of a page since its navigation began, in
// milliseconds (Navigation Timing, Paint Timing, Largest Contentful Paint).
const paintScript = `async () => {
	const paint = performance.getEntriesByName("first-contentful-paint")[0];
	const navigation = performance.getEntriesByType("navigation")[0];
	const largest = await new Promise((resolve) => {
		new PerformanceObserver((list) => resolve(list.getEntries().at(-1)?.startTime || 0)).observe({ type: "largest-contentful-paint", buffered: true });
		setTimeout(() => resolve(0), 200);
	});
	return { fcp: paint?.startTime || 0, lcp: largest, load: navigation?.loadEventEnd || 0 };
}`

// close ends the browser.
func (h *hand) close() error {
	if err := errors.Join(h.tab.Close(), h.browser.Close()); err != nil {
		return exchange.Ownf(verdict.OwnBrowser, err, "the browser cannot be ended: %v", err)
	}
	return nil
}
