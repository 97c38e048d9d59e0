package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Bundle is a signing key on its way from the token that made it to the others.
type Bundle struct {
	// Public has the kid and the algorithm of the key.
	Public jose.JSONWebKey `json:"public"`
	// Use is what the key was made for, in the words of who asked for it: a key
	// for one use cannot be passed off as one for another.
	Use string `json:"use"`
	// Sealed is the SHA-256 digest of Wrapped and Copies.
	Sealed []byte `json:"sealed"`
	// Maker is the ID of the attestation key of the node that made the key, and
	// Signature that key's over Public, Use and Sealed.
	Maker     string `json:"maker"`
	Signature []byte `json:"signature"`

	// Wrapped is the private key (PKCS #8) under a key-encryption key of its
	// own, AES-256 key wrap with padding (RFC 5649), and Copies that
	// key-encryption key for each node. They are dropped when all nodes have it.
	Wrapped []byte `json:"wrapped,omitempty"`
	Copies  []Copy `json:"copies,omitempty"`
}

// Copy is the key-encryption key for one node, under RSA-OAEP.
type Copy struct {
	// Recipient is the ID of the node's transport key.
	Recipient string `json:"recipient"`
	Key       []byte `json:"key"`
}

const (
	maxWrapped = 4 << 10
	maxCopies  = 16
	maxCopy    = 512
	maxUse     = 32
)

// ErrUntrusted means that a bundle was not made by an approved node.
var ErrUntrusted = errors.New("key was not made by an approved node")

// CheckUse reports why a text cannot name a use: 1 to 32 lower-case letters and
// hyphens can.
func CheckUse(use string) error {
	if use == "" || len(use) > maxUse || strings.Trim(use, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return fmt.Errorf("%w: use %.50q", ErrMalformed, use)
	}
	return nil
}

// Seal returns the digest of what travels.
func (b *Bundle) Seal() []byte {
	hash := sha256.New()
	write := func(part []byte) {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(part)))
		hash.Write(length[:])
		hash.Write(part)
	}
	write([]byte("sealed key, version 1"))
	write(b.Wrapped)
	for _, c := range b.Copies {
		write([]byte(c.Recipient))
		write(c.Key)
	}
	return hash.Sum(nil)
}

// Attested returns the digest that the maker signs. The kid stands for the
// public key, being its thumbprint.
func (b *Bundle) Attested() [sha256.Size]byte {
	text := "attested key, version 2\n" + b.Public.Algorithm + "\n" + b.Use + "\n" + b.Public.KeyID + "\n"
	return sha256.Sum256(append([]byte(text), b.Sealed...))
}

// Travels reports whether the private key is still in the bundle.
func (b *Bundle) Travels() bool { return len(b.Wrapped) > 0 }

// Drop takes the private key out; what is attested stays.
func (b *Bundle) Drop() { b.Wrapped, b.Copies = nil, nil }

// CopyFor returns the key-encryption key for a node.
func (b *Bundle) CopyFor(recipient string) ([]byte, bool) {
	for _, c := range b.Copies {
		if c.Recipient == recipient {
			return c.Key, true
		}
	}
	return nil, false
}

// Check reports why a bundle is not to be trusted: one that does not name its
// key rightly, or that none of the approved nodes made.
func (b *Bundle) Check(approved Approved) error {
	if err := CheckJWK(b.Public); err != nil {
		return fmt.Errorf("check bundle: %w", err)
	}
	if err := CheckUse(b.Use); err != nil {
		return fmt.Errorf("check bundle of key %s: %w", b.Public.KeyID, err)
	}
	if len(b.Wrapped) > maxWrapped || len(b.Copies) > maxCopies || len(b.Sealed) != sha256.Size {
		return fmt.Errorf("check bundle of key %s: %w: sizes", b.Public.KeyID, ErrMalformed)
	}
	for _, c := range b.Copies {
		if len(c.Key) > maxCopy {
			return fmt.Errorf("check bundle of key %s: %w: a copy has %d bytes", b.Public.KeyID, ErrMalformed, len(c.Key))
		}
	}
	if b.Travels() && string(b.Seal()) != string(b.Sealed) {
		return fmt.Errorf("check bundle of key %s: %w: what travels is not what was attested", b.Public.KeyID, ErrUntrusted)
	}
	maker := approved.attester(b.Maker)
	if maker == nil {
		return fmt.Errorf("check bundle of key %s: %w: maker %.50q", b.Public.KeyID, ErrUntrusted, b.Maker)
	}
	digest := b.Attested()
	if !Verify(jose.ES256, maker, digest[:], b.Signature) {
		return fmt.Errorf("check bundle of key %s: %w: wrong signature", b.Public.KeyID, ErrUntrusted)
	}
	return nil
}
