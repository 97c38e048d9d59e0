package pkcs11pool

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/protocol"
)

// Key is a key pair of the token.
type Key struct {
	ID protocol.ID
	// Label says what it is for; of a signing key it is the algorithm.
	Label  string
	Public crypto.PublicKey
}

// errKeyCount means that the token has no such key, or several.
var errKeyCount = errors.New("number of matching keys is not one")

// maxObjects bounds what is read of one token.
const maxObjects = 256

func findAll(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, template ...*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := ctx.FindObjectsInit(handle, template); err != nil {
		return nil, fmt.Errorf("C_FindObjectsInit: %w", err)
	}
	objects, _, err := ctx.FindObjects(handle, maxObjects)
	if final := ctx.FindObjectsFinal(handle); final != nil {
		err = errors.Join(err, final)
	}
	if err != nil {
		return nil, fmt.Errorf("C_FindObjects: %w", err)
	}
	return objects, nil
}

// findByID returns the one object of class with CKA_ID id.
func findByID(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, class uint, id protocol.ID) (pkcs11.ObjectHandle, error) {
	objects, err := findAll(ctx, handle,
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_ID, id[:]))
	if err != nil {
		return 0, err
	}
	if len(objects) != 1 {
		return 0, fmt.Errorf("%w: %d with id %s", errKeyCount, len(objects), id)
	}
	return objects[0], nil
}

// readKeys reads the public halves of all key pairs. An object whose id is not
// its thumbprint is not of this system's making, and passed over.
func readKeys(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle) (map[protocol.ID]Key, error) {
	objects, err := findAll(ctx, handle,
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true))
	if err != nil {
		return nil, err
	}
	keys := make(map[protocol.ID]Key, len(objects))
	for _, object := range objects {
		attributes, err := ctx.GetAttributeValue(handle, object, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_ID, nil), pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil),
		})
		if err != nil {
			return nil, fmt.Errorf("C_GetAttributeValue: %w", err)
		}
		public, err := readPublic(ctx, handle, object)
		if err != nil {
			return nil, err
		}
		id, err := protocol.IDOf(public)
		if err != nil {
			return nil, err
		}
		if string(attributes[0].Value) != string(id[:]) {
			continue
		}
		keys[id] = Key{ID: id, Label: string(attributes[1].Value), Public: public}
	}
	return keys, nil
}

func readPublic(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, object pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	kind, err := ctx.GetAttributeValue(handle, object, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, nil)})
	if err != nil {
		return nil, fmt.Errorf("C_GetAttributeValue: %w", err)
	}
	if string(kind[0].Value) == string(pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA).Value) {
		return readRSA(ctx, handle, object)
	}
	return readEC(ctx, handle, object)
}

func readRSA(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, object pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	attributes, err := ctx.GetAttributeValue(handle, object, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_MODULUS, nil), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, nil),
	})
	if err != nil {
		return nil, fmt.Errorf("C_GetAttributeValue: %w", err)
	}
	exponent := new(big.Int).SetBytes(attributes[1].Value)
	if !exponent.IsInt64() || exponent.Int64() > 1<<31-1 {
		return nil, errors.New("read CKA_PUBLIC_EXPONENT: too large")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(attributes[0].Value), E: int(exponent.Int64())}, nil
}

func readEC(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, object pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	attributes, err := ctx.GetAttributeValue(handle, object, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)})
	if err != nil {
		return nil, fmt.Errorf("C_GetAttributeValue: %w", err)
	}
	// CKA_EC_POINT is the DER encoding of an OCTET STRING (PKCS#11 2.40, 2.3.3).
	var point []byte
	rest, err := asn1.Unmarshal(attributes[0].Value, &point)
	if err != nil {
		return nil, fmt.Errorf("read CKA_EC_POINT: %w", err)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("read CKA_EC_POINT: %d bytes behind the octet string", len(rest))
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, fmt.Errorf("read CKA_EC_POINT: %w", err)
	}
	return public, nil
}

// publicTemplate is what C_CreateObject needs to keep a public key.
func publicTemplate(public crypto.PublicKey) ([]*pkcs11.Attribute, error) {
	class := pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY)
	switch key := public.(type) {
	case *rsa.PublicKey:
		return []*pkcs11.Attribute{
			class, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA),
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS, key.N.Bytes()),
			pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, big.NewInt(int64(key.E)).Bytes()),
		}, nil
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			return nil, fmt.Errorf("encode public key: %w", err)
		}
		encoded, err := asn1.Marshal(point)
		if err != nil {
			return nil, fmt.Errorf("encode public key: %w", err)
		}
		curve, err := p256()
		if err != nil {
			return nil, err
		}
		return []*pkcs11.Attribute{
			class, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC),
			pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, curve),
			pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, encoded),
		}, nil
	default:
		return nil, fmt.Errorf("public key of type %T", public)
	}
}
