// Package mdoc makes the IssuerSigned structure of ISO/IEC 18013-5: each data
// element beside its digest in a mobile security object, which the issuer signs
// with COSE (RFC 9052) and which names the device key.
package mdoc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/content"
)

// Signer signs a digest with ES256 and returns r and s side by side, and the
// certificate chain of the key that it signed with (DER, the signer's first).
type Signer interface {
	COSE(ctx context.Context, digest [sha256.Size]byte) (signature []byte, chain [][]byte, err error)
}

// The tags of CBOR items.
const (
	tagDateTime = 0    // tdate (RFC 8949, 3.4.1)
	tagEncoded  = 24   // a CBOR item in a byte string (RFC 8949, 3.4.5.1)
	tagDate     = 1004 // full-date (RFC 8943)
)

// COSE header parameters and algorithms (RFC 9052, 3.1; RFC 9360, 2; RFC 9053, 2.1).
const (
	headerAlgorithm = 1
	headerChain     = 33
	algorithmES256  = -7
)

// randomSize is in bytes; ISO/IEC 18013-5, 9.1.2.5 wants 16 or more.
const randomSize = 32

type item struct {
	DigestID   uint64 `cbor:"digestID"`
	Random     []byte `cbor:"random"`
	Identifier string `cbor:"elementIdentifier"`
	Value      any    `cbor:"elementValue"`
}

// securityObject is the MSO (ISO/IEC 18013-5, 9.1.2.4) with the status of Token
// Status List, 6.3.
type securityObject struct {
	Version   string                       `cbor:"version"`
	Algorithm string                       `cbor:"digestAlgorithm"`
	Digests   map[string]map[uint64][]byte `cbor:"valueDigests"`
	Device    deviceKey                    `cbor:"deviceKeyInfo"`
	Doctype   string                       `cbor:"docType"`
	Validity  validity                     `cbor:"validityInfo"`
	Status    content.Reference            `cbor:"status"`
}

type deviceKey struct {
	Key map[int64]any `cbor:"deviceKey"`
}

type validity struct {
	Signed cbor.Tag `cbor:"signed"`
	From   cbor.Tag `cbor:"validFrom"`
	Until  cbor.Tag `cbor:"validUntil"`
}

type issuerSigned struct {
	Namespaces map[string][]cbor.RawMessage `cbor:"nameSpaces"`
	Auth       sign1                        `cbor:"issuerAuth"`
}

// sign1 is COSE_Sign1, untagged (ISO/IEC 18013-5, 9.1.2.4).
type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected map[int64]any
	Payload     []byte
	Signature   []byte
}

// toBeSigned is Sig_structure (RFC 9052, 4.4).
type toBeSigned struct {
	_         struct{} `cbor:",toarray"`
	Context   string
	Protected []byte
	External  []byte
	Payload   []byte
}

// Maker makes mdocs.
type Maker struct {
	encoder   cbor.EncMode
	protected []byte
}

// NewMaker returns a maker with deterministic encoding (RFC 8949, 4.2.1).
func NewMaker() (*Maker, error) {
	encoder, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, fmt.Errorf("set up CBOR: %w", err)
	}
	protected, err := encoder.Marshal(map[int64]int64{headerAlgorithm: algorithmES256})
	if err != nil {
		return nil, fmt.Errorf("encode COSE header: %w", err)
	}
	return &Maker{encoder: encoder, protected: protected}, nil
}

// Issue returns the credential: IssuerSigned in base64url (OpenID4VCI 1.0, A.2.4).
func (m *Maker) Issue(ctx context.Context, signer Signer, c *content.Content) (string, error) {
	items, digests, err := m.items(c)
	if err != nil {
		return "", err
	}
	payload, err := m.securityObject(c, digests)
	if err != nil {
		return "", err
	}
	signed, err := m.encoder.Marshal(toBeSigned{
		Context: "Signature1", Protected: m.protected, External: []byte{}, Payload: payload,
	})
	if err != nil {
		return "", fmt.Errorf("encode signature structure: %w", err)
	}
	signature, chain, err := signer.COSE(ctx, sha256.Sum256(signed))
	if err != nil {
		return "", fmt.Errorf("sign mdoc: %w", err)
	}
	document, err := m.encoder.Marshal(issuerSigned{
		Namespaces: map[string][]cbor.RawMessage{c.Configuration.Namespace: items},
		Auth: sign1{
			Protected: m.protected, Unprotected: map[int64]any{headerChain: certificates(chain)},
			Payload: payload, Signature: signature,
		},
	})
	if err != nil {
		return "", fmt.Errorf("encode mdoc: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(document), nil
}

// certificates is COSE_X509: a byte string for one, an array for more (RFC 9360, 2).
func certificates(chain [][]byte) any {
	if len(chain) == 1 {
		return chain[0]
	}
	return chain
}

// items returns the encoded data elements and their digests. The issuing
// metadata of ISO/IEC 18013-5, 7.2.1 is added to the person's claims.
func (m *Maker) items(c *content.Content) ([]cbor.RawMessage, map[uint64][]byte, error) {
	elements := []item{
		{Identifier: "issue_date", Value: date(c.IssuedAt)},
		{Identifier: "expiry_date", Value: date(c.ExpiresAt)},
		{Identifier: "issuing_authority", Value: c.Issuer},
	}
	err := c.Each(func(claim configuration.Claim, value any) error {
		encoded, err := elementOf(claim, value)
		elements = append(elements, item{Identifier: claim.Name, Value: encoded})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	order, err := shuffled(c.Random, len(elements))
	if err != nil {
		return nil, nil, err
	}
	items := make([]cbor.RawMessage, len(elements))
	digests := make(map[uint64][]byte, len(elements))
	for i, from := range order {
		element := elements[from]
		element.DigestID = uint64(i)
		element.Random = make([]byte, randomSize)
		if _, err := io.ReadFull(c.Random, element.Random); err != nil {
			return nil, nil, fmt.Errorf("draw random: %w", err)
		}
		if items[i], err = m.embed(element); err != nil {
			return nil, nil, fmt.Errorf("encode element %s: %w", element.Identifier, err)
		}
		hash := sha256.Sum256(items[i])
		digests[element.DigestID] = hash[:]
	}
	return items, digests, nil
}

// shuffled returns the numbers below n in random order: neither the digest of
// an element nor its place may tell which elements a person has.
func shuffled(random io.Reader, n int) ([]int, error) {
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, fmt.Errorf("draw order: %w", err)
	}
	return rand.New(rand.NewChaCha8(seed)).Perm(n), nil
}

func elementOf(claim configuration.Claim, value any) (any, error) {
	switch claim.Encoding {
	case configuration.Picture:
		return content.Photograph(value)
	case configuration.Date:
		text, isText := value.(string)
		if !isText {
			return nil, fmt.Errorf("a date is %T, not a string", value)
		}
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return nil, fmt.Errorf("a date: %w", err)
		}
		return cbor.Tag{Number: tagDate, Content: text}, nil
	}
	return value, nil
}

func (m *Maker) securityObject(c *content.Content, digests map[uint64][]byte) ([]byte, error) {
	key, err := c.Holder.COSE()
	if err != nil {
		return nil, fmt.Errorf("name device key: %w", err)
	}
	payload, err := m.embed(securityObject{
		Version: "1.0", Algorithm: "SHA-256",
		Digests: map[string]map[uint64][]byte{c.Configuration.Namespace: digests},
		Device:  deviceKey{Key: key}, Doctype: c.Configuration.Type,
		Validity: validity{Signed: dateTime(c.IssuedAt), From: dateTime(c.IssuedAt), Until: dateTime(c.ExpiresAt)},
		Status:   c.Reference(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode security object: %w", err)
	}
	return payload, nil
}

// embed encodes value as a CBOR item in a byte string.
func (m *Maker) embed(value any) ([]byte, error) {
	encoded, err := m.encoder.Marshal(value)
	if err != nil {
		return nil, err
	}
	return m.encoder.Marshal(cbor.Tag{Number: tagEncoded, Content: encoded})
}

func date(t time.Time) cbor.Tag {
	return cbor.Tag{Number: tagDate, Content: t.UTC().Format(time.DateOnly)}
}

// dateTime has no fraction of a second (ISO/IEC 18013-5, 9.1.2.4).
func dateTime(t time.Time) cbor.Tag {
	return cbor.Tag{Number: tagDateTime, Content: t.UTC().Format(time.RFC3339)}
}
