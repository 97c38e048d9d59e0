package grpccheck

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"

	"google.golang.org/grpc/credentials"
)

// heard is a connection that remembers how it broke.
type heard struct {
	net.Conn
	mu     sync.Mutex
	broken error
}

func (h *heard) Read(into []byte) (int, error) {
	count, err := h.Conn.Read(into)
	h.remember(err)
	return count, err
}

func (h *heard) Write(from []byte) (int, error) {
	count, err := h.Conn.Write(from)
	h.remember(err)
	return count, err
}

// remember keeps the first error, but for what the other side said of TLS
// before it hung up. That we closed the connection is none.
func (h *heard) remember(err error) {
	if err == nil || errors.Is(err, net.ErrClosed) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var said *net.OpError
	if h.broken == nil || errors.As(err, &said) && said.Op == "remote error" {
		h.broken = err
	}
}

func (h *heard) failure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken
}

// secured tells gRPC that TLS has been agreed on already, so that it says https
// to the server.
type secured struct{ state tls.ConnectionState }

// ClientHandshake implements credentials.TransportCredentials.
func (s secured) ClientHandshake(_ context.Context, _ string, connection net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return connection, credentials.TLSInfo{
		State: s.state, CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}, nil
}

// ServerHandshake implements credentials.TransportCredentials.
func (secured) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("a probe is no server")
}

// Info implements credentials.TransportCredentials.
func (secured) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone implements credentials.TransportCredentials.
func (s secured) Clone() credentials.TransportCredentials { return s }

// OverrideServerName implements credentials.TransportCredentials.
func (secured) OverrideServerName(string) error { return nil }
