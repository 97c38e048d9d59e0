package keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"tocsin/internal/ownerfile"
)

// Files of an Authority's folder.
const (
	caCertificate     = "ca.pem"
	caKey             = "ca.key"
	serverCertificate = "server.pem"
	serverKey         = "server.key"
	enrolledFolder    = "enrolled"
)

// How long certificates are valid. That of the authority outlives the others
// by far: to replace it is to enrol everybody anew.
const (
	authorityFor = 20 * 365 * 24 * time.Hour
	leafFor      = 2 * 365 * 24 * time.Hour
	// backdated forgives clocks that are behind.
	backdated = time.Hour
)

// Authority issues and admits certificates. Its key stays in Folder.
type Authority struct {
	// Folder holds everything; nothing of it is read before it is needed, so
	// that what changes in it holds at once.
	Folder string
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// ErrNoAuthority means that there is no authority in the folder yet.
var ErrNoAuthority = errors.New("no certificate authority yet")

func (a *Authority) now() time.Time {
	if a.Now == nil {
		return time.Now()
	}
	return a.Now()
}

func (a *Authority) path(name ...string) string {
	return filepath.Join(append([]string{a.Folder}, name...)...)
}

// Init makes the authority, unless there is one, and a new certificate for the
// central Tocsin under names, which are host names or IP addresses. It reports
// whether the authority is new.
func (a *Authority) Init(names []string) (created bool, err error) {
	if len(names) == 0 {
		return false, errors.New("the central needs a name under which checkpoints reach it")
	}
	if err := os.MkdirAll(a.path(enrolledFolder), 0o700); err != nil {
		return false, fmt.Errorf("make folder of keys: %w", err)
	}
	if _, err := os.Stat(a.path(caCertificate)); errors.Is(err, os.ErrNotExist) {
		if err := a.create(); err != nil {
			return false, err
		}
		created = true
	}
	template := a.leaf(names[0], leafFor)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	certificate, key, err := a.issue(template)
	if err != nil {
		return created, err
	}
	if err := ownerfile.Write(a.path(serverKey), key); err != nil {
		return created, err
	}
	return created, ownerfile.Write(a.path(serverCertificate), certificate)
}

// create makes the authority. The key is written first: a certificate without
// its key would look like a whole authority.
func (a *Authority) create() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key of authority: %w", err)
	}
	template := a.leaf("Tocsin checkpoints", authorityFor)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("sign certificate of authority: %w", err)
	}
	encoded, err := encodeKey(key)
	if err != nil {
		return err
	}
	if err := ownerfile.Write(a.path(caKey), encoded); err != nil {
		return err
	}
	return ownerfile.Write(a.path(caCertificate), encodeCertificate(der))
}

// leaf is a template for a certificate of name.
func (a *Authority) leaf(name string, valid time.Duration) *x509.Certificate {
	now := a.now()
	serial := make([]byte, 16)
	// Read never fails: it ends the program rather than return an error.
	rand.Read(serial)
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(valid), KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

// issue signs template with the key of the authority and returns the
// certificate and its new key, in PEM.
func (a *Authority) issue(template *x509.Certificate) (certificate, key []byte, err error) {
	parent, signer, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &own.PublicKey, signer)
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate of %s: %w", template.Subject.CommonName, err)
	}
	key, err = encodeKey(own)
	return encodeCertificate(der), key, err
}

func (a *Authority) load() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certificate, err := readCertificate(a.path(caCertificate))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w in %s: run tocsin checkpoint init", ErrNoAuthority, a.Folder)
	}
	if err != nil {
		return nil, nil, err
	}
	data, err := os.ReadFile(a.path(caKey))
	if err != nil {
		return nil, nil, fmt.Errorf("read key of authority: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, nil, fmt.Errorf("%s holds no PEM key", a.path(caKey))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("parse key of authority: %w", err)
	}
	signer, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("%s is no ECDSA key", a.path(caKey))
	}
	return certificate, signer, nil
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func readCertificate(path string) (*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM certificate", path)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	return certificate, nil
}
