package tlscheck

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"tocsin/internal/reach"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// trust is what certificates are judged by.
type trust struct {
	roots *x509.CertPool
	name  string
	now   func() time.Time
	host  string
}

// verify returns the chain from the server's certificate to a root that is
// trusted. Its error is a failure.
func (t trust) verify(sent []*x509.Certificate) ([]*x509.Certificate, error) {
	between := x509.NewCertPool()
	for _, certificate := range sent[1:] {
		between.AddCert(certificate)
	}
	chains, err := sent[0].Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: between, DNSName: t.name, CurrentTime: t.now()})
	if err == nil {
		return chains[0], nil
	}
	// Nothing is waited for, so nothing can have been stopped.
	return nil, exchange.Explain(context.Background(), reach.Attempt{Host: t.host, Doing: "while verifying", Now: t.now}, err)
}

// incomplete names what is missing where the chain ends at an authority that
// was not sent and is no root of ours.
func incomplete(sent []*x509.Certificate) string {
	last := sent[len(sent)-1]
	if bytes.Equal(last.RawIssuer, last.RawSubject) || len(last.IssuingCertificateURL) == 0 && len(sent) > 1 {
		return ""
	}
	return fmt.Sprintf("; the server sends %d certificates, and not that of %q", len(sent), last.Issuer)
}

// order returns what is wrong with the order of a chain: each certificate must
// certify the one before it (RFC 5246, section 7.4.2), because not every client
// sorts.
func order(sent []*x509.Certificate) []string {
	var wrong []string
	for i := 1; i < len(sent); i++ {
		if sent[i].Equal(sent[i-1]) {
			wrong = append(wrong, fmt.Sprintf("%s is sent twice", nameOf(sent[i])))
		} else if err := sent[i-1].CheckSignatureFrom(sent[i]); err != nil {
			wrong = append(wrong, fmt.Sprintf("the chain is out of order: %s does not certify %s, which is sent before it", nameOf(sent[i]), nameOf(sent[i-1])))
		}
	}
	return wrong
}

// keys judges every certificate of a chain by the policy. Nobody checks the
// signature of a root.
func (p policy) keys(sent []*x509.Certificate) []string {
	wrong := p.leaf(sent[0])
	for _, certificate := range sent[1:] {
		if !bytes.Equal(certificate.RawIssuer, certificate.RawSubject) {
			wrong = append(wrong, p.authority(certificate)...)
		}
	}
	return wrong
}

// expiry refuses certificates that have expired, or will soon. Those that the
// server sends count whether they are needed or not.
func (t trust) expiry(seen []*x509.Certificate, within time.Duration) error {
	now := t.now()
	for _, certificate := range seen {
		left := certificate.NotAfter.Sub(now)
		switch {
		case left < 0 || now.Before(certificate.NotBefore):
			failure := exchange.Brokenf(verdict.TLSExpired, "%s of %s is valid from %s to %s only", nameOf(certificate), t.host,
				certificate.NotBefore.UTC().Format(time.RFC3339), certificate.NotAfter.UTC().Format(time.RFC3339))
			failure.CertificateTime = certificate
			return failure
		case left < within:
			return exchange.Brokenf(verdict.CertificateExpiring, "%s of %s expires at %s, in %s, and %s are demanded", nameOf(certificate), t.host,
				certificate.NotAfter.UTC().Format(time.RFC3339), inDays(left), inDays(within))
		}
	}
	return nil
}

func inDays(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return d.Round(time.Minute).String()
}
