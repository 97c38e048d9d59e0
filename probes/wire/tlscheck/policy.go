package tlscheck

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// policy is what a server may use. The numbers are those of Mozilla's Server
// Side TLS guidelines, version 5.7.
type policy struct {
	name     string
	versions []version
	suites   []suite
	// rsa allows RSA keys, of at least rsaBits.
	rsa     bool
	rsaBits int
	// dhBits is the least size of a group of DHE.
	dhBits     int
	curves     []elliptic.Curve
	signatures []x509.SignatureAlgorithm
}

// The policies by name.
const (
	modern       = "modern"
	intermediate = "intermediate"
)

func suites13() []suite { return []suite{0x1301, 0x1302, 0x1303} }

func policyOf(name string) (policy, bool) {
	ecdsaOnly := []x509.SignatureAlgorithm{x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512}
	curves := []elliptic.Curve{elliptic.P256(), elliptic.P384()}
	switch name {
	case modern:
		return policy{name: name, versions: []version{tls13}, suites: suites13(), curves: curves, signatures: ecdsaOnly}, true
	case intermediate:
		return policy{
			name: name, versions: []version{tls12, tls13},
			suites: append(suites13(), 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0x009E, 0x009F, 0xCCAA),
			rsa:    true, rsaBits: 2048, dhBits: 2048, curves: curves,
			// The guideline names SHA-256 with RSA; longer digests are no weaker.
			signatures: append(ecdsaOnly, x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
				x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS),
		}, true
	}
	return policy{}, false
}

// leaf judges the key and signature of a server's own certificate.
func (p policy) leaf(certificate *x509.Certificate) []string {
	var wrong []string
	who := nameOf(certificate)
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		if !p.rsa {
			wrong = append(wrong, fmt.Sprintf("the key of %s is RSA, and %s allows ECDSA only", who, p.name))
		} else if key.N.BitLen() < p.rsaBits {
			wrong = append(wrong, fmt.Sprintf("the RSA key of %s has %d bits, fewer than %d", who, key.N.BitLen(), p.rsaBits))
		}
	case *ecdsa.PublicKey:
		if !slices.Contains(p.curves, key.Curve) {
			wrong = append(wrong, fmt.Sprintf("the key of %s is on %s, and %s allows P-256 and P-384", who, key.Curve.Params().Name, p.name))
		}
	default:
		wrong = append(wrong, fmt.Sprintf("the key of %s is %s, which %s does not have", who, certificate.PublicKeyAlgorithm, p.name))
	}
	if !slices.Contains(p.signatures, certificate.SignatureAlgorithm) {
		wrong = append(wrong, fmt.Sprintf("%s is signed with %s, which %s does not allow", who, certificate.SignatureAlgorithm, p.name))
	}
	return wrong
}

// authority judges a certificate between the server's and the root. Its type of
// key is the authority's affair; its strength is not.
func (p policy) authority(certificate *x509.Certificate) []string {
	var wrong []string
	who := nameOf(certificate)
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			wrong = append(wrong, fmt.Sprintf("the RSA key of %s has %d bits, fewer than 2048", who, key.N.BitLen()))
		}
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize < 256 {
			wrong = append(wrong, fmt.Sprintf("the key of %s is on %s, weaker than 256 bits", who, key.Curve.Params().Name))
		}
	}
	algorithm := certificate.SignatureAlgorithm.String()
	if strings.Contains(algorithm, "SHA1") || strings.Contains(algorithm, "MD5") || strings.Contains(algorithm, "MD2") {
		wrong = append(wrong, fmt.Sprintf("%s is signed with %s", who, algorithm))
	}
	return wrong
}

func nameOf(certificate *x509.Certificate) string {
	if name := certificate.Subject.CommonName; name != "" {
		return fmt.Sprintf("%q", name)
	}
	if len(certificate.DNSNames) > 0 {
		return fmt.Sprintf("%q", certificate.DNSNames[0])
	}
	return fmt.Sprintf("the certificate with serial %s", certificate.SerialNumber)
}

// scanned judges what the server accepted.
func (p policy) scanned(found []acceptance) []string {
	var wrong []string
	for _, accepted := range found {
		if !slices.Contains(p.versions, accepted.version) {
			if len(accepted.suites) > 0 {
				wrong = append(wrong, fmt.Sprintf("accepts %s (with %s)", accepted.version, names(accepted.suites)))
			}
			continue
		}
		for _, s := range accepted.suites {
			if !slices.Contains(p.suites, s) {
				wrong = append(wrong, fmt.Sprintf("accepts %s over %s", s, accepted.version))
			}
		}
		if bits := accepted.dhBits; bits > 0 && bits < p.dhBits {
			wrong = append(wrong, fmt.Sprintf("uses a DHE group of %d bits over %s, fewer than %d", bits, accepted.version, p.dhBits))
		}
		if accepted.weakGroup != 0 {
			wrong = append(wrong, fmt.Sprintf("accepts the elliptic curve %s over %s, weaker than 256 bits", accepted.weakGroup, accepted.version))
		}
	}
	return wrong
}

func names(all []suite) string {
	const most = 3
	var parts []string
	for _, s := range all[:min(len(all), most)] {
		parts = append(parts, s.String())
	}
	if len(all) > most {
		parts = append(parts, fmt.Sprintf("%d more", len(all)-most))
	}
	return strings.Join(parts, ", ")
}
