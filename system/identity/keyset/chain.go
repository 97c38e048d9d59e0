package keyset

import (
	"bytes"
	"crypto/x509"
	"fmt"
)

// links is how many certificates the chain of a key has.
func links(use Use) int {
	switch use {
	case root:
		return 1
	case Credential:
		return 2
	default:
		return 0
	}
}

// certificate returns the first certificate of the chain, which is for this key.
func (e *entry) certificate() (*x509.Certificate, error) {
	leaf, err := x509.ParseCertificate(e.Chain[0])
	if err != nil {
		return nil, fmt.Errorf("certificate of key %s: %w", e.kid(), err)
	}
	public, err := x509.MarshalPKIXPublicKey(e.Bundle.Public.Key)
	if err != nil {
		return nil, fmt.Errorf("encode key %s: %w", e.kid(), err)
	}
	if !bytes.Equal(public, leaf.RawSubjectPublicKeyInfo) {
		return nil, fmt.Errorf("certificate of key %s is for another", e.kid())
	}
	return leaf, nil
}

// checkChains refuses certificates that no key of the ring signed. Nodes attest
// keys and not certificates, so whoever writes the ring could put in others for
// the same keys. A root has to have signed its own, and one of the ring every
// other: the signature is by an attested key then, which is in the HSM nodes.
// Whether a certificate has expired is for verifiers to say: the ring has to be
// readable then, too.
func (d *document) checkChains() error {
	roots := map[string]*x509.Certificate{}
	for i := range d.Keys {
		e := &d.Keys[i]
		if e.use() != root {
			continue
		}
		own, err := e.certificate()
		if err != nil {
			return err
		}
		if err := own.CheckSignatureFrom(own); err != nil {
			return fmt.Errorf("certificate of root key %s: %w", e.kid(), err)
		}
		roots[string(e.Chain[0])] = own
	}
	for i := range d.Keys {
		e := &d.Keys[i]
		if e.use() != Credential {
			continue
		}
		leaf, err := e.certificate()
		if err != nil {
			return err
		}
		by, known := roots[string(e.Chain[1])]
		if !known {
			return fmt.Errorf("certificate of key %s is by no root of the ring", e.kid())
		}
		if err := leaf.CheckSignatureFrom(by); err != nil {
			return fmt.Errorf("certificate of key %s: %w", e.kid(), err)
		}
	}
	return nil
}

// rootsInUse are the certificates of roots that a key of the ring has in its chain.
func (d *document) rootsInUse() map[string]bool {
	named := map[string]bool{}
	for i := range d.Keys {
		if e := &d.Keys[i]; e.use() == Credential {
			named[string(e.Chain[1])] = true
		}
	}
	return named
}
