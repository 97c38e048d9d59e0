package pkcs11pool

import (
	"encoding/asn1"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/protocol"
)

// Labels (CKA_LABEL) say what a key is for. That of a signing key is its
// algorithm.
const (
	transportLabel = "transport"
	attestLabel    = "attest"
)

const digestSize = 32

// signingMechanism returns what signs a SHA-256 digest and the input it takes.
func signingMechanism(algorithm jose.SignatureAlgorithm, digest []byte) (*pkcs11.Mechanism, []byte) {
	switch algorithm {
	case jose.PS256:
		// The salt is as long as the hash (RFC 7518, 3.5).
		return pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS,
			pkcs11.NewPSSParams(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, digestSize)), digest
	case jose.RS256:
		return pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil), append(digestInfo(), digest...)
	default:
		return pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil), digest
	}
}

// digestInfo is the DER prefix of a SHA-256 digest (RFC 8017, 9.2, note 1).
func digestInfo() []byte {
	return []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
}

// allowed is the mechanism that a key is good for, as CKA_ALLOWED_MECHANISMS.
// The token itself then refuses another padding.
func allowed(algorithm jose.SignatureAlgorithm) *pkcs11.Attribute {
	mechanism, _ := signingMechanism(algorithm, nil)
	return pkcs11.NewAttribute(pkcs11.CKA_ALLOWED_MECHANISMS, mechanism.Mechanism)
}

func isSigning(label string) bool {
	return slices.Contains(protocol.Algorithms(), jose.SignatureAlgorithm(label))
}

// pairMechanism returns how to make a key pair for algorithm, the attributes of
// its public half that say so, and its type.
func pairMechanism(algorithm jose.SignatureAlgorithm, rsaBits int) ([]*pkcs11.Mechanism, []*pkcs11.Attribute, uint, error) {
	if algorithm == jose.ES256 {
		curve, err := p256()
		if err != nil {
			return nil, nil, 0, err
		}
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, curve)}, pkcs11.CKK_EC, nil
	}
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, rsaBits),
			pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		}, pkcs11.CKK_RSA, nil
}

// p256 is the curve as CKA_EC_PARAMS.
func p256() ([]byte, error) {
	curve, err := asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})
	if err != nil {
		return nil, fmt.Errorf("encode curve: %w", err)
	}
	return curve, nil
}

// oaep wraps key-encryption keys. SHA-1 is all that SoftHSM offers here; OAEP
// does not rest on collision resistance (RFC 8017, B.1).
func oaep() []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP,
		pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKZ_DATA_SPECIFIED, nil))}
}

// keyWrap wraps signing keys (RFC 5649).
func keyWrap() []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP_PAD, nil)}
}
