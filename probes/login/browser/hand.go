package browser

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/chromedp/cdproto/runtime"

	chromium "tocsin/internal/browser"
	"tocsin/internal/reach"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
	"tocsin/probes/login"
)

// How long a page may take, and how it is known that it waits for the person.
const (
	// pageLimit bounds waiting for a page after each act.
	pageLimit = 20 * time.Second
	// quietFor is how long nothing may be loading before a page counts.
	quietFor = 200 * time.Millisecond
	// sameFor is how long a page must look the same when it asks for nothing,
	// or has not changed since it was acted on: its scripts may be at work
	// without the network.
	sameFor = 1500 * time.Millisecond
	// look is the pause between two looks.
	lookPause = 60 * time.Millisecond
	// maxPages bounds the pages of one act: they send their reader on in circles.
	maxPages = 25
)

// hand acts on a page that is on a screen.
type hand struct {
	run       *journey.Run
	request   login.Request
	selectors Selectors
	browser   *chromium.Browser
	tab       *chromium.Tab
	seen      *recorder

	world runtime.ExecutionContextID
	page  *form.Page
	// before is the signature of the page that was acted on.
	before string
	// pages is how many were asked for before the act.
	pages int
	// typed are what was typed, and shown what of it may be seen.
	typed   []string
	shown   string
	figured bool
}

// mark marks a request as synthetic and leaves Chromium its own User-Agent, to
// which pages may adapt, in front of ours.
func (h *hand) mark(header http.Header) {
	agent := header.Get("User-Agent")
	h.run.Mark(header)
	if agent != "" {
		header.Set("User-Agent", agent+" "+telemetry.UserAgent)
	}
}

// Open opens the authorization request.
func (h *hand) Open(ctx context.Context) error { return h.Visit(ctx, h.request.Address) }

// Visit opens a page. What comes of it is seen in Arrive.
func (h *hand) Visit(ctx context.Context, link *url.URL) error {
	h.before = ""
	_, h.pages = h.seen.newest()
	limited, stop := context.WithTimeout(ctx, pageLimit/2)
	defer stop()
	_, err := h.tab.Navigate(limited, link.String())
	h.record()
	if err == nil || h.seen.answer() != nil {
		return nil
	}
	// A person does not wait for the last picture either, and that a page which was
	// seen sends them on in circles is told where they look at it.
	document, pages := h.seen.newest()
	late := limited.Err() != nil && document.status != 0
	if ctx.Err() == nil && (late || pages-h.pages > maxPages) {
		return nil
	}
	return h.explain(ctx, err, "while the page loaded")
}

// Submit fills in a form of the page and sends it.
func (h *hand) Submit(ctx context.Context, filled form.Submission) error {
	bounded, cancel := h.tab.Within(ctx)
	defer cancel()
	_, h.pages = h.seen.newest()
	err := h.fill(bounded, filled)
	h.record()
	if err != nil {
		return h.explain(ctx, err, "while the form was filled in")
	}
	return nil
}

// Arrive waits until the page asks for something, or the provider has answered.
func (h *hand) Arrive(ctx context.Context, told bool) (login.View, error) {
	defer h.record()
	limited, stop := context.WithTimeout(ctx, pageLimit)
	defer stop()
	bounded, cancel := h.tab.Within(limited)
	defer cancel()
	waiting := patience{before: h.before, since: time.Now()}
	for {
		if landed := h.seen.answer(); landed != nil {
			return login.View{Landed: landed}, nil
		}
		if err := h.broken(ctx); err != nil {
			return login.View{}, err
		}
		seen, err := h.look(bounded)
		if err != nil && limited.Err() == nil && !h.turning(err) {
			return login.View{}, h.explain(ctx, err, "while the page was looked at")
		}
		if err == nil {
			page, err := seen.page()
			if err != nil {
				return login.View{}, exchange.Brokenf(verdict.Content, "the page cannot be read: %v", err)
			}
			if waiting.enough(seen, h.asks(page), h.tab.Traffic().Quiet(quietFor), time.Now()) {
				return h.view(bounded, seen, page, told)
			}
		}
		select {
		case <-bounded.Done():
			return login.View{}, h.late(ctx)
		case <-time.After(lookPause):
		}
	}
}

// look is one look at the page.
func (h *hand) look(ctx context.Context) (survey, error) {
	world, err := newWorld(ctx)
	if err != nil {
		return survey{}, err
	}
	seen, err := inWorld[survey](ctx, world, surveyScript, h.selectors)
	if err == nil {
		h.world = world
	}
	return seen, err
}

// asks reports whether the page wants something of the person.
func (h *hand) asks(page *form.Page) bool {
	_, asks := page.Login(named(h.selectors))
	if !asks {
		_, asks = page.Consent()
	}
	return asks
}

// view is what was seen of a page that waits for the person.
func (h *hand) view(ctx context.Context, seen survey, page *form.Page, told bool) (login.View, error) {
	if seen.Wrong != "" {
		return login.View{}, exchange.Ownf(verdict.OwnConfig, nil, "%q in login.fields of the target file is no CSS selector", seen.Wrong)
	}
	document, _ := h.seen.newest()
	asks := h.asks(page)
	if document.status >= http.StatusBadRequest && !(asks && (told || page.Alert == "")) {
		reply := &exchange.Reply{URL: document.url, Status: document.status, Header: document.header}
		words := page.Alert
		if words == "" {
			words = page.Title
		}
		return login.View{}, exchange.Unexpected(reply, login.Shorten(words))
	}
	h.page, h.before = page, seen.signature()
	address, err := url.Parse(seen.URL)
	if err != nil {
		return login.View{}, exchange.Brokenf(verdict.Content, "the page has no address: %v", err)
	}
	if !h.figured && asks {
		h.figured = true
		h.figures(ctx)
	}
	return login.View{Page: page, Path: address.Path}, nil
}

// broken says why the newest page did not come.
func (h *hand) broken(ctx context.Context) error {
	document, pages := h.seen.newest()
	if pages-h.pages > maxPages {
		return exchange.Brokenf(verdict.Redirect, "the provider sends its reader on in circles: %d pages in a row, the last at %s", pages-h.pages, document.url.Path)
	}
	if document.err == nil || errors.Is(document.err, context.Canceled) {
		return nil
	}
	return exchange.Explain(ctx, reach.Attempt{
		Host: document.url.Host, Timeout: pageLimit, Doing: document.watch.Doing(), Now: h.run.Now,
	}, document.err)
}

// late is a page that did not come to rest.
func (h *hand) late(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return stopped(cause, "while the page was waited for")
	}
	document, _ := h.seen.newest()
	where := h.request.Address
	if document.url != nil {
		where = document.url
	}
	return exchange.Brokenf(verdict.Timeout, "the page at %s was not ready within %s", where.Path, pageLimit)
}

// turning reports whether an error only says that one page gives way to the
// next.
func (h *hand) turning(err error) bool {
	explained := h.tab.Explain(err)
	return !errors.Is(explained, chromium.ErrCrashed) && !errors.Is(explained, chromium.ErrMemory) && !errors.Is(explained, chromium.ErrTooMuch)
}

// patience decides when a page has been waited for long enough.
type patience struct {
	before, last string
	since        time.Time // since when it looks as it does
}

// enough reports whether the page is at rest. One that asks for something is,
// once nothing loads and it has stopped changing; one that asks for nothing, or
// looks as it did before it was acted on, gets the benefit of the doubt.
func (p *patience) enough(seen survey, asks, quiet bool, now time.Time) bool {
	signature := seen.signature()
	if signature != p.last {
		p.last, p.since = signature, now
		return false
	}
	if asks && now.Sub(p.since) >= 2*sameFor {
		return true // a page may load something for ever
	}
	if !quiet || seen.Ready == "loading" {
		return false
	}
	if asks && signature != p.before && seen.Ready == "complete" {
		return true
	}
	return now.Sub(p.since) >= sameFor
}
