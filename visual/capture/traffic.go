package capture

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Exchange is one request of the page and what became of it.
type Exchange struct {
	Method string `json:"method"`
	URL    string `json:"url"` // without its query
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`

	document bool
	full     url.URL
	err      error
}

type exchangeKey struct{}

// exchangeOf returns the exchange that a forwarded request belongs to.
func exchangeOf(request *http.Request) *Exchange {
	exchange, ok := request.Context().Value(exchangeKey{}).(*Exchange)
	if !ok {
		return &Exchange{}
	}
	return exchange
}

// traffic is what passes the relay, for one capture at a time.
type traffic struct {
	mu        sync.Mutex
	exchanges []*Exchange
	open      int
	changed   time.Time
}

// reset forgets all that was before a capture.
func (t *traffic) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.exchanges, t.changed = nil, time.Now()
}

// begin notes that a request is under way until done is called.
func (t *traffic) begin(request *http.Request) (exchange *Exchange, done func()) {
	address := destination(request)
	exchange = &Exchange{
		Method:   request.Method,
		URL:      WithoutQuery(address.String()),
		document: request.Header.Get("Sec-Fetch-Dest") == "document",
		full:     *address,
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.exchanges = append(t.exchanges, exchange)
	t.open++
	t.changed = time.Now()
	return exchange, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.open--
		t.changed = time.Now()
	}
}

func (t *traffic) answered(exchange *Exchange, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	exchange.Status = status
}

// failed notes why a server could not be reached. A request that Chromium
// itself gave up says nothing about the server.
func (t *traffic) failed(exchange *Exchange, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	exchange.err, exchange.Error = err, err.Error()
}

// quiet reports whether nothing was under way for at least a time.
func (t *traffic) quiet(atLeast time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open == 0 && time.Since(t.changed) >= atLeast
}

// failure returns the exchange of a page at address that could not be reached.
func (t *traffic) failure(address string) (Exchange, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, exchange := range slices.Backward(t.exchanges) {
		if exchange.err != nil && sameAddress(exchange.full, address) {
			return *exchange, true
		}
	}
	return Exchange{}, false
}

// sameAddress compares addresses up to their fragment and the default port,
// which Chromium leaves out and a CONNECT has.
func sameAddress(full url.URL, address string) bool {
	parsed, err := url.Parse(address)
	if err != nil {
		return false
	}
	return full.Scheme == parsed.Scheme && full.Hostname() == parsed.Hostname() && port(&full) == port(parsed) &&
		path(&full) == path(parsed) && full.RawQuery == parsed.RawQuery
}

func path(address *url.URL) string {
	if escaped := address.EscapedPath(); escaped != "" {
		return escaped
	}
	return "/"
}

func port(address *url.URL) string {
	switch {
	case address.Port() != "":
		return address.Port()
	case address.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// summary returns the exchanges of documents in their order, and the parts of
// the page that did not load.
func (t *traffic) summary() (documents, broken []Exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, exchange := range t.exchanges {
		switch {
		case exchange.document:
			documents = append(documents, *exchange)
		case browsersOwn(exchange.full.Hostname()):
			// Chromium calls home whatever its flags say.
		case exchange.Status >= 400 || exchange.err != nil && !errors.Is(exchange.err, context.Canceled):
			broken = append(broken, *exchange)
		}
	}
	return documents, broken
}

// browsersOwn reports whether a host is one that Chromium itself calls.
func browsersOwn(host string) bool {
	for _, domain := range []string{"google.com", "googleapis.com", "gvt1.com"} {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}
