package proof

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tocsin/system/identity/compact"
	"tocsin/system/identity/vci/holder"
)

// Trust is whose key attestations are believed: wallet providers and makers of
// key storage, by their keys or by the roots of their certificates.
type Trust struct {
	byID map[string]*compact.Key
	keys []*compact.Key
	// roots is nil when no certificate is believed.
	roots *x509.CertPool
}

// NewTrust reads a JWK set of trusted keys and PEM certificates of trusted
// roots; either may be empty.
func NewTrust(jwks, roots []byte) (*Trust, error) {
	trust := &Trust{byID: map[string]*compact.Key{}}
	if len(jwks) > 0 {
		if err := trust.addKeys(jwks); err != nil {
			return nil, fmt.Errorf("read trusted attestation keys: %w", err)
		}
	}
	if len(roots) > 0 {
		trust.roots = x509.NewCertPool()
		if !trust.roots.AppendCertsFromPEM(roots) {
			return nil, errors.New("read trusted attestation roots: there is no certificate")
		}
	}
	return trust, nil
}

func (t *Trust) addKeys(jwks []byte) error {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return err
	}
	for i, raw := range set.Keys {
		key, err := compact.ParseJWK(raw)
		if err != nil {
			return fmt.Errorf("keys[%d]: %w", i, err)
		}
		var named struct {
			ID string `json:"kid"`
		}
		if err := json.Unmarshal(raw, &named); err != nil {
			return fmt.Errorf("keys[%d]: %w", i, err)
		}
		t.keys = append(t.keys, key)
		if named.ID != "" {
			t.byID[named.ID] = key
		}
	}
	return nil
}

// Anybody reports whether there is somebody whose attestations are believed.
func (t *Trust) Anybody() bool { return len(t.keys) > 0 || t.roots != nil }

// verify checks that somebody trusted signed token.
func (t *Trust) verify(token *compact.Token, now time.Time) error {
	if token.Header.X5C != nil && t.roots != nil {
		key, err := t.leaf(token.Header.X5C, now)
		if err != nil {
			return err
		}
		if err := token.Verify(key); err != nil {
			return invalid("the signature of a key attestation does not verify")
		}
		return nil
	}
	if key, known := t.byID[token.Header.KeyID]; known {
		if err := token.Verify(key.Public); err != nil {
			return invalid("the signature of a key attestation does not verify")
		}
		return nil
	}
	for _, key := range t.keys { // few: those of the configuration
		if token.Verify(key.Public) == nil {
			return nil
		}
	}
	return invalid("a key attestation is not signed by anybody trusted")
}

// leaf returns the key of a chain that ends at a trusted root.
func (t *Trust) leaf(x5c []byte, now time.Time) (any, error) {
	chain, err := holder.Certificates(x5c)
	if err != nil {
		return nil, invalid("the x5c of a key attestation cannot be read")
	}
	between := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{
		Roots: t.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, invalid("the certificate of a key attestation is not of anybody trusted")
	}
	return chain[0].PublicKey, nil
}
