package message

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/oautherr"
)

// Encryptions returns the enc values, Algorithms the alg values and
// Compressions the zip values that are understood.
func Encryptions() []string { return []string{string(jose.A128GCM), string(jose.A256GCM)} }

// Algorithms returns the key agreements that are understood.
func Algorithms() []string { return []string{string(jose.ECDH_ES)} }

// Compressions returns the compressions that are understood.
func Compressions() []string { return []string{string(jose.DEFLATE)} }

// Keys open encrypted requests.
type Keys struct {
	private map[string]*ecdsa.PrivateKey
	public  jose.JSONWebKeySet
}

// NewKeys derives one key from each secret. The first is published; the others
// still open what was encrypted to them.
func NewKeys(secrets ...[]byte) (*Keys, error) {
	if len(secrets) == 0 {
		return nil, errors.New("derive encryption keys: there is no secret")
	}
	keys := &Keys{private: map[string]*ecdsa.PrivateKey{}}
	for i, secret := range secrets {
		private, err := derive(secret)
		if err != nil {
			return nil, fmt.Errorf("derive encryption key: %w", err)
		}
		public := jose.JSONWebKey{Key: private.Public(), Use: "enc", Algorithm: string(jose.ECDH_ES)}
		thumbprint, err := public.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, fmt.Errorf("name encryption key: %w", err)
		}
		public.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint[:12])
		keys.private[public.KeyID] = private
		if i == 0 {
			keys.public.Keys = []jose.JSONWebKey{public}
		}
	}
	return keys, nil
}

// derive makes a P-256 key of a secret. A candidate that is no scalar, one in
// four thousand million, is passed over.
func derive(secret []byte) (*ecdsa.PrivateKey, error) {
	const candidates = 4
	raw, err := hkdf.Key(sha256.New, secret, nil, "identity/vci/request-encryption", candidates*32)
	if err != nil {
		return nil, err
	}
	for i := range candidates {
		private, parseErr := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw[32*i:32*(i+1)])
		if parseErr == nil {
			return private, nil
		}
		err = parseErr
	}
	return nil, err
}

// Public returns what goes into metadata.
func (k *Keys) Public() jose.JSONWebKeySet { return k.public }

// Open decrypts a request (OpenID4VCI 1.0, 10), or says what is wrong with it.
func (k *Keys) Open(text string) ([]byte, error) {
	object, err := jose.ParseEncryptedCompact(text,
		[]jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A128GCM, jose.A256GCM})
	if err != nil {
		return nil, oautherr.New(oautherr.InvalidEncryptionParameters, "the request is no JWE with ECDH-ES and A128GCM or A256GCM")
	}
	private, known := k.private[object.Header.KeyID]
	if !known {
		return nil, oautherr.New(oautherr.InvalidEncryptionParameters, "the request is encrypted to an unknown key; its kid must be one of the metadata")
	}
	plain, err := object.Decrypt(private)
	if err != nil {
		return nil, oautherr.New(oautherr.InvalidEncryptionParameters, "the request cannot be decrypted")
	}
	return plain, nil
}
