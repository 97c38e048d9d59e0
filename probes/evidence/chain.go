package evidence

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"tocsin/probes"
)

// certificate is one of a chain, as people ask for it.
type certificate struct {
	Host      string    `json:"host"`
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names,omitempty"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Serial    string    `json:"serial"`
}

// chains are the certificates that the servers of a run showed, each chain
// once, in PEM with a line that says whose it is.
func chains(exchanges []probes.Exchange) ([]certificate, []byte, error) {
	var list []certificate
	var text bytes.Buffer
	seen := map[string]bool{}
	for _, x := range exchanges {
		if x.TLS == nil || len(x.TLS.PeerCertificates) == 0 {
			continue
		}
		leaf := string(x.TLS.PeerCertificates[0].Raw)
		if seen[leaf] {
			continue
		}
		seen[leaf] = true
		for _, one := range x.TLS.PeerCertificates {
			list = append(list, describe(x.Hop.URL, one))
			fmt.Fprintf(&text, "# %s: %s, issued by %s, until %s\n", x.Hop.URL, one.Subject, one.Issuer, one.NotAfter.UTC().Format(time.RFC3339))
			if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: one.Raw}); err != nil {
				return nil, nil, fmt.Errorf("encode certificate chain: %w", err)
			}
		}
	}
	return list, text.Bytes(), nil
}

func describe(host string, c *x509.Certificate) certificate {
	names := append([]string(nil), c.DNSNames...)
	for _, address := range c.IPAddresses {
		names = append(names, address.String())
	}
	return certificate{
		Host: host, Subject: c.Subject.String(), Issuer: c.Issuer.String(), Names: names,
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Serial: c.SerialNumber.Text(16),
	}
}
