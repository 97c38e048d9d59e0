package message

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/compact"
	"tocsin/system/identity/oautherr"
)

// Recipient is a wallet that wants its response encrypted.
type Recipient struct {
	key jose.JSONWebKey
	enc jose.ContentEncryption
	zip jose.CompressionAlgorithm
}

// maxRecipient bounds credential_response_encryption, in bytes.
const maxRecipient = 4 << 10

// ParseRecipient reads credential_response_encryption (OpenID4VCI 1.0, 8.2).
func ParseRecipient(raw []byte) (*Recipient, error) {
	if len(raw) > maxRecipient {
		return nil, oautherr.New(oautherr.InvalidEncryptionParameters, "credential_response_encryption is too long")
	}
	var jwk []byte
	var enc, zip string
	err := compact.Members(raw, func(name string, value []byte) (err error) {
		switch name {
		case "jwk":
			jwk = value
		case "enc":
			enc, err = compact.String(value)
		case "zip":
			zip, err = compact.String(value)
		}
		return err
	})
	if err != nil || jwk == nil {
		return nil, oautherr.New(oautherr.InvalidEncryptionParameters, "credential_response_encryption needs a jwk and an enc")
	}
	if !slices.Contains(Encryptions(), enc) {
		return nil, oautherr.New(oautherr.InvalidEncryptionParameters, "enc is not supported")
	}
	if zip != "" && !slices.Contains(Compressions(), zip) {
		return nil, oautherr.New(oautherr.InvalidEncryptionParameters, "zip is not supported")
	}
	recipient := &Recipient{enc: jose.ContentEncryption(enc), zip: jose.CompressionAlgorithm(zip)}
	return recipient, recipient.parseKey(jwk)
}

// parseKey takes public keys on the curves that ECDH-ES is used with here. The
// alg has to be named (OpenID4VCI 1.0, 10).
func (r *Recipient) parseKey(jwk []byte) error {
	if err := json.Unmarshal(jwk, &r.key); err != nil {
		return oautherr.New(oautherr.InvalidEncryptionParameters, "the jwk cannot be read")
	}
	if _, isEC := r.key.Key.(*ecdsa.PublicKey); !isEC {
		return oautherr.New(oautherr.InvalidEncryptionParameters, "the jwk is not a public elliptic curve key")
	}
	if r.key.Algorithm != string(jose.ECDH_ES) {
		return oautherr.New(oautherr.InvalidEncryptionParameters, "the alg of the jwk must be ECDH-ES")
	}
	if r.key.Use != "" && r.key.Use != "enc" {
		return oautherr.New(oautherr.InvalidEncryptionParameters, "the jwk is not for encryption")
	}
	return nil
}

// seal encrypts a response.
func (r *Recipient) seal(body []byte) (string, error) {
	encrypter, err := jose.NewEncrypter(r.enc,
		jose.Recipient{Algorithm: jose.ECDH_ES, Key: r.key.Key, KeyID: r.key.KeyID},
		(&jose.EncrypterOptions{Compression: r.zip}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("encrypt response: %w", err)
	}
	object, err := encrypter.Encrypt(body)
	if err != nil {
		return "", fmt.Errorf("encrypt response: %w", err)
	}
	return object.CompactSerialize()
}
