package keyset

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
)

// signer is a key in the HSM nodes as a crypto.Signer, for one certificate.
type signer struct {
	ctx    context.Context // of the one signature; crypto.Signer has no place for it
	nodes  Nodes
	public jose.JSONWebKey
}

func (s *signer) Public() crypto.PublicKey { return s.public.Key }

// Sign returns an ECDSA signature in DER, as X.509 has it.
func (s *signer) Sign(_ io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	if options.HashFunc() != crypto.SHA256 || len(digest) != crypto.SHA256.Size() {
		return nil, errors.New("sign certificate: not a SHA-256 digest")
	}
	id, err := protocol.ParseID(s.public.KeyID)
	if err != nil {
		return nil, err
	}
	raw, err := s.nodes.Sign(s.ctx, protocol.Order{Algorithm: jose.ES256, Key: id, Digest: [32]byte(digest)})
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
}

// certifyRoot makes the self-signed certificate of a root key, after the
// profile of an issuing authority's root (ISO/IEC 18013-5, table B.1).
func (k *Keeper) certifyRoot(ctx context.Context, key jose.JSONWebKey, now time.Time) ([][]byte, error) {
	template, err := k.template(now, rootLife, "issuing authority root")
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Key, &signer{ctx, k.nodes, key})
	if err != nil {
		return nil, fmt.Errorf("make root certificate: %w", err)
	}
	return [][]byte{der}, nil
}

// certifySigner makes the certificate of a credential key (ISO/IEC 18013-5,
// table B.3) and returns its chain.
func (k *Keeper) certifySigner(ctx context.Context, key jose.JSONWebKey, by *entry, now time.Time) ([][]byte, error) {
	parent, err := x509.ParseCertificate(by.Chain[0])
	if err != nil {
		return nil, fmt.Errorf("read root certificate: %w", err)
	}
	template, err := k.template(now, k.config.validity(), "credential signer")
	if err != nil {
		return nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	issuer, err := url.Parse(k.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("read issuer: %w", err)
	}
	// SD-JWT VC binds the issuer to the certificate by these names.
	template.URIs, template.DNSNames = []*url.URL{issuer}, []string{issuer.Hostname()}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 0, 18013, 5, 1, 2}}) // mdlDS
	if err != nil {
		return nil, fmt.Errorf("encode extended key usage: %w", err)
	}
	template.ExtraExtensions = append(template.ExtraExtensions,
		pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage})
	public, isEC := key.Key.(*ecdsa.PublicKey)
	if !isEC {
		return nil, fmt.Errorf("certify key of type %T", key.Key)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, &signer{ctx, k.nodes, by.Bundle.Public})
	if err != nil {
		return nil, fmt.Errorf("make signer certificate: %w", err)
	}
	return [][]byte{der, by.Chain[0]}, nil
}

// template has what both certificates share.
func (k *Keeper) template(now time.Time, life time.Duration, name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 159)) // at most 20 octets (RFC 5280, 4.1.2.2)
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	// issuerAltName, a URI: [6] IMPLICIT IA5String (RFC 5280, 4.2.1.7).
	alternative, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(k.config.Issuer)}})
	if err != nil {
		return nil, fmt.Errorf("encode issuer: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject: pkix.Name{
			Country: []string{k.config.Country}, Organization: []string{k.config.Organization},
			CommonName: k.config.Organization + " " + name,
		},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(life - backdated),
		SignatureAlgorithm: x509.ECDSAWithSHA256,
		ExtraExtensions:    []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 18}, Value: alternative}},
	}
	if k.config.CRL != "" {
		template.CRLDistributionPoints = []string{k.config.CRL}
	}
	return template, nil
}
