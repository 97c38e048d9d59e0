package pages

import (
	"context"
	"net/http"
	"net/url"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
	"tocsin/probes/login"
)

// maxHops bounds the redirects in a row; browsers give up at 20.
const maxHops = 10

// Follow goes where reply sends us, until there is a page to read or an address
// that answers the request. That address is returned and not fetched; without
// one, the page is.
func Follow(ctx context.Context, run *journey.Run, reply *exchange.Reply, answers func(*url.URL) bool) (*exchange.Reply, *url.URL, error) {
	page, landed, err := redirected(ctx, run, reply, answers)
	if err != nil || landed != nil {
		return nil, landed, err
	}
	return page, nil, readable(page)
}

// redirected goes where reply sends us, until there is a page or an address that
// answers the request. That address is returned and not fetched; without one,
// the page is, whatever its status.
func redirected(ctx context.Context, run *journey.Run, reply *exchange.Reply, answers func(*url.URL) bool) (*exchange.Reply, *url.URL, error) {
	for range maxHops {
		if !isRedirect(reply.Status) {
			return reply, nil, nil
		}
		next, err := reply.URL.Parse(reply.Header.Get("Location"))
		if err != nil || next.Host == "" || reply.Header.Get("Location") == "" {
			return nil, nil, exchange.Brokenf(verdict.Redirect, "%s redirects to nowhere: Location is %q", reply.URL.Path, reply.Header.Get("Location"))
		}
		if answers(next) {
			return nil, next, nil
		}
		reply, err = run.Get(ctx, next.String(), journey.AcceptHTML)
		if err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, exchange.Brokenf(verdict.Redirect, "the provider redirects in circles: %d redirects in a row, the last to %s", maxHops, reply.URL.Path)
}

// isRedirect reports whether a status sends a browser elsewhere.
func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

func readable(reply *exchange.Reply) error {
	if reply.Status != http.StatusOK {
		return exchange.Unexpected(reply, words(reply))
	}
	return nil
}

// words is what an error page says, as far as it says it well.
func words(reply *exchange.Reply) string {
	page, err := form.Parse(reply.URL, reply.Body)
	if err != nil {
		return ""
	}
	if page.Alert != "" {
		return login.Shorten(page.Alert)
	}
	return login.Shorten(page.Title)
}
