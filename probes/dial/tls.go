package dial

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
)

// TLS is how a check of the plan file trusts the other side.
type TLS struct {
	// CAFile replaces the authorities of the target file.
	CAFile string `yaml:"ca_file"`
	// ServerName is verified instead of the host of the address.
	ServerName string `yaml:"server_name"`
}

// Resolve makes paths absolute.
func (t *TLS) Resolve(folder string) { t.CAFile = Absolute(folder, t.CAFile) }

// Absolute is path as seen from folder.
func Absolute(folder, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

// Check reports what is wrong, by keys relative to t.
func (t *TLS) Check(report func(key, problem, hint string)) {
	if _, err := t.Roots(nil); err != nil {
		report("ca_file", err.Error(), "")
	}
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
