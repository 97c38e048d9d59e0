package mdoc_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/veraison/go-cose"

	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/content"
	"tocsin/system/identity/vci/mdoc"
	"tocsin/system/identity/vci/signing"
	"tocsin/system/identity/vci/vcitest"
)

const issuer = "https://id.example.org"

func newContent(t testing.TB) *content.Content {
	t.Helper()
	return &content.Content{
		Issuer: issuer, ID: "1", Configuration: configuration.NationalID(issuer)[2],
		Claims: map[string]any{
			"given_name": "Ada", "family_name": "Example", "birthdate": "1985-12-10", "portrait": "/9j/",
			"address": map[string]any{"country": "GB"},
		},
		Holder: vcitest.NewWallet(t).Holder(t), IssuedAt: time.Unix(1700000000, 0), ExpiresAt: time.Unix(1800000000, 0),
		Status: content.Status{Index: 7, URI: issuer + "/status-lists/0"}, Random: rand.NewChaCha8([32]byte{1}),
	}
}

func issue(t testing.TB, key *vcitest.Key, c *content.Content) []byte {
	t.Helper()
	maker, err := mdoc.NewMaker()
	if err != nil {
		t.Fatal(err)
	}
	text, err := maker.Issue(t.Context(), signing.New(key.Backend()), c)
	if err != nil {
		t.Fatal(err)
	}
	document, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// issuerSigned, item and securityObject are read here as a verifier does, from
// the names in ISO/IEC 18013-5.
type issuerSigned struct {
	Namespaces map[string][]cbor.RawMessage `cbor:"nameSpaces"`
	Auth       cbor.RawMessage              `cbor:"issuerAuth"`
}

type item struct {
	DigestID   uint64 `cbor:"digestID"`
	Random     []byte `cbor:"random"`
	Identifier string `cbor:"elementIdentifier"`
	Value      any    `cbor:"elementValue"`
}

type securityObject struct {
	Version   string                       `cbor:"version"`
	Algorithm string                       `cbor:"digestAlgorithm"`
	Doctype   string                       `cbor:"docType"`
	Digests   map[string]map[uint64][]byte `cbor:"valueDigests"`
	Device    struct {
		Key cbor.RawMessage `cbor:"deviceKey"`
	} `cbor:"deviceKeyInfo"`
	Validity map[string]cbor.RawTag `cbor:"validityInfo"`
	Status   map[string]struct {
		Index uint64 `cbor:"idx"`
		URI   string `cbor:"uri"`
	} `cbor:"status"`
}

// decode opens a tag 24 byte string into value.
func decode(t *testing.T, encoded []byte, value any) {
	t.Helper()
	var tag cbor.Tag
	if err := cbor.Unmarshal(encoded, &tag); err != nil || tag.Number != 24 {
		t.Fatalf("not an encoded CBOR item: tag %d, %v", tag.Number, err)
	}
	if err := cbor.Unmarshal(tag.Content.([]byte), value); err != nil {
		t.Fatal(err)
	}
}

// verified reads a document and verifies its signature with another library.
func verified(t *testing.T, document []byte, root *x509.Certificate) (issuerSigned, securityObject) {
	t.Helper()
	var signed issuerSigned
	if err := cbor.Unmarshal(document, &signed); err != nil {
		t.Fatal(err)
	}
	var auth cose.UntaggedSign1Message
	if err := auth.UnmarshalCBOR(signed.Auth); err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(auth.Headers.Unprotected[cose.HeaderLabelX5Chain].([]byte))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Fatal(err)
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmES256, leaf.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.Verify(nil, verifier); err != nil {
		t.Fatalf("signature: %v", err)
	}
	var object securityObject
	decode(t, auth.Payload, &object)
	return signed, object
}

func TestAVerifierFindsEveryElementUnderTheSignature(t *testing.T) {
	key, c := vcitest.NewKey(t), newContent(t)
	signed, object := verified(t, issue(t, key, c), key.Root)
	got := map[string]any{}
	for _, encoded := range signed.Namespaces[configuration.Namespace] {
		var element item
		decode(t, encoded, &element)
		hash := sha256.Sum256(encoded)
		if diff := cmp.Diff(object.Digests[configuration.Namespace][element.DigestID], hash[:]); diff != "" {
			t.Errorf("digest of %s:\n%s", element.Identifier, diff)
		}
		if len(element.Random) < 16 {
			t.Errorf("random of %s has %d bytes", element.Identifier, len(element.Random))
		}
		got[element.Identifier] = element.Value
	}
	want := map[string]any{
		"given_name": "Ada", "family_name": "Example", "portrait": []byte{0xff, 0xd8, 0xff},
		"birth_date": cbor.Tag{Number: 1004, Content: "1985-12-10"},
		"issue_date": cbor.Tag{Number: 1004, Content: "2023-11-14"}, "expiry_date": cbor.Tag{Number: 1004, Content: "2027-01-15"},
		"issuing_authority": issuer, "address": map[any]any{"country": "GB"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("elements (-want +got):\n%s", diff)
	}
	if len(object.Digests) != 1 || len(object.Digests[configuration.Namespace]) != len(want) {
		t.Errorf("%d digests for %d elements", len(object.Digests[configuration.Namespace]), len(want))
	}
}

func TestTheSecurityObjectNamesDeviceTypeTimesAndStatus(t *testing.T) {
	key, c := vcitest.NewKey(t), newContent(t)
	_, object := verified(t, issue(t, key, c), key.Root)
	if object.Version != "1.0" || object.Algorithm != "SHA-256" || object.Doctype != configuration.Doctype {
		t.Errorf("%s %s %s", object.Version, object.Algorithm, object.Doctype)
	}
	var device cose.Key
	if err := device.UnmarshalCBOR(object.Device.Key); err != nil {
		t.Fatal(err)
	}
	public, err := device.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	if !c.Holder.Public.(*ecdsa.PublicKey).Equal(public) {
		t.Error("the device key is not the holder's")
	}
	for name, want := range map[string]string{"signed": "2023-11-14T22:13:20Z", "validFrom": "2023-11-14T22:13:20Z", "validUntil": "2027-01-15T08:00:00Z"} {
		var at string
		if err := cbor.Unmarshal(object.Validity[name].Content, &at); err != nil || object.Validity[name].Number != 0 || at != want {
			t.Errorf("%s is %q with tag %d: %v", name, at, object.Validity[name].Number, err)
		}
	}
	if status := object.Status["status_list"]; status.Index != 7 || status.URI != issuer+"/status-lists/0" {
		t.Errorf("status is %+v", status)
	}
}

func TestAChangedElementIsNotUnderTheSignature(t *testing.T) {
	key := vcitest.NewKey(t)
	signed, object := verified(t, issue(t, key, newContent(t)), key.Root)
	encoded := append([]byte(nil), signed.Namespaces[configuration.Namespace][0]...)
	encoded[len(encoded)-1] ^= 1
	hash := sha256.Sum256(encoded)
	for _, digest := range object.Digests[configuration.Namespace] {
		if string(digest) == string(hash[:]) {
			t.Fatal("the change has a digest")
		}
	}
}

func TestTheOrderOfElementsTellsNothing(t *testing.T) {
	key, c := vcitest.NewKey(t), newContent(t)
	orders := map[string]bool{}
	for seed := range byte(8) {
		c.Random = rand.NewChaCha8([32]byte{seed})
		signed, _ := verified(t, issue(t, key, c), key.Root)
		order := ""
		for _, encoded := range signed.Namespaces[configuration.Namespace] {
			var element item
			decode(t, encoded, &element)
			order += element.Identifier + " "
		}
		orders[order] = true
	}
	if len(orders) < 7 {
		t.Errorf("8 credentials have %d orders", len(orders))
	}
}

func TestADateThatIsNoneIsNotSigned(t *testing.T) {
	maker, err := mdoc.NewMaker()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{"birthdate": "10 December", "portrait": "not base64!"} {
		c := newContent(t)
		c.Claims[name] = value
		if _, err := maker.Issue(t.Context(), signing.New(vcitest.NewKey(t).Backend()), c); err == nil {
			t.Errorf("%s %v is signed", name, value)
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	maker, err := mdoc.NewMaker()
	if err != nil {
		b.Fatal(err)
	}
	key, c := signing.New(vcitest.NewKey(b).Backend()), newContent(b)
	for b.Loop() {
		if _, err := maker.Issue(b.Context(), key, c); err != nil {
			b.Fatal(err)
		}
	}
}
