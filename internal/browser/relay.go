package browser

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// relay is the only way from a tab to the network. It ends Chromium's TLS with
// the identity of the browser, the one key that this Chromium trusts beyond its
// roots, and verifies each server in Go against the roots of the target.
//
// The obvious alternative, to hand the target's certificates to Chromium's
// --ignore-certificate-errors-spki-list, is weaker than it looks: Chromium then
// ignores every error of a chain in which a listed key occurs, so a foreign
// server that appends the public certificate of the authority is trusted, and
// so is an expired certificate. Behind a balancer each gateway has a key of its
// own, too.
type relay struct {
	identity  identity
	listener  net.Listener
	tunnels   tunnelListener
	outer     *http.Server
	inner     *http.Server
	transport *http.Transport
	traffic   Traffic
	limit     int64 // of bytes that the tab may fetch
	log       *slog.Logger
	served    chan error
}

// startRelay listens on a loopback port.
func startRelay(ctx context.Context, identity identity, log *slog.Logger, options TabOptions) (*relay, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for Chromium: %w", err)
	}
	r := &relay{
		identity:  identity,
		listener:  listener,
		tunnels:   tunnelListener{accepted: make(chan net.Conn), closed: make(chan struct{}), addr: listener.Addr()},
		transport: transport(options),
		traffic:   newTraffic(options.MaxBytes),
		limit:     options.MaxBytes,
		log:       log,
		served:    make(chan error, 2),
	}
	through := http.RoundTripper(r.transport)
	if options.Wrap != nil {
		through = options.Wrap(through)
	}
	forward := r.forward(options.Mark, through)
	r.outer = r.server(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodConnect {
			r.tunnel(w, request)
			return
		}
		forward.ServeHTTP(w, request)
	}))
	r.inner = r.server(forward)
	r.inner.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if tunneled, ok := conn.(*tunnelConn); ok {
			return context.WithValue(ctx, authorityKey{}, tunneled.authority)
		}
		return ctx
	}
	go func() { r.served <- r.outer.Serve(listener) }()
	go func() { r.served <- r.inner.Serve(&r.tunnels) }()
	return r, nil
}

// server serves one side of the relay; what it has to say about Chromium's
// connections is for debugging.
func (r *relay) server(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: r.quietLog()}
}

func (r *relay) quietLog() *log.Logger { return slog.NewLogLogger(r.log.Handler(), slog.LevelDebug) }

// transport is the side of the relay to the servers, which verifies them.
func transport(options TabOptions) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{RootCAs: options.Roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if to, ok := options.ConnectTo[address]; ok {
				address = to
			}
			return dialer.DialContext(ctx, network, address)
		},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       time.Minute,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
	}
}

func (r *relay) address() string { return r.listener.Addr().String() }

// close ends all connections and waits for the two servers.
func (r *relay) close() error {
	err := errors.Join(r.outer.Close(), r.inner.Close())
	for range 2 {
		if served := <-r.served; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
	}
	r.transport.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("close relay: %w", err)
	}
	return nil
}

// forward passes a request on to the server that Chromium meant.
func (r *relay) forward(mark func(http.Header), through http.RoundTripper) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport:     through,
		FlushInterval: -1,
		ErrorLog:      r.quietLog(),
		Rewrite: func(request *httputil.ProxyRequest) {
			request.Out.URL = destination(request.In)
			request.Out.Host = request.In.Host
			if mark != nil {
				mark(request.Out.Header)
			}
		},
		ModifyResponse: func(response *http.Response) error {
			exchange := exchangeOf(response.Request)
			response.Body = r.traffic.metered(exchange, response.Body)
			r.traffic.answered(exchange, response.StatusCode)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, request *http.Request, err error) {
			r.traffic.failed(exchangeOf(request), err)
			http.Error(w, "tocsin could not reach this server", http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		exchange, done := r.traffic.begin(request)
		defer done()
		proxy.ServeHTTP(w, request.WithContext(context.WithValue(request.Context(), exchangeKey{}, exchange)))
	})
}

// destination is the address Chromium asked for: absolute in plain HTTP to a
// proxy, and the authority of the CONNECT inside a tunnel.
func destination(request *http.Request) *url.URL {
	address := *request.URL
	if authority, ok := request.Context().Value(authorityKey{}).(string); ok {
		address.Scheme, address.Host = "https", authority
	}
	return &address
}

type authorityKey struct{}
