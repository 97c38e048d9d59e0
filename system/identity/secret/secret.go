// Package secret holds what the provider needs secrets for, all derived from
// one pepper so that every zone derives the same: sealed boxes, stateless
// challenges, subjects and ids.
package secret

import (
	"bytes"
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
	// peppers are the current one and those still accepted for opening.
	peppers        [][]byte
	grant, subject []byte
}

// minimum is the shortest pepper, in bytes.
const minimum = 32

// Load derives the keys from the peppers in file, one a line. The first seals;
// the others still open what they sealed, so that a pepper can be replaced
// without ending anybody's login. Subjects and grant ids follow from the last,
// the oldest: they must never change.
func Load(file string) (*Keys, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read pepper: %w", err)
	}
	return Derive(bytes.Fields(text)...)
}

// Derive derives the keys from peppers (RFC 5869).
func Derive(peppers ...[]byte) (*Keys, error) {
	if len(peppers) == 0 {
		return nil, errors.New("derive keys: there is no pepper")
	}
	for i, pepper := range peppers {
		if len(pepper) < minimum {
			return nil, fmt.Errorf("derive keys: pepper %d has fewer than %d bytes", i+1, minimum)
		}
	}
	keys := &Keys{peppers: peppers}
	for purpose, key := range map[string]*[]byte{"grant": &keys.grant, "subject": &keys.subject} {
		derived, err := hkdf.Key(sha256.New, peppers[len(peppers)-1], nil, "identity/"+purpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive %s key: %w", purpose, err)
		}
		*key = derived
	}
	return keys, nil
}

// Grant returns the id of the grant that parts give.
func (k *Keys) Grant(parts ...string) string { return text(mac(k.grant, parts...)[:18]) }

// Subject returns the sub of the person ref for a sector: the host that
// pairwise clients share, or "" for public subjects (OpenID Connect Core, 8.1).
// It tells nothing about the person.
func (k *Keys) Subject(sector, ref string) string { return text(mac(k.subject, sector, ref)[:18]) }

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
