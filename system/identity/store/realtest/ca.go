package realtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"tocsin/system/internal/conf"
	"tocsin/system/internal/wire"
)

// CA signs the certificates of a site.
type CA struct {
	dir    string
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	issued atomic.Int64
}

// NewCA returns a CA that keeps its files in dir.
func NewCA(dir string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make CA key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read CA: %w", err)
	}
	ca := &CA{dir: dir, key: key, cert: cert}
	return ca, writePEM(ca.File(), "CERTIFICATE", der, 0o644)
}

// File is the CA's certificate.
func (ca *CA) File() string { return filepath.Join(ca.dir, "ca.pem") }

// Issue makes the certificate of component, for loopback, with the component's
// name as CN and OU.
func (ca *CA) Issue(component string) (wire.TLS, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return wire.TLS{}, fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return wire.TLS{}, fmt.Errorf("make serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: component, OrganizationalUnit: []string{component}},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return wire.TLS{}, fmt.Errorf("issue certificate: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return wire.TLS{}, fmt.Errorf("encode key: %w", err)
	}
	// Each certificate has files of its own: whoever runs on an earlier one may
	// be reading it.
	stem := filepath.Join(ca.dir, fmt.Sprintf("%s-%d", component, ca.issued.Add(1)))
	files := wire.TLS{
		Cert: conf.File(stem + ".pem"),
		Key:  conf.File(stem + ".key"),
		CA:   conf.File(ca.File()),
	}
	if err := writePEM(string(files.Cert), "CERTIFICATE", der, 0o644); err != nil {
		return files, err
	}
	return files, writePEM(string(files.Key), "PRIVATE KEY", encoded, 0o600)
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
