package dial

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"tocsin/internal/strictyaml"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// TLS is how a check of the plan file trusts the other side, and how it is known
// to it.
type TLS struct {
	// CAFile replaces the authorities of the target file.
	CAFile string `yaml:"ca_file"`
	// ServerName is verified instead of the host of the address.
	ServerName string `yaml:"server_name"`
	// CertFile and KeyFile are our certificate with its chain and its key, both
	// in PEM, for a server that asks for one.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Resolve makes paths absolute.
func (t *TLS) Resolve(folder string) {
	for _, path := range []*string{&t.CAFile, &t.CertFile, &t.KeyFile} {
		*path = Absolute(folder, *path)
	}
}

// Absolute is path as seen from folder.
func Absolute(folder, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

// Check reports what is wrong, by keys relative to t.
func (t *TLS) Check(report strictyaml.Report) {
	if _, err := t.Roots(nil); err != nil {
		report("ca_file", err.Error(), "")
	}
	switch {
	case t.CertFile == "" && t.KeyFile == "":
		return
	case t.CertFile == "":
		report("key_file", "stands without cert_file", "name the file of the certificate too")
		return
	case t.KeyFile == "":
		report("cert_file", "stands without key_file", "name the file of its key too")
		return
	}
	if _, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile); err != nil {
		report("cert_file", "cannot be used: "+err.Error(), "")
	}
}

// Certificate reads ours anew for each handshake that asks for it, so that it
// can be replaced; nil where there is none.
func (t *TLS) Certificate() func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if t.CertFile == "" {
		return nil
	}
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, exchange.Ownf(verdict.OwnConfig, err, "the client certificate cannot be used: %v", err)
		}
		return &pair, nil
	}
}

// Dialing is how a check reaches address: where connectTo leads, if it names it,
// trusting others where t names no authorities.
func (t *TLS) Dialing(address string, connectTo map[string]string, others *x509.CertPool) (Config, error) {
	roots, err := t.Roots(others)
	if err != nil {
		return Config{}, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return Config{}, fmt.Errorf("dial %q: %w", address, err)
	}
	reached := Config{Address: address, Roots: roots, ServerName: host, Certificate: t.Certificate()}
	if other, ok := connectTo[address]; ok {
		reached.Address = other
	}
	if t.ServerName != "" {
		reached.ServerName = t.ServerName
	}
	return reached, nil
}

// Roots are the authorities to trust: those of the file, or else others.
func (t *TLS) Roots(others *x509.CertPool) (*x509.CertPool, error) {
	if t.CAFile == "" {
		return others, nil
	}
	text, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("cannot be used: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", t.CAFile)
	}
	return pool, nil
}
