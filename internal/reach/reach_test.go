package reach_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/reach"
	"tocsin/internal/verdict"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func certificate(from, until time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "id"}, Issuer: pkix.Name{CommonName: "Old CA"},
		DNSNames: []string{"id.example"}, NotBefore: from, NotAfter: until,
	}
}

func TestExplain(t *testing.T) {
	day := 24 * time.Hour
	verification := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://id.example?secret", Err: &tls.CertificateVerificationError{Err: err}}
	}
	for name, c := range map[string]struct {
		err     error
		want    verdict.Reason
		says    string
		network bool
		clock   bool
	}{
		"nobody listens":        {fmt.Errorf("dial: %w", syscall.ECONNREFUSED), verdict.Refused, "nothing listens at id.example:443", true, false},
		"no route":              {syscall.EHOSTUNREACH, verdict.Unreachable, "no route to id.example:443", true, false},
		"no such name":          {&net.DNSError{IsNotFound: true}, verdict.DNS, "the name id.example does not exist", true, false},
		"no server of names":    {&net.DNSError{Err: "server misbehaving"}, verdict.DNS, "could not be resolved: server misbehaving", true, false},
		"silence":               {context.DeadlineExceeded, verdict.Timeout, "no answer from id.example:443 within 5s (while asking)", true, false},
		"reset":                 {syscall.ECONNRESET, verdict.Reset, "cut the connection while asking", false, false},
		"closed":                {io.ErrUnexpectedEOF, verdict.Reset, "closed the connection while asking", false, false},
		"a foreign certificate": {verification(x509.UnknownAuthorityError{Cert: certificate(now, now)}), verdict.TLSUntrusted, `signed by "CN=Old CA"`, false, false},
		"another name":          {verification(x509.HostnameError{Certificate: certificate(now, now)}), verdict.TLSName, "for another name (subject", false, false},
		"expired": {verification(x509.CertificateInvalidError{Reason: x509.Expired, Cert: certificate(now.Add(-9*day), now.Add(-3*day))}),
			verdict.TLSExpired, "expired at 2026-11-25T12:00:00Z, 3 days ago", false, true},
		"not yet valid": {verification(x509.CertificateInvalidError{Reason: x509.Expired, Cert: certificate(now.Add(time.Hour), now.Add(day))}),
			verdict.TLSExpired, "not valid before 2026-11-28T13:00:00Z, in 1h0m0s", false, true},
		"plain text": {tls.RecordHeaderError{}, verdict.TLSHandshake, "does not speak TLS", false, false},
		"an alert":   {&net.OpError{Op: "remote error", Err: errors.New("bad certificate")}, verdict.TLSHandshake, "refused the handshake: bad certificate", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := reach.Attempt{Host: "id.example:443", Timeout: 5 * time.Second, Doing: "while asking", Now: func() time.Time { return now }}
			got := attempt.Explain(c.err)
			if got == nil {
				t.Fatal("it has no explanation")
			}
			if got.Reason != c.want || !strings.Contains(got.Detail, c.says) || strings.Contains(got.Detail, "secret") {
				t.Errorf("%s: %q; want %s with %q", got.Reason, got.Detail, c.want, c.says)
			}
			if got.Network != c.network || (got.CertificateTime != nil) != c.clock {
				t.Errorf("network %v, certificate %v", got.Network, got.CertificateTime != nil)
			}
			attempt.Host = "127.0.0.1:443"
			if got := attempt.Explain(c.err); got.Network {
				t.Error("this machine needs a network to reach itself")
			}
		})
	}
	if got := (reach.Attempt{Host: "id.example"}).Explain(errors.New("strange")); got != nil {
		t.Errorf("of an error of no known kind it says %q", got.Detail)
	}
}

func TestBareNamesNoAddress(t *testing.T) {
	inner := errors.New("inner")
	if got := reach.Bare(&url.Error{Op: http.MethodGet, URL: "https://id.example?secret", Err: inner}); !errors.Is(got, inner) {
		t.Errorf("got %v", got)
	}
	if got := reach.Bare(inner); !errors.Is(got, inner) {
		t.Errorf("got %v", got)
	}
}

func TestOnThisMachine(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8443": true, "127.0.0.1": true, "127.8.9.1:80": true, "[::1]:443": true, "::1": true,
		"id.example": false, "10.0.0.1:53": false, "localhost.example": false, "": false,
	} {
		if got := reach.OnThisMachine(host); got != want {
			t.Errorf("%q is on this machine: %v", host, got)
		}
	}
}
