package browser

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"tocsin/internal/telemetry"
	"tocsin/probes"
	"tocsin/probes/exchange"
	"tocsin/probes/login"
)

const (
	// maxExchanges bounds what one login leaves for the evidence.
	maxExchanges = 300
	// maxBody bounds what is remembered of a body, in bytes.
	maxBody = 64 << 10
)

// recorder watches what a tab asks for, and keeps back what is for the client.
type recorder struct {
	request login.Request
	base    http.RoundTripper

	mu     sync.Mutex
	landed *url.URL
	// document is the newest page that was asked for, and pages their number.
	document document
	pages    int
	done     []done
	dropped  int
}

// document is a page that was asked for.
type document struct {
	url    *url.URL
	status int
	header http.Header
	// err is why there is no answer; watch tells what it was doing then.
	err   error
	watch *exchange.Stopwatch
}

// done is an exchange that has ended.
type done struct {
	exchange probes.Exchange
	// main is true for pages and what their scripts ask for: these are the hops
	// of a step, where pictures and styles are not.
	main   bool
	expiry time.Time
}

func newRecorder(request login.Request) *recorder { return &recorder{request: request} }

func (r *recorder) wrap(base http.RoundTripper) http.RoundTripper {
	r.base = base
	return r
}

// RoundTrip passes a request on, unless it is the provider's answer to the
// client: that one is kept, and the browser stays where it is (RFC 9110, 204).
func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	destination := request.Header.Get("Sec-Fetch-Dest")
	if r.request.Answers(request.URL) && (destination == "document" || destination == "") {
		return kept(request), r.land(request)
	}
	watch, started := exchange.NewStopwatch(), time.Now()
	sent, err := copyBody(request)
	if err != nil {
		return nil, err
	}
	isDocument := destination == "document"
	if isDocument {
		r.asked(document{url: request.URL, watch: watch})
	}
	response, err := r.base.RoundTrip(request.WithContext(watch.Trace(request.Context())))
	record := done{main: isDocument || destination == "empty", exchange: probes.Exchange{
		Started: started, Method: request.Method, URL: request.URL.String(), RequestHeader: request.Header.Clone(), RequestBody: sent,
	}}
	if err != nil {
		record.exchange.Error, record.exchange.TLS = err.Error(), exchange.SeenIn(err)
		r.ended(record, watch)
		if isDocument {
			r.asked(document{url: request.URL, err: err, watch: watch})
		}
		return nil, err
	}
	if isDocument {
		r.asked(document{url: request.URL, status: response.StatusCode, header: response.Header.Clone(), watch: watch})
	}
	if next, err := request.URL.Parse(response.Header.Get("Location")); err == nil && response.Header.Get("Location") != "" && r.request.Answers(next) {
		r.keep(next)
		response.Header.Del("Location")
		response.StatusCode = http.StatusNoContent
		record.exchange.Hop.Status = http.StatusFound
	}
	record.exchange.ResponseHeader, record.exchange.TLS = response.Header.Clone(), response.TLS
	record.expiry = expiry(response.TLS)
	if record.exchange.Hop.Status == 0 {
		record.exchange.Hop.Status = response.StatusCode
	}
	if _, switched := response.Body.(io.Writer); switched {
		r.ended(record, watch)
		return response, nil
	}
	response.Body = &watched{ReadCloser: response.Body, record: record, watch: watch, to: r}
	return response, nil
}

// land keeps the answer that a request carries: in its query, or in its body
// (OAuth 2.0 Form Post Response Mode).
func (r *recorder) land(request *http.Request) error {
	landed := *request.URL
	if request.Method == http.MethodPost && request.Body != nil {
		body, err := io.ReadAll(io.LimitReader(request.Body, maxBody))
		if err = errors.Join(err, request.Body.Close()); err != nil {
			return fmt.Errorf("read the response: %w", err)
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return fmt.Errorf("read the response: %w", err)
		}
		query := landed.Query()
		for name, value := range values {
			query[name] = value
		}
		landed.RawQuery = query.Encode()
	}
	r.keep(&landed)
	return nil
}

func kept(request *http.Request) *http.Response {
	return &http.Response{
		StatusCode: http.StatusNoContent, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: request,
	}
}

func (r *recorder) keep(landed *url.URL) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.landed == nil {
		r.landed = landed
	}
}

// answer is where the provider has sent the person, nil as long as it has not.
func (r *recorder) answer() *url.URL {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.landed
}

// asked notes what is known of the newest page.
func (r *recorder) asked(d document) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.status == 0 && d.err == nil {
		r.pages++
	}
	r.document = d
}

func (r *recorder) newest() (document, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.document, r.pages
}

// ended notes an exchange with its times.
func (r *recorder) ended(record done, watch *exchange.Stopwatch) {
	request, status := record.exchange.RequestHeader, record.exchange.Hop.Status
	address, err := url.Parse(record.exchange.URL)
	if err != nil {
		return
	}
	hop := probes.Hop{
		Method: record.exchange.Method, URL: exchange.WithoutQuery(address), Status: status,
		SpanID: span(request), Started: record.exchange.Started,
	}
	hop.MS, hop.Phases = watch.Read()
	record.exchange.Hop = hop
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.done) >= maxExchanges {
		r.dropped++
		return
	}
	r.done = append(r.done, record)
}

// take hands over the exchanges that have ended since it was called last.
func (r *recorder) take() []done {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.done
	r.done = nil
	return taken
}

// watched is a body whose start is remembered.
type watched struct {
	io.ReadCloser
	start  bytes.Buffer
	record done
	watch  *exchange.Stopwatch
	to     *recorder
	once   sync.Once
}

func (w *watched) Read(into []byte) (int, error) {
	count, err := w.ReadCloser.Read(into)
	if room := maxBody - w.start.Len(); room > 0 && textual(w.record.exchange.ResponseHeader.Get("Content-Type")) {
		w.start.Write(into[:min(count, room)])
	}
	if errors.Is(err, io.EOF) {
		w.watch.Done()
		w.end()
	}
	return count, err
}

func (w *watched) Close() error {
	w.end()
	return w.ReadCloser.Close()
}

func (w *watched) end() {
	w.once.Do(func() {
		w.record.exchange.ResponseBody = w.start.Bytes()
		w.to.ended(w.record, w.watch)
	})
}

// textual reports whether a body is worth reading in the evidence.
func textual(mediaType string) bool {
	return strings.HasPrefix(mediaType, "text/html") || strings.Contains(mediaType, "json") || strings.HasPrefix(mediaType, "text/plain")
}

// copyBody reads the body of a request, which then has a copy of it.
func copyBody(request *http.Request) ([]byte, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return nil, nil
	}
	const largest = 4 << 20 // a login sends a hundredth of it
	body, err := io.ReadAll(io.LimitReader(request.Body, largest))
	if err = errors.Join(err, request.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the request of the page: %w", err)
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	return body[:min(len(body), maxBody)], nil
}

// span is the span that a request was marked with (W3C Trace Context).
func span(header http.Header) string {
	parts := strings.Split(header.Get(telemetry.HeaderTraceparent), "-")
	if len(parts) < 4 {
		return ""
	}
	return parts[2]
}

func expiry(state *tls.ConnectionState) time.Time {
	var earliest time.Time
	if state == nil {
		return earliest
	}
	for _, certificate := range state.PeerCertificates {
		if earliest.IsZero() || certificate.NotAfter.Before(earliest) {
			earliest = certificate.NotAfter
		}
	}
	return earliest
}
