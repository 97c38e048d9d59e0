package reach

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"tocsin/internal/verdict"
)

// explainTLS returns nil when err is not about TLS. A wrong certificate does
// not mend itself, so trying again would only hide it behind another server.
func (a Attempt) explainTLS(err error) *Trouble {
	var foreign x509.UnknownAuthorityError
	if errors.As(err, &foreign) {
		return troublef(verdict.TLSUntrusted, "TLS: the certificate of %s is foreign: it is signed by %s, which this target does not trust%s",
			a.Host, issuerOf(foreign.Cert), named(foreign.Cert))
	}
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		return a.explainInvalid(invalid)
	}
	var wrongName x509.HostnameError
	if errors.As(err, &wrongName) {
		return troublef(verdict.TLSName, "TLS: the certificate of %s is for another name%s", a.Host, named(wrongName.Certificate))
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) {
		return troublef(verdict.TLSHandshake, "TLS: %s does not speak TLS", a.Host)
	}
	// The other side's alerts have a type of their own only for QUIC.
	var alert *net.OpError
	if errors.As(err, &alert) && alert.Op == "remote error" {
		return troublef(verdict.TLSHandshake, "TLS: %s refused the handshake: %v", a.Host, alert.Err)
	}
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) {
		return troublef(verdict.TLSUntrusted, "TLS: the certificate of %s cannot be trusted: %v", a.Host, verification.Err)
	}
	return nil
}

func (a Attempt) explainInvalid(invalid x509.CertificateInvalidError) *Trouble {
	certificate := invalid.Cert
	if invalid.Reason != x509.Expired {
		return troublef(verdict.TLSUntrusted, "TLS: the certificate of %s is not valid: %v%s", a.Host, invalid, named(certificate))
	}
	now := a.Now()
	var trouble *Trouble
	if now.Before(certificate.NotBefore) {
		trouble = troublef(verdict.TLSExpired, "TLS: the certificate of %s is not valid before %s, in %s%s", a.Host,
			certificate.NotBefore.UTC().Format(time.RFC3339), roundAge(certificate.NotBefore.Sub(now)), named(certificate))
	} else {
		trouble = troublef(verdict.TLSExpired, "TLS: the certificate of %s expired at %s, %s ago%s", a.Host,
			certificate.NotAfter.UTC().Format(time.RFC3339), roundAge(now.Sub(certificate.NotAfter)), named(certificate))
	}
	trouble.CertificateTime = certificate
	return trouble
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
