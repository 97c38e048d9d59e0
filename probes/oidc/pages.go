package oidc

import (
	"context"
	"net/http"
	"net/url"

	"tocsin/probes/exchange"
	"tocsin/probes/form"
)

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow goes where the page in hand sends us, until there is a page to read or
// the redirect URI is reached.
func (j *journey) follow(ctx context.Context) error {
	for range maxHops {
		if !isRedirect(j.page.Status) {
			return j.readable()
		}
		next, err := j.page.URL.Parse(j.page.Header.Get("Location"))
		if err != nil || next.Host == "" || j.page.Header.Get("Location") == "" {
			return exchange.Brokenf("%s redirects to nowhere: Location is %q", j.page.URL.Path, j.page.Header.Get("Location"))
		}
		if j.isRedirectURI(next) {
			j.flow.landed = next
			return nil
		}
		j.page, err = j.get(ctx, next.String(), acceptHTML)
		if err != nil {
			return err
		}
	}
	return exchange.Brokenf("the provider redirects in circles: %d redirects in a row, the last to %s", maxHops, j.page.URL.Path)
}

func (j *journey) readable() error {
	if j.page.Status != http.StatusOK {
		return exchange.Unexpected(j.page, pageText(j.page))
	}
	return nil
}

// isRedirectURI compares an address with the registered redirect URI, without
// the parameters that the provider adds to it.
func (j *journey) isRedirectURI(address *url.URL) bool {
	registered, err := url.Parse(j.cfg.Client.RedirectURI)
	if err != nil || address.Scheme != registered.Scheme || address.Host != registered.Host || address.Path != registered.Path {
		return false
	}
	got := address.Query()
	for name, values := range registered.Query() {
		if got.Get(name) != values[0] {
			return false
		}
	}
	return true
}

func (j *journey) parsePage() (*form.Page, error) {
	page, err := form.Parse(j.page.URL, j.page.Body)
	if err != nil {
		return nil, exchange.Brokenf("the page at %s cannot be read: %v", j.page.URL.Path, err)
	}
	return page, nil
}

// findLogin returns the login form of the page in hand, nil if it has none.
func (j *journey) findLogin() (*form.Login, *form.Page, error) {
	page, err := j.parsePage()
	if err != nil {
		return nil, nil, err
	}
	fields := j.cfg.Login.Fields
	login, ok := page.Login(form.Fields{ID: fields.IndividualID, Secret: fields.Secret})
	if !ok {
		return nil, page, nil
	}
	return &login, page, nil
}

// pageText is what an error page says, as far as it says it well.
func pageText(reply *exchange.Reply) string {
	page, err := form.Parse(reply.URL, reply.Body)
	if err != nil {
		return ""
	}
	if page.Alert != "" {
		return shorten(page.Alert)
	}
	return shorten(page.Title)
}

func titled(page *form.Page) string {
	if page.Title == "" {
		return ""
	}
	return `; its title is "` + shorten(page.Title) + `"`
}

func said(page *form.Page) string {
	if page.Alert == "" {
		return ""
	}
	return `; it says "` + shorten(page.Alert) + `"`
}

// shorten keeps what the target wrote from filling the page of the reader.
func shorten(text string) string {
	const longest = 160
	runes := []rune(text)
	if len(runes) <= longest {
		return text
	}
	return string(runes[:longest]) + "…"
}
