package vci

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// maxChain bounds the certificates beside a signature.
const maxChain = 10

// algorithms that credentials may be signed with: asymmetric ones.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.PS256, jose.PS384, jose.PS512, jose.RS256, jose.RS384, jose.RS512,
	}
}

// certificates reads x5c of the protected header of a compact JWS (RFC 7515,
// 4.1.6). Without x5c there are none.
func certificates(token string) ([]*x509.Certificate, error) {
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("the header is not base64url: %w", err)
	}
	var header struct {
		Chain []string `json:"x5c"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		return nil, fmt.Errorf("the header is not JSON: %w", err)
	}
	if len(header.Chain) > maxChain {
		return nil, fmt.Errorf("x5c has %d certificates", len(header.Chain))
	}
	chain := make([]*x509.Certificate, 0, len(header.Chain))
	for _, text := range header.Chain {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("x5c is not base64: %w", err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("x5c: %w", err)
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}

// anchor checks that a chain ends in one of roots; without roots, that each
// certificate is signed by the next and good now, as far as the chain goes.
func anchor(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) error {
	if roots != nil {
		between := x509.NewCertPool()
		for _, certificate := range chain[1:] {
			between.AddCert(certificate)
		}
		_, err := chain[0].Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		return err
	}
	for index, certificate := range chain {
		if now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
			return fmt.Errorf("the certificate of %q is good from %s to %s", certificate.Subject,
				certificate.NotBefore.UTC().Format(time.RFC3339), certificate.NotAfter.UTC().Format(time.RFC3339))
		}
		if index+1 < len(chain) {
			if err := certificate.CheckSignatureFrom(chain[index+1]); err != nil {
				return fmt.Errorf("the certificate of %q is not signed by the next: %w", certificate.Subject, err)
			}
		}
	}
	return nil
}

// issuerKey finds the key that has signed token in the name of issuer: in its
// certificates when they end in the roots of the target file, else among the
// keys that the issuer publishes (SD-JWT VC, 2.5).
func (s *session) issuerKey(ctx context.Context, what, token, kid, issuer string) (crypto.PublicKey, error) {
	chain, err := certificates(token)
	if err != nil {
		return nil, exchange.Brokenf(verdict.Signature, "%s: %v", what, err)
	}
	if len(chain) > 0 {
		for _, certificate := range chain {
			s.Expires(certificate.NotAfter)
		}
		if err := anchor(chain, s.roots, s.Now()); err != nil {
			return nil, s.badChain(what, err)
		}
		if s.roots != nil {
			return chain[0].PublicKey, nil
		}
	} else if s.roots != nil {
		return nil, exchange.Brokenf(verdict.Signature, "%s has no certificates (x5c), and credential.roots_file wants some", what)
	}
	published, err := s.publishedKeys(ctx, issuer)
	if err != nil {
		return nil, err
	}
	if len(chain) > 0 {
		return inSet(what, published, chain[0].PublicKey)
	}
	for _, key := range published.Keys {
		if kid == "" && len(published.Keys) == 1 || kid != "" && key.KeyID == kid {
			return key.Key, nil
		}
	}
	return nil, exchange.Brokenf(verdict.Signature, "%s is signed with the key %q, which the issuer does not publish", what, shorten(kid))
}

// badChain may be our clock's fault.
func (s *session) badChain(what string, err error) error {
	detail := fmt.Sprintf("%s: its certificates are not good: %v", what, err)
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired || strings.Contains(err.Error(), "is good from") {
		return s.WrongTime(verdict.TLSExpired, detail)
	}
	return exchange.Brokenf(verdict.Signature, "%s", detail)
}

func inSet(what string, published *jose.JSONWebKeySet, key crypto.PublicKey) (crypto.PublicKey, error) {
	for _, known := range published.Keys {
		if other, ok := known.Key.(interface{ Equal(crypto.PublicKey) bool }); ok && other.Equal(key) {
			return key, nil
		}
	}
	return nil, exchange.Brokenf(verdict.Signature, "%s is signed with the key of its certificate, which the issuer does not publish", what)
}

// publishedKeys reads the keys of an issuer (SD-JWT VC, section 3: JWT VC issuer
// metadata). They are read once a run.
func (s *session) publishedKeys(ctx context.Context, issuer string) (*jose.JSONWebKeySet, error) {
	if known := s.keys[issuer]; known != nil {
		return known, nil
	}
	address, err := wellKnown(issuer, keysWellKnown)
	if err != nil {
		return nil, exchange.Brokenf(verdict.Keys, "the key of the issuer cannot be found: %v; name its roots in credential.roots_file", err)
	}
	reply, err := s.Get(ctx, address, journey.AcceptJSON)
	if err != nil {
		return nil, err
	}
	if reply.Status == http.StatusNotFound {
		return nil, exchange.Brokenf(verdict.OwnConfig, "the issuer publishes no keys at %s; name the roots of its certificates in credential.roots_file", address)
	}
	var document struct {
		Issuer string              `json:"issuer"`
		URI    string              `json:"jwks_uri"`
		Keys   *jose.JSONWebKeySet `json:"jwks"`
	}
	if err := s.readJSON(reply, "the keys of the issuer", &document); err != nil {
		return nil, err
	}
	if document.Issuer != issuer {
		return nil, exchange.Brokenf(verdict.Keys, "the metadata of the issuer's keys is of %q, expected %q", shorten(document.Issuer), issuer)
	}
	if (document.URI == "") == (document.Keys == nil) {
		return nil, exchange.Brokenf(verdict.Keys, "the metadata of the issuer's keys needs exactly one of jwks and jwks_uri")
	}
	if document.Keys == nil {
		if document.Keys, err = s.readKeySet(ctx, document.URI); err != nil {
			return nil, err
		}
	}
	if s.keys == nil {
		s.keys = map[string]*jose.JSONWebKeySet{}
	}
	s.keys[issuer] = document.Keys
	return document.Keys, nil
}

func (s *session) readKeySet(ctx context.Context, address string) (*jose.JSONWebKeySet, error) {
	reply, err := s.Get(ctx, address, "application/jwk-set+json, application/json")
	if err != nil {
		return nil, err
	}
	if reply.Status != http.StatusOK {
		return nil, exchange.Unexpected(reply, "")
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(bytes.TrimSpace(reply.Body), &set); err != nil {
		return nil, exchange.Brokenf(verdict.Keys, "the keys of the issuer cannot be read: %v", err)
	}
	for _, key := range set.Keys {
		if !key.IsPublic() {
			return nil, exchange.Brokenf(verdict.Keys, "the issuer publishes the private key %q", shorten(key.KeyID))
		}
	}
	return &set, nil
}

// verifyJWT checks the type and signature of a JWT and returns what it says.
func (s *session) verifyJWT(ctx context.Context, what, token, typ, issuer string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(strings.TrimSpace(token), algorithms())
	if err != nil {
		return nil, exchange.Brokenf(verdict.Signature, "%s cannot be read, or is signed with an algorithm that proves nothing: %v", what, err)
	}
	header := signed.Signatures[0].Protected
	if got := header.ExtraHeaders[jose.HeaderType]; typ != "" && got != typ {
		return nil, exchange.Brokenf(verdict.Content, "%s has the typ %v, expected %s", what, got, typ)
	}
	key, err := s.issuerKey(ctx, what, token, header.KeyID, issuer)
	if err != nil {
		return nil, err
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, exchange.Brokenf(verdict.Signature, "the signature of %s is wrong", strings.TrimPrefix(what, "the "))
	}
	return payload, nil
}
