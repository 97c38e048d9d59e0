package jwtvc_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/content"
	"tocsin/system/identity/vci/jwtvc"
	"tocsin/system/identity/vci/signing"
	"tocsin/system/identity/vci/vcitest"
)

const issuer = "https://id.example.org"

func newContent(t testing.TB) *content.Content {
	t.Helper()
	return &content.Content{
		Issuer: issuer, ID: "0b0c1d62-0f0e-4ac3-8a43-0f2f6a8f2d57", Configuration: configuration.NationalID(issuer)[1],
		Claims: map[string]any{"given_name": "Ada", "family_name": "Example", "portrait": "/9j/", "secret": "x"},
		Holder: vcitest.NewWallet(t).Holder(t), IssuedAt: time.Unix(1700000000, 0), ExpiresAt: time.Unix(1800000000, 0),
		Status: content.Status{Index: 7, URI: issuer + "/status-lists/0"}, Random: rand.NewChaCha8([32]byte{1}),
	}
}

func TestTheCredentialSaysTheSameInsideAndOutside(t *testing.T) {
	key, c := vcitest.NewKey(t), newContent(t)
	text, err := jwtvc.Issue(t.Context(), signing.New(key.Backend()), c)
	if err != nil {
		t.Fatal(err)
	}
	object, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := object.Verify(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if typ := object.Signatures[0].Header.ExtraHeaders[jose.HeaderType]; typ != jwtvc.Type {
		t.Errorf("typ is %v", typ)
	}
	var got map[string]any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	did, err := c.Holder.DID()
	if err != nil {
		t.Fatal(err)
	}
	jwk := c.Holder.JWK()
	want := map[string]any{
		"iss": issuer, "sub": did, "jti": "urn:uuid:" + c.ID, "nbf": 1.7e9, "iat": 1.7e9, "exp": 1.8e9,
		"cnf":    map[string]any{"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": jwk.X, "y": jwk.Y}},
		"status": map[string]any{"status_list": map[string]any{"idx": 7.0, "uri": issuer + "/status-lists/0"}},
		"vc": map[string]any{
			"@context": []any{"https://www.w3.org/2018/credentials/v1"}, "id": "urn:uuid:" + c.ID,
			"type": []any{"VerifiableCredential", configuration.W3CType}, "issuer": issuer,
			"issuanceDate": "2023-11-14T22:13:20Z", "expirationDate": "2027-01-15T08:00:00Z",
			"credentialSubject": map[string]any{
				"id": did, "given_name": "Ada", "family_name": "Example", "picture": "data:image/jpeg;base64,/9j/",
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func BenchmarkIssue(b *testing.B) {
	key, c := signing.New(vcitest.NewKey(b).Backend()), newContent(b)
	for b.Loop() {
		if _, err := jwtvc.Issue(b.Context(), key, c); err != nil {
			b.Fatal(err)
		}
	}
}
