package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrForged means that a text was not sealed here for this purpose, or was changed.
var ErrForged = errors.New("not sealed by this provider")

// maxSealed bounds what is opened, in characters.
const maxSealed = 16 << 10

// Box seals values that leave the provider and come back: what it issues
// carries its own state, so that no store can lose it. Sealed text is
// base64url, safe in addresses and cookies, and tells nothing but its length.
type Box struct {
	// keys are by generation of the pepper, the current one first.
	keys []boxKey
}

type boxKey struct {
	id      byte
	aead    cipher.AEAD
	nonceOf []byte
}

// Box returns the box for one purpose; what one seals, no other opens.
func (k *Keys) Box(purpose string) (*Box, error) {
	box := &Box{}
	for _, pepper := range k.peppers {
		key, err := newBoxKey(pepper, purpose)
		if err != nil {
			return nil, fmt.Errorf("derive box %s: %w", purpose, err)
		}
		box.keys = append(box.keys, key)
	}
	return box, nil
}

func newBoxKey(pepper []byte, purpose string) (boxKey, error) {
	raw, err := hkdf.Key(sha256.New, pepper, nil, "identity/box/"+purpose, 65)
	if err != nil {
		return boxKey{}, err
	}
	block, err := aes.NewCipher(raw[:32])
	if err != nil {
		return boxKey{}, err
	}
	aead, err := cipher.NewGCM(block)
	return boxKey{id: raw[64], aead: aead, nonceOf: raw[32:64]}, err
}

// Seal returns value, as JSON, encrypted and authenticated (AES-256-GCM). Two
// seals of one value differ.
func (b *Box) Seal(value any) (string, error) {
	return b.seal(value, func([]byte) []byte {
		nonce := make([]byte, 12)
		rand.Read(nonce) // never fails: the runtime aborts the process instead
		return nonce
	})
}

// SealSame is Seal with a nonce that follows from the value: the same value
// gives the same text, in every zone.
func (b *Box) SealSame(value any) (string, error) {
	return b.seal(value, func(plain []byte) []byte {
		hash := hmac.New(sha256.New, b.keys[0].nonceOf)
		hash.Write(plain)
		return hash.Sum(nil)[:12]
	})
}

func (b *Box) seal(value any, nonceFor func(plain []byte) []byte) (string, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	key := b.keys[0]
	nonce := nonceFor(plain)
	sealed := append([]byte{key.id}, nonce...)
	sealed = key.aead.Seal(sealed, nonce, plain, nil)
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open decodes a sealed text into value, or fails with ErrForged.
func (b *Box) Open(text string, value any) error {
	if len(text) > maxSealed {
		return ErrForged
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 1+12 {
		return ErrForged
	}
	for _, key := range b.keys {
		if key.id != raw[0] {
			continue
		}
		plain, err := key.aead.Open(nil, raw[1:13], raw[13:], nil)
		if err != nil {
			continue
		}
		if err := json.Unmarshal(plain, value); err != nil {
			return fmt.Errorf("open sealed value: %w", err)
		}
		return nil
	}
	return ErrForged
}
