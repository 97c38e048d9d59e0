package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"tocsin/internal/verdict"
)

// Failure is why a step went wrong, in words for the person on call.
type Failure struct {
	// Reason decides the verdict, and whether trying again may help.
	Reason verdict.Reason
	// Detail is the sentence.
	Detail string
	// Part is the part of a step that went wrong, where that was a step of its
	// own; empty for the whole.
	Part string
	// RetryAfter is what the target asked for; 0 when it did not.
	RetryAfter time.Duration
	Err        error
	// CertificateTime is set when a certificate was refused because of the
	// time: then the local clock may be what is wrong.
	CertificateTime *x509.Certificate
	// Network is set when an address that is not on this machine could not be
	// reached: then our own network may be what is wrong.
	Network bool
}

func (f *Failure) Error() string { return f.Detail }

func (f *Failure) Unwrap() error { return f.Err }

// Brokenf is a broken promise of the target.
func Brokenf(reason verdict.Reason, format string, values ...any) *Failure {
	return &Failure{Reason: reason, Detail: fmt.Sprintf(format, values...)}
}

// Ownf is a fault of ours.
func Ownf(reason verdict.Reason, err error, format string, values ...any) *Failure {
	return &Failure{Reason: reason, Detail: fmt.Sprintf(format, values...), Err: err}
}

// InTrouble reports whether an answer of this status says of the system alone
// that it could not attend to the request, and nothing of the request: 5xx, 429
// (RFC 6585 section 4), and 408, with which a server gives up waiting for a
// request that may be repeated (RFC 9110 section 15.5.9).
func InTrouble(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// Unexpected is the failure of an answer whose status is not what was wanted.
// That a system is in trouble is honest; any other such answer is wrong.
func Unexpected(reply *Reply, detail string) *Failure {
	text := fmt.Sprintf("%s answered %d %s", WithoutQuery(reply.URL), reply.Status, http.StatusText(reply.Status))
	if detail != "" {
		text += ": " + detail
	}
	failure := &Failure{Reason: verdict.Status, Detail: text}
	if InTrouble(reply.Status) {
		failure.Reason = verdict.Unavailable
		if wait, err := time.ParseDuration(reply.Header.Get("Retry-After") + "s"); err == nil && wait > 0 {
			failure.RetryAfter = wait
		}
	}
	return failure
}

// Circumstances are what an error came out of.
type Circumstances struct {
	// Host that was asked, with its port if it has one.
	Host string
	// Timeout of the exchange, and Doing what it was doing, in words such as
	// "while connecting".
	Timeout time.Duration
	Doing   string
	// Now is the clock that certificates are judged by.
	Now func() time.Time
}

// explain turns a transport error into a failure.
func (c *Client) explain(outer context.Context, address *url.URL, watch *Stopwatch, err error) *Failure {
	return Explain(outer, Circumstances{Host: address.Host, Timeout: c.cfg.Timeout, Doing: watch.Doing(), Now: c.cfg.Now}, err)
}

// Explain turns a transport error into a failure. Outer is the context of the
// run, without the timeout of the exchange: when it has ended, we ended it.
func Explain(outer context.Context, c Circumstances, err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	if cause := context.Cause(outer); cause != nil {
		if errors.As(cause, &failure) {
			return failure.during(c.Doing)
		}
		return Ownf(verdict.Stopped, err, "the run was stopped from our side before %s answered", c.Host)
	}
	if failure := c.explainTLS(err); failure != nil {
		failure.Err = err
		return failure
	}
	reason, detail := c.explainNetwork(err)
	return &Failure{Reason: reason, Detail: detail, Err: err, Network: reason != verdict.Reset && !onThisMachine(c.hostname())}
}

// during is the failure with what was under way, for a limit that was set from
// outside and cannot know.
func (f *Failure) during(doing string) *Failure {
	known := *f
	known.Detail = fmt.Sprintf("%s (%s)", f.Detail, doing)
	return &known
}

// hostname is the host without its port.
func (c Circumstances) hostname() string {
	host, _, err := net.SplitHostPort(c.Host)
	if err != nil {
		return strings.Trim(c.Host, "[]")
	}
	return host
}

func (c Circumstances) explainNetwork(err error) (verdict.Reason, string) {
	host := c.Host
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return verdict.DNS, fmt.Sprintf("the name %s does not exist (DNS)", c.hostname())
	case errors.As(err, &dns):
		return verdict.DNS, fmt.Sprintf("the name %s could not be resolved: %s", c.hostname(), dns.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return verdict.Refused, fmt.Sprintf("nothing listens at %s (connection refused)", host)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return verdict.Unreachable, fmt.Sprintf("there is no route to %s", host)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return verdict.Reset, fmt.Sprintf("%s cut the connection %s (reset)", host, c.Doing)
	case timedOut(err):
		return verdict.Timeout, fmt.Sprintf("no answer from %s within %s (%s)", host, c.Timeout, c.Doing)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return verdict.Reset, fmt.Sprintf("%s closed the connection %s", host, c.Doing)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return verdict.Reset, fmt.Sprintf("%s: %v", host, err)
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// explainTLS returns nil when err is not about TLS. A wrong certificate does
// not mend itself, so trying again would only hide it behind another server.
func (c Circumstances) explainTLS(err error) *Failure {
	var foreign x509.UnknownAuthorityError
	if errors.As(err, &foreign) {
		return Brokenf(verdict.TLSUntrusted, "TLS: the certificate of %s is foreign: it is signed by %s, which this target does not trust%s",
			c.Host, issuerOf(foreign.Cert), named(foreign.Cert))
	}
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		return c.explainInvalid(invalid)
	}
	var wrongName x509.HostnameError
	if errors.As(err, &wrongName) {
		return Brokenf(verdict.TLSName, "TLS: the certificate of %s is for another name%s", c.Host, named(wrongName.Certificate))
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) {
		return Brokenf(verdict.TLSHandshake, "TLS: %s does not speak TLS", c.Host)
	}
	// The other side's alerts have a type of their own only for QUIC.
	var alert *net.OpError
	if errors.As(err, &alert) && alert.Op == "remote error" {
		return Brokenf(verdict.TLSHandshake, "TLS: %s refused the handshake: %v", c.Host, alert.Err)
	}
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) {
		return Brokenf(verdict.TLSUntrusted, "TLS: the certificate of %s cannot be trusted: %v", c.Host, verification.Err)
	}
	return nil
}

func (c Circumstances) explainInvalid(invalid x509.CertificateInvalidError) *Failure {
	certificate := invalid.Cert
	if invalid.Reason != x509.Expired {
		return Brokenf(verdict.TLSUntrusted, "TLS: the certificate of %s is not valid: %v%s", c.Host, invalid, named(certificate))
	}
	now := c.Now()
	var failure *Failure
	if now.Before(certificate.NotBefore) {
		failure = Brokenf(verdict.TLSExpired, "TLS: the certificate of %s is not valid before %s, in %s%s", c.Host,
			certificate.NotBefore.UTC().Format(time.RFC3339), roundAge(certificate.NotBefore.Sub(now)), named(certificate))
	} else {
		failure = Brokenf(verdict.TLSExpired, "TLS: the certificate of %s expired at %s, %s ago%s", c.Host,
			certificate.NotAfter.UTC().Format(time.RFC3339), roundAge(now.Sub(certificate.NotAfter)), named(certificate))
	}
	failure.CertificateTime = certificate
	return failure
}

func issuerOf(certificate *x509.Certificate) string {
	if certificate == nil {
		return "an unknown authority"
	}
	if certificate.Issuer.String() == certificate.Subject.String() {
		return "itself"
	}
	return fmt.Sprintf("%q", certificate.Issuer.String())
}

// named lists whom a certificate is for.
func named(certificate *x509.Certificate) string {
	if certificate == nil {
		return ""
	}
	names := append([]string(nil), certificate.DNSNames...)
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	if len(names) == 0 {
		return fmt.Sprintf(" (subject %q)", certificate.Subject.String())
	}
	const most = 6
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return fmt.Sprintf(" (subject %q, names %s)", certificate.Subject.String(), strings.Join(names, ", "))
}

func roundAge(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return d.Round(time.Second).String()
}
