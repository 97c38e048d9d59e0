package capture

import (
	"context"
	"crypto/tls"
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
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		conn.Close()
		return
	}
	secured := tls.Server(conn, &tls.Config{
		Certificates: []tls.Certificate{r.identity.certificate},
		NextProtos:   []string{"http/1.1"},
		MinVersion:   tls.VersionTLS13,
	})
	ctx, cancel := context.WithTimeout(request.Context(), handshakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return
	}
	r.tunnels.offer(&tunnelConn{Conn: secured, authority: request.Host})
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

func (l *tunnelListener) offer(conn net.Conn) {
	select {
	case l.accepted <- conn:
	case <-l.closed:
		conn.Close()
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
