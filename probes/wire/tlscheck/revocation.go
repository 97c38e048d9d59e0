package tlscheck

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// standing is what is known about the revocation of one certificate.
type standing struct {
	revoked bool
	at      time.Time
	// source in words, and until when it holds.
	source string
	until  time.Time
}

// errNoSource marks a certificate that names neither responder nor list.
var errNoSource = errors.New("it names neither an OCSP responder nor a list of revoked certificates")

// revocation asks about every certificate of a verified chain but the root.
func (c *check) revocation(ctx context.Context, run *journey.Run, chain []*x509.Certificate, staple []byte) error {
	for i, certificate := range chain[:len(chain)-1] {
		stapled := staple
		if i > 0 {
			stapled = nil
		}
		known, err := c.standing(ctx, run, certificate, chain[i+1], stapled)
		var failure *exchange.Failure
		switch {
		case err == nil && known.revoked:
			return exchange.Brokenf(verdict.CertificateRevoked, "%s of %s was revoked at %s (says %s)", nameOf(certificate), c.cfg.Address, known.at.UTC().Format(time.RFC3339), known.source)
		case err == nil:
			run.Note("%s is not revoked: %s, valid until %s", nameOf(certificate), known.source, known.until.UTC().Format(time.RFC3339))
		case errors.Is(err, errNoSource):
			run.Note("whether %s is revoked is not judged: %v", nameOf(certificate), err)
		case errors.As(err, &failure) && (failure.Reason == verdict.TLSPolicy || failure.Reason == verdict.Stopped || c.cfg.Revocation == revocationHard):
			return err
		default:
			run.Note("whether %s is revoked is not judged, as the plan says (revocation: soft): %v", nameOf(certificate), err)
		}
	}
	return nil
}

// standing looks at the stapled answer, else asks the responder, else reads the
// list.
func (c *check) standing(ctx context.Context, run *journey.Run, certificate, issuer *x509.Certificate, staple []byte) (standing, error) {
	if len(staple) > 0 {
		known, err := readOCSP(staple, certificate, issuer, run.Now())
		if err != nil {
			return standing{}, exchange.Brokenf(verdict.TLSPolicy, "the stapled OCSP response for %s cannot be used: %v", nameOf(certificate), err)
		}
		known.source = "the stapled OCSP response"
		return known, nil
	}
	if mustStaple(certificate) {
		return standing{}, exchange.Brokenf(verdict.TLSPolicy, "%s says that an OCSP response must be stapled (RFC 7633), and none is", nameOf(certificate))
	}
	var problems []error
	for _, address := range certificate.OCSPServer {
		known, err := c.askOCSP(ctx, run, address, certificate, issuer)
		if err == nil {
			return known, nil
		}
		problems = append(problems, err)
	}
	for _, address := range certificate.CRLDistributionPoints {
		known, err := c.readList(ctx, run, address, certificate, issuer)
		if err == nil {
			return known, nil
		}
		problems = append(problems, err)
	}
	if len(problems) == 0 {
		return standing{}, errNoSource
	}
	return standing{}, problems[0]
}

// mustStaple reads the TLS feature extension (RFC 7633).
func mustStaple(certificate *x509.Certificate) bool {
	const statusRequest = 5
	for _, extension := range certificate.Extensions {
		if !extension.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}) {
			continue
		}
		var features []int
		if _, err := asn1.Unmarshal(extension.Value, &features); err == nil && slices.Contains(features, statusRequest) {
			return true
		}
	}
	return false
}

// askOCSP asks a responder (RFC 6960, appendix A).
func (c *check) askOCSP(ctx context.Context, run *journey.Run, address string, certificate, issuer *x509.Certificate) (standing, error) {
	question, err := ocsp.CreateRequest(certificate, issuer, nil)
	if err != nil {
		return standing{}, fmt.Errorf("make OCSP request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(question))
	if err != nil {
		return standing{}, exchange.Brokenf(verdict.Content, "%s names an OCSP responder that is no address: %v", nameOf(certificate), err)
	}
	request.Header.Set("Content-Type", "application/ocsp-request")
	answer, err := fetch(run, request)
	if err != nil {
		return standing{}, err
	}
	known, err := readOCSP(answer, certificate, issuer, run.Now())
	if err != nil {
		return standing{}, exchange.Brokenf(verdict.Content, "the OCSP responder %s sent no usable answer: %v", request.URL.Host, err)
	}
	known.source = "the OCSP responder " + request.URL.Host
	return known, nil
}

func fetch(run *journey.Run, request *http.Request) ([]byte, error) {
	reply, err := run.Send(request.Context(), request)
	if err != nil {
		return nil, err
	}
	if reply.Status != http.StatusOK {
		return nil, exchange.Unexpected(reply, "")
	}
	return reply.Body, nil
}

// readOCSP verifies an answer: its signature, by the issuer or one the issuer
// entitled, that it is about this certificate, and its time (RFC 6960, section
// 3.2).
func readOCSP(data []byte, certificate, issuer *x509.Certificate, now time.Time) (standing, error) {
	answer, err := ocsp.ParseResponseForCert(data, certificate, issuer)
	if err != nil {
		return standing{}, err
	}
	if signer := answer.Certificate; signer != nil && !signer.Equal(issuer) && !slices.Contains(signer.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return standing{}, fmt.Errorf("it is signed by %s, who is not entitled to", nameOf(signer))
	}
	const tolerated = 5 * time.Minute
	switch {
	case answer.ThisUpdate.After(now.Add(tolerated)):
		return standing{}, fmt.Errorf("it holds from %s only", answer.ThisUpdate.UTC().Format(time.RFC3339))
	case !answer.NextUpdate.IsZero() && answer.NextUpdate.Before(now):
		return standing{}, fmt.Errorf("it held until %s only", answer.NextUpdate.UTC().Format(time.RFC3339))
	case answer.Status == ocsp.Unknown:
		return standing{}, errors.New("the responder does not know the certificate")
	}
	return standing{revoked: answer.Status == ocsp.Revoked, at: answer.RevokedAt, until: answer.NextUpdate}, nil
}

// readList reads a list of revoked certificates (RFC 5280, section 6.3).
func (c *check) readList(ctx context.Context, run *journey.Run, address string, certificate, issuer *x509.Certificate) (standing, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return standing{}, exchange.Brokenf(verdict.Content, "%s names a list of revoked certificates that is no address: %v", nameOf(certificate), err)
	}
	data, err := fetch(run, request)
	if err != nil {
		return standing{}, err
	}
	revoked, err := x509.ParseRevocationList(data)
	if err == nil {
		err = revoked.CheckSignatureFrom(issuer)
	}
	if err != nil {
		return standing{}, exchange.Brokenf(verdict.Content, "the list of revoked certificates at %s cannot be used: %v", request.URL.Host, err)
	}
	if now := run.Now(); revoked.NextUpdate.Before(now) {
		return standing{}, exchange.Brokenf(verdict.Content, "the list of revoked certificates at %s held until %s only", request.URL.Host, revoked.NextUpdate.UTC().Format(time.RFC3339))
	}
	known := standing{source: "the list at " + request.URL.Host, until: revoked.NextUpdate}
	for _, entry := range revoked.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(certificate.SerialNumber) == 0 {
			known.revoked, known.at = true, entry.RevocationTime
		}
	}
	return known, nil
}
