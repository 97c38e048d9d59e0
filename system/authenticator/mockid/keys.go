package mockid

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// keys are what follows from the secret, each for one purpose.
type keys struct {
	pin, code, mask, synthetic []byte
	// References are made with the SIV construction (RFC 5297): the same id
	// gives the same text, which nobody else can read or make.
	iv    []byte
	block cipher.Block
}

func deriveKeys(secret []byte) (*keys, error) {
	k := &keys{}
	var reference []byte
	for purpose, key := range map[string]*[]byte{
		"pin": &k.pin, "code": &k.code, "mask": &k.mask, "synthetic": &k.synthetic, "reference/iv": &k.iv, "reference/text": &reference,
	} {
		derived, err := hkdf.Key(sha256.New, secret, nil, "mock-id/"+purpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive %s key: %w", purpose, err)
		}
		*key = derived
	}
	block, err := aes.NewCipher(reference)
	if err != nil {
		return nil, fmt.Errorf("make reference cipher: %w", err)
	}
	k.block = block
	return k, nil
}

// mac is HMAC-SHA-256 over parts, each with its length in front: otherwise
// ("1","23") and ("12","3") would be the same.
func mac(key []byte, parts ...string) []byte {
	hash := hmac.New(sha256.New, key)
	for _, part := range parts {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(part)))
		hash.Write(length[:])
		hash.Write([]byte(part))
	}
	return hash.Sum(nil)
}

// reference returns the stable reference to the person with id.
func (k *keys) reference(id string) string {
	iv := mac(k.iv, id)[:aes.BlockSize]
	text := append(append(make([]byte, 0, len(iv)+len(id)), iv...), id...)
	cipher.NewCTR(k.block, iv).XORKeyStream(text[len(iv):], text[len(iv):])
	return base64.RawURLEncoding.EncodeToString(text)
}

// individual returns the id that a reference is for.
func (k *keys) individual(reference string) (id string, known bool) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(reference)
	if err != nil || len(text) < aes.BlockSize || len(text) > aes.BlockSize+maxID {
		return "", false
	}
	iv, plain := text[:aes.BlockSize], text[aes.BlockSize:]
	cipher.NewCTR(k.block, iv).XORKeyStream(plain, plain)
	id = string(plain)
	return id, hmac.Equal(iv, mac(k.iv, id)[:aes.BlockSize])
}
