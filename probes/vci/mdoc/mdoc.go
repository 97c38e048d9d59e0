package mdoc

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// headerChain is the x5chain header (RFC 9360, section 2).
const headerChain = 33

// Document is an mdoc whose digests and signature have been checked against
// the key of its own certificate; who that is, is for the caller to judge.
type Document struct {
	DocType  string
	Chain    []*x509.Certificate
	Device   *ecdsa.PublicKey
	From     time.Time
	Until    time.Time
	Elements int
}

type issuerSigned struct {
	Namespaces map[string][]cbor.RawMessage `cbor:"nameSpaces"`
	Auth       cbor.RawMessage              `cbor:"issuerAuth"`
}

type mobileSecurityObject struct {
	DigestAlgorithm string                       `cbor:"digestAlgorithm"`
	Digests         map[string]map[uint64][]byte `cbor:"valueDigests"`
	DocType         string                       `cbor:"docType"`
	Device          struct {
		Key map[int]any `cbor:"deviceKey"`
	} `cbor:"deviceKeyInfo"`
	Validity struct {
		From  time.Time `cbor:"validFrom"`
		Until time.Time `cbor:"validUntil"`
	} `cbor:"validityInfo"`
}

// ErrSignature is what Read returns when the signature is not of the key in the
// certificate.
var ErrSignature = errors.New("the signature is not of the key in its certificate")

// Read decodes an mdoc as issued (OpenID4VCI 1.0, A.2.4: base64url of
// IssuerSigned) and checks what it says of itself.
func Read(text string) (*Document, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("it is not base64url: %w", err)
	}
	mode, err := decoder()
	if err != nil {
		return nil, err
	}
	var signed issuerSigned
	if err := mode.Unmarshal(raw, &signed); err != nil {
		return nil, fmt.Errorf("it is no IssuerSigned: %w", err)
	}
	object, chain, err := verify(mode, signed.Auth)
	if err != nil {
		return nil, err
	}
	elements, err := checkDigests(mode, signed.Namespaces, object)
	if err != nil {
		return nil, err
	}
	device, err := deviceKey(object.Device.Key)
	if err != nil {
		return nil, err
	}
	return &Document{
		DocType: object.DocType, Chain: chain, Device: device, Elements: elements,
		From: object.Validity.From, Until: object.Validity.Until,
	}, nil
}

func decoder() (cbor.DecMode, error) {
	mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthAllowed}.DecMode()
	if err != nil {
		return nil, fmt.Errorf("make CBOR decoder: %w", err)
	}
	return mode, nil
}

// verify checks issuerAuth, and returns what it signs and its certificates.
func verify(mode cbor.DecMode, auth []byte) (*mobileSecurityObject, []*x509.Certificate, error) {
	var message cose.UntaggedSign1Message
	if err := message.UnmarshalCBOR(auth); err != nil {
		return nil, nil, fmt.Errorf("issuerAuth is no COSE_Sign1: %w", err)
	}
	chain, err := chainOf(message.Headers.Unprotected[int64(headerChain)])
	if err != nil {
		return nil, nil, err
	}
	algorithm, err := message.Headers.Protected.Algorithm()
	if err != nil {
		return nil, nil, fmt.Errorf("issuerAuth names no algorithm: %w", err)
	}
	verifier, err := cose.NewVerifier(algorithm, chain[0].PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("issuerAuth: %w", err)
	}
	if err := message.Verify(nil, verifier); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	var wrapped cbor.Tag
	if err := mode.Unmarshal(message.Payload, &wrapped); err != nil || wrapped.Number != 24 {
		return nil, nil, errors.New("what issuerAuth signs is no encoded CBOR (tag 24)")
	}
	inner, isBytes := wrapped.Content.([]byte)
	if !isBytes {
		return nil, nil, errors.New("what issuerAuth signs holds no bytes")
	}
	var object mobileSecurityObject
	if err := mode.Unmarshal(inner, &object); err != nil {
		return nil, nil, fmt.Errorf("what issuerAuth signs is no mobile security object: %w", err)
	}
	return &object, chain, nil
}

func chainOf(header any) ([]*x509.Certificate, error) {
	var encoded [][]byte
	switch typed := header.(type) {
	case []byte:
		encoded = [][]byte{typed}
	case []any:
		for _, one := range typed {
			der, isBytes := one.([]byte)
			if !isBytes {
				return nil, errors.New("x5chain holds something else than certificates")
			}
			encoded = append(encoded, der)
		}
	}
	if len(encoded) == 0 || len(encoded) > 10 {
		return nil, errors.New("issuerAuth has no usable x5chain")
	}
	chain := make([]*x509.Certificate, 0, len(encoded))
	for _, der := range encoded {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("x5chain: %w", err)
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}

// checkDigests checks every element against the digest of its number
// (ISO/IEC 18013-5, 9.1.2.5), over the tagged bytes.
func checkDigests(mode cbor.DecMode, namespaces map[string][]cbor.RawMessage, object *mobileSecurityObject) (int, error) {
	digest, err := digestOf(object.DigestAlgorithm)
	if err != nil {
		return 0, err
	}
	count := 0
	for name, items := range namespaces {
		for _, item := range items {
			var wrapped cbor.Tag
			var element struct {
				ID   uint64 `cbor:"digestID"`
				Name string `cbor:"elementIdentifier"`
			}
			if err := mode.Unmarshal(item, &wrapped); err != nil || wrapped.Number != 24 {
				return 0, fmt.Errorf("an element of %.60q is no encoded CBOR (tag 24)", name)
			}
			inner, isBytes := wrapped.Content.([]byte)
			if !isBytes {
				return 0, fmt.Errorf("an element of %.60q holds no bytes", name)
			}
			if err := mode.Unmarshal(inner, &element); err != nil {
				return 0, fmt.Errorf("an element of %.60q cannot be read: %w", name, err)
			}
			if !bytes.Equal(digest(item), object.Digests[name][element.ID]) {
				return 0, fmt.Errorf("the element %.60q is not what the issuer signed", element.Name)
			}
			count++
		}
	}
	return count, nil
}

func digestOf(name string) (func([]byte) []byte, error) {
	switch name {
	case "SHA-256":
		return func(text []byte) []byte { sum := sha256.Sum256(text); return sum[:] }, nil
	case "SHA-384":
		return func(text []byte) []byte { sum := sha512.Sum384(text); return sum[:] }, nil
	case "SHA-512":
		return func(text []byte) []byte { sum := sha512.Sum512(text); return sum[:] }, nil
	}
	return nil, fmt.Errorf("digestAlgorithm is %.40q", name)
}

// deviceKey reads a COSE key on P-256 (RFC 9053, 7.1.1), the only kind this
// wallet proves.
func deviceKey(key map[int]any) (*ecdsa.PublicKey, error) {
	x, xIsBytes := key[-2].([]byte)
	y, yIsBytes := key[-3].([]byte)
	if key[1] != uint64(2) || key[-1] != uint64(1) || !xIsBytes || !yIsBytes {
		return nil, errors.New("the device key is no P-256 key")
	}
	point, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, fmt.Errorf("the device key is no point of P-256: %w", err)
	}
	return point, nil
}

// Bound reports whether the mdoc is bound to key.
func (d *Document) Bound(key crypto.PublicKey) bool { return d.Device.Equal(key) }
