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
	peppers [][]byte
	// lasting is what follows from must never change.
	lasting        []byte
	grant, subject []byte
}

// minimum is the shortest pepper, in bytes.
const minimum = 32

// lastingName begins the line of the pepper that must never change.
const lastingName = "subjects:"

// Load derives the keys from the peppers in file, one a line. The first seals;
// the others still open what they sealed, so that a pepper can be replaced
// without ending anybody's login. What must never change, subjects and grant
// ids, follows from the line "subjects: <text>", which seals and opens nothing:
// a leak of any other line ends with that line. Where there is no such line it
// follows from the last, the oldest.
func Load(file string) (*Keys, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read pepper: %w", err)
	}
	var peppers [][]byte
	var lasting []byte
	number := 0
	for line := range bytes.Lines(text) {
		number++
		rest, isLasting := bytes.CutPrefix(bytes.TrimSpace(line), []byte(lastingName))
		words := bytes.Fields(rest)
		switch {
		case isLasting && (len(words) != 1 || lasting != nil):
			return nil, fmt.Errorf("read pepper: line %d: %q takes one text, in one line of the file", number, lastingName)
		case isLasting:
			lasting = words[0]
		case len(words) > 1: // nothing of it is repeated here: it may be a secret
			return nil, fmt.Errorf("read pepper: line %d: more than one word", number)
		default:
			peppers = append(peppers, words...)
		}
	}
	if lasting == nil {
		return Derive(peppers...)
	}
	return DeriveApart(lasting, peppers...)
}

// Derive derives the keys from peppers (RFC 5869), and what must never change
// from the last.
func Derive(peppers ...[]byte) (*Keys, error) {
	if len(peppers) == 0 {
		return nil, errNone
	}
	return DeriveApart(peppers[len(peppers)-1], peppers...)
}

var errNone = errors.New("derive keys: there is no pepper to seal with")

// DeriveApart is Derive with a pepper of its own for what must never change.
func DeriveApart(lasting []byte, peppers ...[]byte) (*Keys, error) {
	if len(peppers) == 0 {
		return nil, errNone
	}
	for i, pepper := range peppers {
		if len(pepper) < minimum {
			return nil, fmt.Errorf("derive keys: pepper %d has fewer than %d bytes", i+1, minimum)
		}
	}
	if len(lasting) < minimum {
		return nil, fmt.Errorf("derive keys: the pepper of subjects has fewer than %d bytes", minimum)
	}
	keys := &Keys{peppers: peppers, lasting: lasting}
	for purpose, key := range map[string]*[]byte{"grant": &keys.grant, "subject": &keys.subject} {
		derived, err := hkdf.Key(sha256.New, lasting, nil, "identity/"+purpose, sha256.Size)
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
