package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"

	"golang.org/x/net/publicsuffix"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
)

// maxBody bounds an answer, in bytes. A login needs a hundredth of it.
const maxBody = 2 << 20

// Config of a Client.
type Config struct {
	// Roots to trust; nil for those of the machine.
	Roots *x509.CertPool
	// Timeout of one exchange, from dialling to the last byte. Default 5 s.
	Timeout time.Duration
	Trace   telemetry.Trace
	RunID   string
	// Now is the clock, for certificates. Default time.Now.
	Now func() time.Time
	// ConnectTo dials another host:port than the one an address names. The
	// name, and with it SNI and the certificate that is wanted, stays.
	ConnectTo map[string]string
}

// Client makes the exchanges of one run. It has cookies and connections of its
// own, as a browser that was just started has. It is not safe for concurrent
// use.
type Client struct {
	cfg       Config
	transport *http.Transport
	http      *http.Client
}

// Reply is the answer to one exchange, whatever its status.
type Reply struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   []byte
	// TLS is how the connection was made; nil without TLS.
	TLS *tls.ConnectionState
	// CertExpiry is the earliest expiry in the chain of the server; zero
	// without TLS.
	CertExpiry time.Time
}

// New makes the client of one run.
func New(cfg Config) (*Client, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		return nil, fmt.Errorf("make cookie jar: %w", err)
	}
	transport := &http.Transport{
		DialContext:       cfg.dial(),
		TLSClientConfig:   &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12, Time: cfg.Now},
		ForceAttemptHTTP2: true,
		Proxy:             http.ProxyFromEnvironment,
	}
	return &Client{cfg: cfg, transport: transport, http: &http.Client{
		Transport: transport,
		Jar:       jar,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}, nil
}

// dial connects to where an address is, or to where it is redirected.
func (c Config) dial() func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: c.Timeout}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if to, ok := c.ConnectTo[address]; ok {
			address = to
		}
		return dialer.DialContext(ctx, network, address)
	}
}

// Close drops the connections of the run.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Do makes one exchange. The hop is filled as far as the exchange got, also
// when it fails. The error is a *Failure.
func (c *Client) Do(ctx context.Context, request *http.Request) (*Reply, probes.Hop, error) {
	span := c.cfg.Trace.Child()
	telemetry.Mark(request.Header, span, c.cfg.RunID)
	hop := probes.Hop{Method: request.Method, URL: WithoutQuery(request.URL), SpanID: span.SpanID, Started: time.Now()}
	bounded, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	watch := NewStopwatch()
	reply, err := c.roundTrip(request.WithContext(watch.Trace(bounded)), watch)
	hop.MS, hop.Phases = watch.Read()
	if err != nil {
		return nil, hop, c.explain(ctx, request.URL, watch, err)
	}
	hop.Status = reply.Status
	return reply, hop, nil
}

func (c *Client) roundTrip(request *http.Request, watch *Stopwatch) (reply *Reply, err error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := response.Body.Close(); closeErr != nil && err == nil {
			err = closeErr
		}
	}()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	watch.Done()
	if len(body) > maxBody {
		return nil, &Failure{Reason: verdict.Content, Detail: fmt.Sprintf("answer of %s is larger than %d bytes", WithoutQuery(request.URL), maxBody)}
	}
	reply = &Reply{URL: request.URL, Status: response.StatusCode, Header: response.Header, Body: body}
	if response.TLS != nil {
		reply.TLS = response.TLS
		reply.CertExpiry = earliestExpiry(response.TLS.PeerCertificates)
	}
	return reply, nil
}

func earliestExpiry(chain []*x509.Certificate) time.Time {
	var earliest time.Time
	for _, certificate := range chain {
		if earliest.IsZero() || certificate.NotAfter.Before(earliest) {
			earliest = certificate.NotAfter
		}
	}
	return earliest
}

// WithoutQuery names an address without what may be secret in it.
func WithoutQuery(address *url.URL) string {
	return (&url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path}).String()
}
