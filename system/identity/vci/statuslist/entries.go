package statuslist

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"tocsin/system/identity/vci/content"
)

// Size is the number of entries of one list. A large list hides one credential
// among many (Token Status List, 12.5) and compresses well.
const Size = 1 << halfBits << halfBits

const (
	halfBits = 10
	halfMask = 1<<halfBits - 1
	rounds   = 6
)

// Path is where lists are, under the issuer.
const Path = "/status-lists/"

// Entries maps serials of credentials to entries of lists and back. Serials
// follow each other, entries must not: credentials of one batch would be known
// by their neighbourhood (Token Status List, 13.2). Within a list the serials
// are permuted with a secret, so that each has an entry of its own without
// anybody keeping a table.
type Entries struct {
	issuer string
	key    []byte
}

// NewEntries returns the entries under a secret that must never change.
func NewEntries(issuer string, key []byte) *Entries {
	return &Entries{issuer: issuer, key: key}
}

// Of returns the list and the index in it of a credential.
func (e *Entries) Of(serial uint64) (list uint64, index uint32) {
	list = serial / Size
	left, right := uint32(serial%Size)>>halfBits, uint32(serial%Size)&halfMask
	for round := range rounds { // a Feistel network: a permutation whatever mix does
		left, right = right, left^e.mix(list, round, right)
	}
	return list, left<<halfBits | right
}

func (e *Entries) mix(list uint64, round int, half uint32) uint32 {
	hash := hmac.New(sha256.New, e.key)
	var input [16]byte
	binary.BigEndian.PutUint64(input[:], list)
	binary.BigEndian.PutUint32(input[8:], uint32(round))
	binary.BigEndian.PutUint32(input[12:], half)
	hash.Write(input[:])
	return binary.BigEndian.Uint32(hash.Sum(nil)) & halfMask
}

// Status returns the reference that goes into a credential.
func (e *Entries) Status(serial uint64) content.Status {
	list, index := e.Of(serial)
	return content.Status{Index: uint64(index), URI: e.URI(list)}
}

// URI is the address of a list, and the sub of its token.
func (e *Entries) URI(list uint64) string {
	return e.issuer + Path + strconv.FormatUint(list, 10)
}
