package keys

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"tocsin/probes"
)

// ErrNotEnrolled means that a certificate is not, or no longer, that of an
// enrolled checkpoint.
var ErrNotEnrolled = errors.New("not enrolled")

// Admit returns the name of the checkpoint that a certificate belongs to. The
// certificate must be the one that lies in the folder now.
func (a *Authority) Admit(certificate *x509.Certificate) (string, error) {
	name := certificate.Subject.CommonName
	if !probes.ValidCheckpoint(name) {
		return "", fmt.Errorf("%w: %q cannot name a checkpoint", ErrNotEnrolled, name)
	}
	known, err := readCertificate(a.path(enrolledFolder, name+".pem"))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("checkpoint %s is %w: tocsin checkpoint enrol %s", name, ErrNotEnrolled, name)
	}
	if err != nil {
		return "", err
	}
	if !bytes.Equal(known.Raw, certificate.Raw) {
		return "", fmt.Errorf("this certificate of checkpoint %s is %w: it was enrolled again since; use the newer file", name, ErrNotEnrolled)
	}
	return name, nil
}

// TLS is the central's side of the connection: TLS 1.3, and only for
// checkpoints that are enrolled. Files that change hold from the next
// connection on.
func (a *Authority) TLS() (*tls.Config, error) {
	authority, err := readCertificate(a.path(caCertificate))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s: run tocsin checkpoint init", ErrNoAuthority, a.Folder)
	}
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	clients.AddCert(authority)
	read := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(a.path(serverCertificate), a.path(serverKey))
		if err != nil {
			return nil, fmt.Errorf("read certificate of the central: %w", err)
		}
		return &pair, nil
	}
	if _, err := read(nil); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, GetCertificate: read,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := a.Admit(state.PeerCertificates[0])
			return err
		},
		Time: a.now,
	}, nil
}
