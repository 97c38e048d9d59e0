package tlscheck

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// acceptance is what a server accepts of one version.
type acceptance struct {
	version version
	// suites in the order in which the server preferred them.
	suites []suite
	// dhBits is the smallest group of DHE it used, 0 without any.
	dhBits int
	// weakGroup is a curve below 256 bits that it accepted, 0 without any.
	weakGroup group
	// certificates are the different ones it showed, each chain once.
	certificates [][]*x509.Certificate
}

// isFinite reports whether keys are exchanged over a prime of the server's.
func isFinite(s suite) bool {
	name := s.String()
	return strings.HasPrefix(name, "TLS_DHE_") || strings.HasPrefix(name, "TLS_DH_anon_")
}

// scan offers every version and suite, and returns what the server accepted, by
// version. Its error is one of the network, which says nothing of what a server
// accepts.
func (d *dialer) scan(ctx context.Context) ([]acceptance, error) {
	all := make([]acceptance, len(versions()))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(2)
	for i, v := range versions() {
		asking.Go(func() (err error) {
			all[i], err = d.scanVersion(ctx, v)
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	return all, nil
}

// scanVersion offers all suites, then all but the one that was chosen, and so
// on until the server refuses.
func (d *dialer) scanVersion(ctx context.Context, v version) (acceptance, error) {
	found := acceptance{version: v}
	for left := offered(v); len(left) > 0; {
		answer, refused, err := d.offer(ctx, hello{version: v, suites: left, groups: usualGroups(), name: d.name})
		if err != nil {
			return found, err
		}
		// A lower version than the one asked for is a refusal of this one.
		if refused || answer.version != v {
			break
		}
		shorter := without(left, answer.suite)
		if len(shorter) == len(left) {
			return found, fmt.Errorf("%w: it chose %s, which was not offered", errNotTLS, answer.suite)
		}
		left = shorter
		found.add(answer)
	}
	if len(found.suites) == 0 || v == ssl30 {
		return found, nil
	}
	return found, d.scanGroups(ctx, &found)
}

func (a *acceptance) add(answer reply) {
	a.suites = append(a.suites, answer.suite)
	if bits := answer.dhBits; bits > 0 && (a.dhBits == 0 || bits < a.dhBits) {
		a.dhBits = bits
	}
	if len(answer.certificates) == 0 {
		return
	}
	for _, known := range a.certificates {
		if known[0].Equal(answer.certificates[0]) {
			return
		}
	}
	a.certificates = append(a.certificates, answer.certificates)
}

// scanGroups offers weak curves with the suites that were accepted: alone, and
// then, for a server whose own key must be on a curve that is offered (RFC 8422,
// section 5.1), with better ones behind them. TLS 1.3 has no weak ones.
func (d *dialer) scanGroups(ctx context.Context, found *acceptance) error {
	var elliptic []suite
	for _, s := range found.suites {
		if strings.HasPrefix(s.String(), "TLS_ECDH") {
			elliptic = append(elliptic, s)
		}
	}
	if len(elliptic) == 0 {
		return nil
	}
	for _, groups := range [][]group{weakGroups(), append(weakGroups(), 23, 24, 25)} {
		answer, refused, err := d.offer(ctx, hello{version: found.version, suites: elliptic, groups: groups, name: d.name})
		if err != nil {
			return err
		}
		if !refused && answer.version == found.version && slices.Contains(weakGroups(), answer.group) {
			found.weakGroup = answer.group
			return nil
		}
	}
	return nil
}

// offer sends one hello. A server that hangs up on it has refused it: many do
// so without an alert. Whether it was perhaps just gone is for a handshake
// afterwards to tell.
func (d *dialer) offer(ctx context.Context, h hello) (answer reply, refused bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	raw, err := h.bytes()
	if err != nil {
		return reply{}, false, err
	}
	connection, err := d.connect(ctx)
	if err != nil {
		return reply{}, false, err
	}
	// Nothing that was said on it is still needed.
	defer func() { _ = connection.Close() }()
	if _, err := connection.Write(raw); err != nil {
		return reply{}, hungUp(err), unlessHungUp(err)
	}
	answer, err = readReply(connection)
	if err != nil {
		return reply{}, hungUp(err), unlessHungUp(err)
	}
	return answer, answer.refused, nil
}

func hungUp(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func unlessHungUp(err error) error {
	if hungUp(err) {
		return nil
	}
	return err
}

// dialer makes connections to the server, ready for a hello.
type dialer struct {
	address string
	name    string
	timeout time.Duration
	prelude func(net.Conn) error
}

func (d *dialer) connect(ctx context.Context) (net.Conn, error) {
	connection, err := (&net.Dialer{KeepAlive: -1}).DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	bound := &boundConn{Conn: connection, release: context.AfterFunc(ctx, func() {
		// A deadline in the past fails reads and writes at once; on a connection
		// that is closed already nothing waits for it.
		_ = connection.SetDeadline(time.Unix(1, 0))
	})}
	if d.prelude == nil {
		return bound, nil
	}
	if err := d.prelude(bound); err != nil {
		return nil, errors.Join(err, bound.Close())
	}
	return bound, nil
}

// boundConn is a connection that ends with a context.
type boundConn struct {
	net.Conn
	release func() bool
}

func (b *boundConn) Close() error {
	b.release()
	return b.Conn.Close()
}
