package exchange

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// SeenIn finds the certificates that a failed handshake refused.
func SeenIn(err error) *tls.ConnectionState {
	var refused *tls.CertificateVerificationError
	if errors.As(err, &refused) {
		return &tls.ConnectionState{PeerCertificates: refused.UnverifiedCertificates}
	}
	var foreign x509.UnknownAuthorityError
	if errors.As(err, &foreign) && foreign.Cert != nil {
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{foreign.Cert}}
	}
	return nil
}
