// Package reach says why a server could not be reached: one set of reasons and
// words for probes and for pages. It also says when nobody could be reached from
// here, because this machine has lost its own network.
package reach

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"tocsin/internal/verdict"
)

// Attempt is what was tried when an error came.
type Attempt struct {
	// Host that was asked, with its port if it has one.
	Host string
	// Timeout of the attempt, 0 where it had none of its own, and Doing what it
	// was doing, in words such as "while connecting".
	Timeout time.Duration
	Doing   string
	// Now is the clock that certificates are judged by.
	Now func() time.Time
}

// Trouble is why an attempt failed, in words for the person on call.
type Trouble struct {
	Reason verdict.Reason
	Detail string
	// CertificateTime is set when a certificate was refused because of the
	// time: then the local clock may be what is wrong.
	CertificateTime *x509.Certificate
	// Network is set when an address that is not on this machine could not be
	// reached: then our own network may be what is wrong.
	Network bool
}

func troublef(reason verdict.Reason, format string, values ...any) *Trouble {
	return &Trouble{Reason: reason, Detail: fmt.Sprintf(format, values...)}
}

// Explain says what is wrong when an attempt failed with err; nil when err is of
// no kind that it knows.
func (a Attempt) Explain(err error) *Trouble {
	if trouble := a.explainTLS(err); trouble != nil {
		return trouble
	}
	trouble := a.explainNetwork(err)
	if trouble != nil {
		trouble.Network = trouble.Reason != verdict.Reset && !OnThisMachine(a.Host)
	}
	return trouble
}

// Bare drops what the HTTP client writes around an error: method and address,
// with a query that may hold secrets.
func Bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// withoutPort is the host alone.
func withoutPort(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return strings.Trim(host, "[]")
	}
	return name
}

func (a Attempt) explainNetwork(err error) *Trouble {
	host := a.Host
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return troublef(verdict.DNS, "the name %s does not exist (DNS)", withoutPort(a.Host))
	case errors.As(err, &dns):
		return troublef(verdict.DNS, "the name %s could not be resolved: %s", withoutPort(a.Host), dns.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return troublef(verdict.Refused, "nothing listens at %s (connection refused)", host)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return troublef(verdict.Unreachable, "there is no route to %s", host)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return troublef(verdict.Reset, "%s cut the connection %s (reset)", host, a.Doing)
	case timedOut(err) && a.Timeout == 0:
		return troublef(verdict.Timeout, "no answer from %s in time (%s)", host, a.Doing)
	case timedOut(err):
		return troublef(verdict.Timeout, "no answer from %s within %s (%s)", host, a.Timeout, a.Doing)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return troublef(verdict.Reset, "%s closed the connection %s", host, a.Doing)
	}
	return nil
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
