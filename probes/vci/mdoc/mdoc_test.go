package mdoc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"

	"tocsin/probes/vci/mdoc"
)

const space = "org.example.card.1"

// card is an mdoc in the making; each field can be made wrong.
type card struct {
	signer  *ecdsa.PrivateKey // of the signature; the certificate is of key
	key     *ecdsa.PrivateKey
	device  map[int]any
	digest  func([]byte) []byte
	hash    string
	chain   any
	holder  *ecdsa.PrivateKey
	element []byte
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	text, err := cbor.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newCard(t testing.TB) *card {
	t.Helper()
	key, holder := newKey(t), newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	point, err := holder.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return &card{
		signer: key, key: key, holder: holder, hash: "SHA-256", chain: der,
		device: map[int]any{1: 2, -1: 1, -2: point[1:33], -3: point[33:]},
		digest: func(text []byte) []byte { sum := sha256.Sum256(text); return sum[:] },
	}
}

func (c *card) text(t testing.TB) string {
	t.Helper()
	item := encode(t, cbor.Tag{Number: 24, Content: encode(t, map[string]any{
		"digestID": 7, "random": []byte("salt"), "elementIdentifier": "given_name", "elementValue": "Ada",
	})})
	object := encode(t, map[string]any{
		"version": "1.0", "digestAlgorithm": c.hash, "docType": "org.example.card",
		"valueDigests":  map[string]any{space: map[uint64][]byte{7: c.digest(item)}},
		"deviceKeyInfo": map[string]any{"deviceKey": c.device},
		"validityInfo":  map[string]any{"validFrom": cbor.Tag{Number: 0, Content: "2026-01-01T00:00:00Z"}, "validUntil": cbor.Tag{Number: 0, Content: "2036-01-01T00:00:00Z"}},
	})
	if c.element != nil {
		item = c.element
	}
	message := cose.UntaggedSign1Message{
		Headers: cose.Headers{
			Protected:   cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmES256},
			Unprotected: cose.UnprotectedHeader{cose.HeaderLabelX5Chain: c.chain},
		},
		Payload: encode(t, cbor.Tag{Number: 24, Content: object}),
	}
	signer, err := cose.NewSigner(cose.AlgorithmES256, c.signer)
	if err != nil {
		t.Fatal(err)
	}
	if err := message.Sign(rand.Reader, nil, signer); err != nil {
		t.Fatal(err)
	}
	auth, err := message.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(encode(t, map[string]any{
		"nameSpaces": map[string]any{space: []cbor.RawMessage{item}}, "issuerAuth": cbor.RawMessage(auth),
	}))
}

func TestARightMDocIsRead(t *testing.T) {
	made := newCard(t)
	document, err := mdoc.Read(made.text(t))
	if err != nil {
		t.Fatal(err)
	}
	if document.DocType != "org.example.card" || document.Elements != 1 || document.Until.Year() != 2036 {
		t.Errorf("read %+v", document)
	}
	if !document.Bound(made.holder.Public()) || document.Bound(made.key.Public()) {
		t.Error("it is bound to the wrong key")
	}
}

func TestAWrongMDocIsRefused(t *testing.T) {
	cases := map[string]struct {
		spoil func(t *testing.T, c *card)
		want  string
	}{
		"signed by another key": {func(t *testing.T, c *card) { c.signer = newKey(t) }, "signature"},
		"an element that was changed": {func(t *testing.T, c *card) {
			c.element = encode(t, cbor.Tag{Number: 24, Content: encode(t, map[string]any{"digestID": 7})})
		}, "not what the issuer signed"},
		"an element without a digest": {func(t *testing.T, c *card) {
			c.element = encode(t, cbor.Tag{Number: 24, Content: encode(t, map[string]any{"digestID": 8})})
		}, "not what the issuer signed"},
		"an element that is not coded": {func(t *testing.T, c *card) { c.element = encode(t, "given_name") }, "tag 24"},
		"an unknown hash":              {func(_ *testing.T, c *card) { c.hash = "MD5" }, "digestAlgorithm"},
		"no certificate":               {func(_ *testing.T, c *card) { c.chain = []byte{} }, "x5chain"},
		"a device key that is no point": {func(_ *testing.T, c *card) {
			c.device[-2] = make([]byte, 32)
		}, "device key"},
		"a device key of another kind": {func(_ *testing.T, c *card) { c.device[-1] = 6 }, "device key"},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			made := newCard(t)
			one.spoil(t, made)
			_, err := mdoc.Read(made.text(t))
			if err == nil || !strings.Contains(err.Error(), one.want) {
				t.Errorf("got %v, expected an error with %q", err, one.want)
			}
			if wrong := errors.Is(err, mdoc.ErrSignature); wrong != (one.want == "signature") {
				t.Errorf("a wrong signature: %t", wrong)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	whole, err := base64.RawURLEncoding.DecodeString(newCard(f).text(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, text []byte) {
		document, err := mdoc.Read(base64.RawURLEncoding.EncodeToString(text))
		if err == nil && (document.Device == nil || len(document.Chain) == 0) {
			t.Fatalf("read without key or certificate: %+v", document)
		}
	})
}
