// Package secret derives what the provider needs secrets for from one pepper,
// so that every zone derives the same: PIN hashes, codes, grant ids, subjects.
package secret

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// Keys are independent keys, each for one purpose.
type Keys struct {
	pin, code, grant, subject, back []byte
}

// minimum is the shortest pepper, in bytes.
const minimum = 32

// Load derives the keys from the pepper in file.
func Load(file string) (*Keys, error) {
	pepper, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read pepper: %w", err)
	}
	return Derive(pepper)
}

// Derive derives the keys from pepper (RFC 5869).
func Derive(pepper []byte) (*Keys, error) {
	if len(pepper) < minimum {
		return nil, fmt.Errorf("derive keys: %w", errors.New("the pepper has fewer than 32 bytes"))
	}
	keys := &Keys{}
	for purpose, key := range map[string]*[]byte{
		"pin": &keys.pin, "code": &keys.code, "grant": &keys.grant, "subject": &keys.subject, "back": &keys.back,
	} {
		derived, err := hkdf.Key(sha256.New, pepper, nil, "identity/"+purpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive %s key: %w", purpose, err)
		}
		*key = derived
	}
	return keys, nil
}

// PIN returns what is stored of a person's PIN.
func (k *Keys) PIN(individualID, pin string) []byte { return mac(k.pin, individualID, pin) }

// Code returns the authorization code for the parts that tell it from others.
func (k *Keys) Code(parts ...string) string { return text(mac(k.code, parts...)) }

// Grant returns the id of the grant that a login transaction gives.
func (k *Keys) Grant(parts ...string) string { return text(mac(k.grant, parts...)[:18]) }

// Subject returns the sub of a person, which tells nothing about their number.
func (k *Keys) Subject(individualID string) string { return text(mac(k.subject, individualID)[:18]) }

// Back returns the proof that a link back to a client was made by a provider.
func (k *Keys) Back(link string) []byte { return mac(k.back, link) }

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

func text(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
