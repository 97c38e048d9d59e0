package oidc

import (
	"context"
	"net/http"
	"net/url"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
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
func (s *session) follow(ctx context.Context) error {
	for range maxHops {
		if !isRedirect(s.page.Status) {
			return s.readable()
		}
		next, err := s.page.URL.Parse(s.page.Header.Get("Location"))
		if err != nil || next.Host == "" || s.page.Header.Get("Location") == "" {
			return exchange.Brokenf(verdict.Redirect, "%s redirects to nowhere: Location is %q", s.page.URL.Path, s.page.Header.Get("Location"))
		}
		if s.isRedirectURI(next) {
			s.flow.landed = next
			return nil
		}
		s.page, err = s.Get(ctx, next.String(), journey.AcceptHTML)
		if err != nil {
			return err
		}
	}
	return exchange.Brokenf(verdict.Redirect, "the provider redirects in circles: %d redirects in a row, the last to %s", maxHops, s.page.URL.Path)
}

func (s *session) readable() error {
	if s.page.Status != http.StatusOK {
		return exchange.Unexpected(s.page, pageText(s.page))
	}
	return nil
}

// isRedirectURI compares an address with the registered redirect URI, without
// the parameters that the provider adds to it.
func (s *session) isRedirectURI(address *url.URL) bool {
	registered, err := url.Parse(s.cfg.Client.RedirectURI)
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

func (s *session) parsePage() (*form.Page, error) {
	page, err := form.Parse(s.page.URL, s.page.Body)
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the page at %s cannot be read: %v", s.page.URL.Path, err)
	}
	return page, nil
}

// findLogin returns the login form of the page in hand, nil if it has none.
func (s *session) findLogin() (*form.Login, *form.Page, error) {
	page, err := s.parsePage()
	if err != nil {
		return nil, nil, err
	}
	fields := s.cfg.Login.Fields
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
