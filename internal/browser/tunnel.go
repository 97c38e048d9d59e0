package browser

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const handshakeTimeout = 10 * time.Second

// tunnel answers CONNECT and ends the TLS inside it. A tunnel that Chromium
// gives up is no finding: each failure to reach a server shows when a request
// is forwarded.
func (r *relay) tunnel(w http.ResponseWriter, request *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "tunnel impossible", http.StatusInternalServerError)
		return
	}
	secured, err := r.secure(request.Context(), conn)
	if err != nil {
		r.log.Debug("tunnel ended early", "host", request.Host, "error", errors.Join(err, conn.Close()))
		return
	}
	if !r.tunnels.offer(&tunnelConn{Conn: secured, authority: request.Host}) {
		r.log.Debug("tunnel came too late", "host", request.Host, "error", secured.Close())
	}
}

// secure accepts the tunnel and becomes the server in it.
func (r *relay) secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		return nil, fmt.Errorf("accept tunnel: %w", err)
	}
	secured := tls.Server(conn, &tls.Config{
		Certificates: []tls.Certificate{r.identity.certificate},
		NextProtos:   []string{"http/1.1"},
		MinVersion:   tls.VersionTLS13,
	})
	bounded, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(bounded); err != nil {
		return nil, fmt.Errorf("shake hands in tunnel: %w", err)
	}
	return secured, nil
}

// tunnelConn is the inside of a tunnel; authority is the host and port that
// Chromium wanted to be connected with.
type tunnelConn struct {
	net.Conn
	authority string
}

// tunnelListener hands the inside of tunnels to an HTTP server.
type tunnelListener struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
	addr     net.Addr
}

// offer reports whether the server took the connection.
func (l *tunnelListener) offer(conn net.Conn) bool {
	select {
	case l.accepted <- conn:
		return true
	case <-l.closed:
		return false
	}
}

func (l *tunnelListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *tunnelListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *tunnelListener) Addr() net.Addr { return l.addr }
