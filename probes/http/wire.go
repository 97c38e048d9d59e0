package httpcheck

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"tocsin/internal/reach"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/dial"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// exchange asks once over a connection of its own.
func (c *check) exchange(ctx context.Context, run *journey.Run, step string, ask question) (answer, error) {
	watch, began := dial.Start(), time.Now()
	got := answer{host: ask.url.Host}
	request := c.request(ctx, run, ask)
	err := c.talk(ctx, request, ask, watch, &got)
	hop := probes.Hop{
		Method: ask.method, URL: exchange.WithoutQuery(ask.url), Status: got.status, MS: watch.MS(), Phases: watch.Phases(),
	}
	run.Add(hop)
	run.Expires(got.expiry)
	record := c.record(step, began, hop, request, ask, got)
	if err != nil {
		failure := exchange.Explain(ctx, reach.Attempt{
			Host: ask.url.Host, Timeout: run.Age(), Doing: watch.Doing(), Now: c.now,
		}, err)
		record.Error = failure.Detail
		run.Record(record)
		return got, failure
	}
	run.Record(record)
	run.Heard(got.header)
	return got, nil
}

// record is the exchange for the evidence, without what came out of files.
func (c *check) record(step string, began time.Time, hop probes.Hop, request *http.Request, ask question, got answer) probes.Exchange {
	done := probes.Exchange{
		Step: step, Started: began, Hop: hop, Method: ask.method, URL: ask.url.String(), RequestHeader: request.Header,
		RequestBody: ask.body, ResponseHeader: got.header, ResponseBody: got.body[:min(len(got.body), maxRecorded)], TLS: got.tls,
	}
	if c.cfg.BodyFile != "" && ask.body != nil {
		done.RequestBody = []byte(hidden)
	}
	for name, secret := range ask.secrets {
		done.RequestHeader.Set(name, hidden)
		done.ResponseBody = bytes.ReplaceAll(done.ResponseBody, []byte(secret), []byte(hidden))
	}
	return done
}

// hidden stands for what came out of a file.
const hidden = "[from a file]"

// protocolTwo is HTTP/2 in the negotiation of TLS (RFC 9113, section 3.2).
const protocolTwo = "h2"

// maxRecorded bounds what evidence has of a body, in bytes.
const maxRecorded = 64 << 10

func (c *check) talk(ctx context.Context, request *http.Request, ask question, watch *dial.Watch, got *answer) error {
	connection, err := ask.dialer.Connect(ctx, watch)
	if err != nil {
		return err
	}
	// What was to be learned from the connection is known by then.
	defer func() { _ = connection.Close() }()
	if ask.url.Scheme == "http" {
		return c.speak(connection, request, watch, got)
	}
	secured, err := ask.dialer.Secure(connection, watch)
	if err != nil {
		got.tls = exchange.SeenIn(err)
		return err
	}
	state := secured.ConnectionState()
	got.expiry, got.tls = dial.Expiry(state), &state
	if state.NegotiatedProtocol == protocolTwo {
		return c.speakTwo(secured, request, watch, got)
	}
	return c.speak(secured, request, watch, got)
}

func (c *check) request(ctx context.Context, run *journey.Run, ask question) *http.Request {
	header := make(http.Header, len(c.cfg.Headers)+len(ask.secrets)+4)
	for name, value := range c.cfg.Headers {
		header.Set(name, value)
	}
	for name, value := range ask.secrets {
		header.Set(name, value)
	}
	host := header.Get("Host")
	header.Del("Host")
	run.Mark(header)
	request := &http.Request{
		Method: ask.method, URL: ask.url, Host: host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(ask.body) > 0 {
		request.Body = io.NopCloser(bytes.NewReader(ask.body))
		request.ContentLength = int64(len(ask.body))
	}
	return request.WithContext(ctx)
}

// buffers are used again by later runs.
type buffers struct {
	request bytes.Buffer
	reader  *bufio.Reader
}

func newBuffers() any { return &buffers{reader: bufio.NewReaderSize(nil, 4096)} }

// pool of buffers. It holds nothing but memory.
var pool = sync.Pool{New: newBuffers}

// speak makes one exchange in HTTP/1.1 (RFC 9112). http.Transport would keep two
// goroutines, and time the phases by hooks, for a connection that is used once.
func (c *check) speak(connection net.Conn, request *http.Request, watch *dial.Watch, got *answer) error {
	memory := pool.Get().(*buffers)
	defer pool.Put(memory)
	watch.Begin(dial.Asking)
	memory.request.Reset()
	request.Header.Set("Connection", "close")
	if err := request.Write(&memory.request); err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	// A server may answer and close before it has read everything: then its
	// answer counts, not that writing failed.
	_, writeErr := connection.Write(memory.request.Bytes())
	watch.Begin(dial.Waiting)
	memory.reader.Reset(connection)
	defer memory.reader.Reset(nil)
	if _, err := memory.reader.Peek(1); err != nil {
		if writeErr != nil {
			return writeErr
		}
		return err
	}
	watch.FirstByte()
	response, err := readResponse(memory.reader, request) //nolint:bodyclose // read closes it
	if err != nil {
		return malformed(request.URL.Host, err)
	}
	return c.read(response, watch, got)
}

// readResponse skips interim answers, of which there may be any number
// (RFC 9110, section 15.2); a sane server sends one or two.
func readResponse(reader *bufio.Reader, request *http.Request) (*http.Response, error) {
	for range 8 {
		response, err := http.ReadResponse(reader, request)
		if err != nil || response.StatusCode >= 200 || response.StatusCode == http.StatusSwitchingProtocols {
			return response, err
		}
	}
	return nil, errors.New("it sends interim answers without end")
}

// malformed tells an answer that is no HTTP from a connection that broke.
func malformed(host string, err error) error {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return exchange.Brokenf(verdict.Content, "what %s answered is not HTTP: %v", host, err)
}

// speakTwo makes one exchange in HTTP/2 (RFC 9113).
func (c *check) speakTwo(connection *tls.Conn, request *http.Request, watch *dial.Watch, got *answer) error {
	watch.Begin(dial.Waiting)
	transport := &http.Transport{
		DisableCompression: true, Protocols: new(http.Protocols),
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return connection, nil },
	}
	transport.Protocols.SetHTTP2(true)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request) //nolint:bodyclose // read closes it
	if err != nil {
		return err
	}
	watch.FirstByte()
	return c.read(response, watch, got)
}

// read takes the answer to its last byte, and keeps the body where a promise is
// about it.
func (c *check) read(response *http.Response, watch *dial.Watch, got *answer) (err error) {
	defer func() {
		// The error of a connection that broke is that of reading.
		if closeErr := response.Body.Close(); err == nil {
			err = closeErr
		}
	}()
	got.status, got.header = response.StatusCode, response.Header
	limited := io.LimitReader(response.Body, c.maxBytes+1)
	var size int64
	if len(c.promises) > 0 {
		got.body, err = io.ReadAll(limited)
		size = int64(len(got.body))
	} else {
		size, err = io.Copy(io.Discard, limited)
	}
	if err != nil {
		return err
	}
	watch.Done()
	if size > c.maxBytes {
		got.body = nil
		return exchange.Brokenf(verdict.Content, "the answer of %s is larger than %d bytes", got.host, c.maxBytes)
	}
	return nil
}
