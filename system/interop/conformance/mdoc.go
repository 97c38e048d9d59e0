package conformance

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"

	"github.com/fxamacker/cbor/v2"
)

// mdoc is IssuerSigned of ISO/IEC 18013-5, 8.3.2.1.2.2.
type mdoc struct {
	Namespaces map[string][]cbor.RawMessage `cbor:"nameSpaces"`
	Auth       struct {
		_           struct{} `cbor:",toarray"`
		Protected   []byte
		Unprotected map[any]any
		Payload     []byte
		Signature   []byte
	} `cbor:"issuerAuth"`
}

// securityObject is the part of MobileSecurityObject that is checked (9.1.2.4).
type securityObject struct {
	DocType   string                       `cbor:"docType"`
	Digests   map[string]map[uint64][]byte `cbor:"valueDigests"`
	DeviceKey struct {
		Key map[int]any `cbor:"deviceKey"`
	} `cbor:"deviceKeyInfo"`
}

func (i *issuance) checkMdoc(credential string, holder members) error {
	text, err := base64.RawURLEncoding.DecodeString(credential)
	if err != nil {
		return fmt.Errorf("mdoc: %w", err)
	}
	var signed mdoc
	if err := cbor.Unmarshal(text, &signed); err != nil {
		return fmt.Errorf("mdoc: %w", err)
	}
	if err := signed.verify(); err != nil {
		return err
	}
	var wrapped cbor.Tag
	var object securityObject
	if err := cbor.Unmarshal(signed.Auth.Payload, &wrapped); err != nil {
		return fmt.Errorf("security object: %w", err)
	}
	inner, _ := wrapped.Content.([]byte)
	if err := cbor.Unmarshal(inner, &object); err != nil {
		return fmt.Errorf("security object: %w", err)
	}
	if object.DocType != i.configuration["doctype"] {
		return fmt.Errorf("docType %q, want %v", object.DocType, i.configuration["doctype"])
	}
	x, _ := object.DeviceKey.Key[-2].([]byte)
	if base64.RawURLEncoding.EncodeToString(x) != holder["x"] {
		return errors.New("bound to another key")
	}
	return signed.checkDigests(object.Digests)
}

// verify checks the COSE_Sign1 signature (RFC 9052, 4.4) with the certificate
// in x5chain (RFC 9360, 2).
func (m *mdoc) verify() error {
	der, isOne := m.Auth.Unprotected[uint64(33)].([]byte)
	if chain, isMany := m.Auth.Unprotected[uint64(33)].([]any); isMany && len(chain) > 0 {
		der, isOne = chain[0].([]byte)
	}
	if !isOne {
		return errors.New("mdoc: no x5chain")
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("mdoc: x5chain: %w", err)
	}
	key, isECDSA := leaf.PublicKey.(*ecdsa.PublicKey)
	if !isECDSA || len(m.Auth.Signature) != 64 {
		return fmt.Errorf("mdoc: signed with %T, %d bytes", leaf.PublicKey, len(m.Auth.Signature))
	}
	covered, err := cbor.Marshal([]any{"Signature1", m.Auth.Protected, []byte{}, m.Auth.Payload})
	if err != nil {
		return fmt.Errorf("mdoc: %w", err)
	}
	digest := sha256.Sum256(covered)
	r, s := new(big.Int).SetBytes(m.Auth.Signature[:32]), new(big.Int).SetBytes(m.Auth.Signature[32:])
	if !ecdsa.Verify(key, digest[:], r, s) {
		return errors.New("mdoc: wrong signature")
	}
	return nil
}

func (m *mdoc) checkDigests(digests map[string]map[uint64][]byte) error {
	count := 0
	for namespace, items := range m.Namespaces {
		for _, item := range items {
			count++
			hash := sha256.Sum256(item)
			found := false
			for _, digest := range digests[namespace] {
				found = found || bytes.Equal(digest, hash[:])
			}
			if !found {
				return fmt.Errorf("mdoc: an item of %s has no digest", namespace)
			}
		}
	}
	if count == 0 {
		return errors.New("mdoc: there are no items")
	}
	return nil
}
