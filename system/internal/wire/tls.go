package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"

	"tocsin/system/internal/conf"
)

// TLS names the files of one component's certificate and of the CA that signed
// its peers.
type TLS struct {
	Cert conf.File `yaml:"cert_file"`
	Key  conf.File `yaml:"key_file"`
	CA   conf.File `yaml:"ca_file"`
}

// Validate reports what is missing; key is where the section stands.
func (t TLS) Validate(key string) error {
	if t.Cert == "" || t.Key == "" || t.CA == "" {
		return fmt.Errorf("key %q: cert_file, key_file and ca_file are all needed", key)
	}
	return nil
}

// Client returns the configuration to dial peers with: they are verified by
// the CA, and get this component's certificate.
func (t TLS) Client() (*tls.Config, error) {
	pair, pool, err := t.load()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{pair},
		ClientSessionCache: tls.NewLRUClientSessionCache(32),
	}, nil
}

// Server returns the configuration to listen with: callers without a
// certificate of the CA do not get through the handshake.
func (t TLS) Server() (*tls.Config, error) {
	pair, pool, err := t.load()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ClientCAs: pool, Certificates: []tls.Certificate{pair},
		ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"http/1.1"},
	}, nil
}

func (t TLS) load() (tls.Certificate, *x509.CertPool, error) {
	pair, err := tls.LoadX509KeyPair(string(t.Cert), string(t.Key))
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("load certificate %s: %w", t.Cert, err)
	}
	text, err := os.ReadFile(string(t.CA))
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("load CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return tls.Certificate{}, nil, fmt.Errorf("load CA %s: %w", t.CA, errors.New("no certificate in it"))
	}
	return pair, pool, nil
}

// OnlyFrom lets callers pass whose certificate has one of the organizational
// units; with no units everybody who got through the handshake passes.
func OnlyFrom(units []string, next http.Handler) http.Handler {
	if len(units) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			http.Error(w, "a client certificate is needed", http.StatusForbidden)
			return
		}
		for _, unit := range r.TLS.PeerCertificates[0].Subject.OrganizationalUnit {
			if slices.Contains(units, unit) {
				next.ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, "this caller is not allowed here", http.StatusForbidden)
	})
}
