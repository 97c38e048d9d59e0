package browser

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxExchanges bounds what is remembered of one tab; what comes later is
// counted, and still forwarded.
const maxExchanges = 2000

// Exchange is one request of a page and what became of it.
type Exchange struct {
	Method string `json:"method"`
	URL    string `json:"url"` // without its query
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`

	document bool
	full     url.URL
	err      error
	received int64 // bytes of the answer's body
}

// Err is why the server could not be reached; nil when it was.
func (e Exchange) Err() error { return e.err }

type exchangeKey struct{}

// exchangeOf returns the exchange that a forwarded request belongs to.
func exchangeOf(request *http.Request) *Exchange {
	exchange, ok := request.Context().Value(exchangeKey{}).(*Exchange)
	if !ok {
		return &Exchange{}
	}
	return exchange
}

// Traffic is what passes between a tab and its target.
type Traffic struct {
	mu        sync.Mutex
	exchanges []*Exchange
	documents int
	open      int
	changed   time.Time
	left      int64 // bytes that may still come
}

func newTraffic(maxBytes int64) Traffic { return Traffic{changed: time.Now(), left: maxBytes} }

// begin notes that a request is under way until done is called.
func (t *Traffic) begin(request *http.Request) (exchange *Exchange, done func()) {
	address := destination(request)
	exchange = &Exchange{
		Method:   request.Method,
		URL:      WithoutQuery(address.String()),
		document: request.Header.Get("Sec-Fetch-Dest") == "document",
		full:     *address,
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.exchanges) < maxExchanges {
		t.exchanges = append(t.exchanges, exchange)
	}
	if exchange.document {
		t.documents++
	}
	t.open++
	t.changed = time.Now()
	return exchange, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.open--
		t.changed = time.Now()
	}
}

func (t *Traffic) answered(exchange *Exchange, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	exchange.Status = status
}

// failed notes why a server could not be reached. A request that Chromium
// itself gave up says nothing about the server.
func (t *Traffic) failed(exchange *Exchange, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	exchange.err, exchange.Error = err, err.Error()
}

// metered is a body that ends with an error when the tab has had too much.
func (t *Traffic) metered(exchange *Exchange, body io.ReadCloser) io.ReadCloser {
	// A protocol that was switched to needs its writer, too.
	if _, ok := body.(io.Writer); ok {
		return body
	}
	return &meter{ReadCloser: body, traffic: t, exchange: exchange}
}

type meter struct {
	io.ReadCloser
	traffic  *Traffic
	exchange *Exchange
}

func (m *meter) Read(into []byte) (int, error) {
	count, err := m.ReadCloser.Read(into)
	m.traffic.mu.Lock()
	defer m.traffic.mu.Unlock()
	m.traffic.left -= int64(count)
	m.exchange.received += int64(count)
	if m.traffic.left < 0 {
		return 0, ErrTooMuch
	}
	return count, err
}

// Quiet reports whether nothing was under way for at least a time.
func (t *Traffic) Quiet(atLeast time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open == 0 && time.Since(t.changed) >= atLeast
}

// TooMuch reports whether the tab was cut off because it fetched too much.
func (t *Traffic) TooMuch() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.left < 0
}

// Documents is how many pages were asked for, with redirects and without the
// pages of frames.
func (t *Traffic) Documents() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.documents
}

// Failure returns the exchange of a page at address that could not be reached.
func (t *Traffic) Failure(address string) (Exchange, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, exchange := range slices.Backward(t.exchanges) {
		if exchange.err != nil && sameAddress(exchange.full, address) {
			return *exchange, true
		}
	}
	return Exchange{}, false
}

// empty reports whether the newest page at address came without a body.
func (t *Traffic) empty(address string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, exchange := range slices.Backward(t.exchanges) {
		if exchange.document && sameAddress(exchange.full, address) {
			return exchange.received == 0
		}
	}
	return false
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

// Summary returns the exchanges of documents in their order, and the parts of
// the page that did not load.
func (t *Traffic) Summary() (documents, broken []Exchange) {
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
