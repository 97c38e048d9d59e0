package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"time"
)

// Config of a Dialer.
type Config struct {
	// Address is host:port.
	Address string
	// Roots to trust; nil for those of the machine.
	Roots *x509.CertPool
	// ServerName to verify, if it is not the host of Address.
	ServerName string
	// Protocols to offer (ALPN), best first.
	Protocols []string
	// Certificate is asked for ours when the server wants one; nil where there is
	// none.
	Certificate func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	// Now is the clock that certificates are judged by. Default time.Now.
	Now func() time.Time
}

// Dialer makes connections to one address. It is safe for concurrent use.
type Dialer struct {
	address string
	// literal is true where the host is an address, so nothing is resolved.
	literal bool
	dialer  net.Dialer
	tls     *tls.Config
}

// New makes a dialer. What all its connections share is made once.
func New(cfg Config) (*Dialer, error) {
	host, _, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", cfg.Address, err)
	}
	name := cfg.ServerName
	if name == "" {
		name = host
	}
	_, err = netip.ParseAddr(host)
	return &Dialer{
		address: cfg.Address, literal: err == nil,
		// A run ends long before a keep-alive would be sent.
		dialer: net.Dialer{KeepAlive: -1},
		tls: &tls.Config{
			ServerName: name, RootCAs: cfg.Roots, NextProtos: cfg.Protocols, MinVersion: tls.VersionTLS12, Time: cfg.Now,
			GetClientCertificate: cfg.Certificate,
		},
	}, nil
}

// Connect resolves the name and makes a connection, which ends with ctx: what is
// under way on it then fails. The caller closes it.
func (d *Dialer) Connect(ctx context.Context, watch *Watch) (net.Conn, error) {
	watch.Begin(connecting)
	dialing := ctx
	if !d.literal {
		dialing = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			DNSStart: func(httptrace.DNSStartInfo) { watch.Begin(resolving) },
			DNSDone: func(info httptrace.DNSDoneInfo) {
				if info.Err == nil {
					watch.end(0, &watch.phases.DNS)
					watch.Begin(connecting)
				}
			},
		})
	}
	connection, err := d.dialer.DialContext(dialing, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	watch.end(1, &watch.phases.Connect)
	return bind(ctx, connection), nil
}

// Secure agrees on TLS over connection. The phase is TLS however long the
// connection has been used in the clear.
func (d *Dialer) Secure(connection net.Conn, watch *Watch) (*tls.Conn, error) {
	watch.Begin(securing)
	secured := tls.Client(connection, d.tls)
	// The connection ends with its context already, and without another one the
	// handshake needs no goroutine.
	if err := secured.HandshakeContext(context.Background()); err != nil {
		return nil, err
	}
	watch.end(2, &watch.phases.TLS)
	return secured, nil
}

// bound is a connection that ends with a context.
type bound struct {
	net.Conn
	release func() bool
}

// bind lets what is under way on connection fail when ctx ends.
func bind(ctx context.Context, connection net.Conn) net.Conn {
	return &bound{Conn: connection, release: context.AfterFunc(ctx, func() {
		// A deadline in the past fails reads and writes at once. It cannot fail
		// itself on a connection that is open; on a closed one nothing waits.
		_ = connection.SetDeadline(time.Unix(1, 0))
	})}
}

func (b *bound) Close() error {
	b.release()
	return b.Conn.Close()
}

// Expiry is the earliest end of validity in the chain that the server sent.
func Expiry(state tls.ConnectionState) time.Time {
	var earliest time.Time
	for _, certificate := range state.PeerCertificates {
		if earliest.IsZero() || certificate.NotAfter.Before(earliest) {
			earliest = certificate.NotAfter
		}
	}
	return earliest
}
