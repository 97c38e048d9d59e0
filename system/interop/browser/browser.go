// Package browser is a person at a browser without scripts: it keeps cookies,
// follows redirects, fills in forms and ticks boxes. It knows no provider, only
// what fields are called, so it finds its way through ours and through a peer's.
package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

const (
	// pageLimit bounds what is read of one page.
	pageLimit = 1 << 20
	// patience is how long one page may take.
	patience = 15 * time.Second
)

// Browser is one browser of one person.
type Browser struct {
	client *http.Client
	// until is the address at which redirects are not followed any more.
	until string
}

// New returns a browser with an empty cookie jar that sends by transport and
// stops at addresses that begin with until.
func New(transport http.RoundTripper, until string) (*Browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("make cookie jar: %w", err)
	}
	b := &Browser{until: until}
	b.client = &http.Client{
		Jar: jar, Timeout: patience, Transport: transport,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), b.until) {
				return http.ErrUseLastResponse
			}
			if len(via) > 10 {
				return fmt.Errorf("stopped after %d redirects at %s", len(via), r.URL.Redacted())
			}
			return nil
		},
	}
	return b, nil
}

// Until makes the browser stop at addresses that begin with prefix.
func (b *Browser) Until(prefix string) { b.until = prefix }

// Open goes to address.
func (b *Browser) Open(ctx context.Context, address string) (*Page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", address, err)
	}
	return b.load(request)
}

// Post sends form to address.
func (b *Browser) Post(ctx context.Context, address string, form url.Values) (*Page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("post to %s: %w", address, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if origin, err := url.Parse(address); err == nil {
		request.Header.Set("Origin", origin.Scheme+"://"+origin.Host)
	}
	return b.load(request)
}

// Submit sends form as it was found on page, with values put in its fields.
func (b *Browser) Submit(ctx context.Context, page *Page, form *Form, values url.Values) (*Page, error) {
	filled := url.Values{}
	for name, all := range form.Fields {
		filled[name] = all
	}
	for name, all := range values {
		filled[name] = all
	}
	target, err := page.URL.Parse(form.Action)
	if err != nil {
		return nil, fmt.Errorf("form of %s: %w", page.URL.Redacted(), err)
	}
	if form.Method == http.MethodPost {
		return b.Post(ctx, target.String(), filled)
	}
	target.RawQuery = filled.Encode()
	return b.Open(ctx, target.String())
}

func (b *Browser) load(request *http.Request) (loaded *Page, err error) {
	request.Header.Set("Accept", "text/html")
	response, err := b.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("load page: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(response.Body, pageLimit))
	if err != nil {
		return nil, fmt.Errorf("read page %s: %w", request.URL.Redacted(), err)
	}
	page := &Page{Status: response.StatusCode, Header: response.Header, URL: response.Request.URL, Body: string(body)}
	if location, err := response.Location(); err == nil {
		page.Location = location
	}
	return page, page.read()
}
