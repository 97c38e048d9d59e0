package sdjwt_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"tocsin/probes/vci/sdjwt"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, key *ecdsa.PrivateKey, typ string, payload any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(encode(t, payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func disclosure(t testing.TB, parts ...any) string {
	t.Helper()
	return base64.RawURLEncoding.EncodeToString(encode(t, parts))
}

func digest(disclosure string) string {
	sum := sha256.Sum256([]byte(disclosure))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// claims of a small credential; more are added.
func claims(more map[string]any) map[string]any {
	all := map[string]any{"iss": "https://issuer.example", "vct": "urn:example:id", "exp": 4102444800}
	for name, value := range more {
		all[name] = value
	}
	return all
}

func verify(t testing.TB, key *ecdsa.PrivateKey, payload map[string]any, disclosures ...string) (*sdjwt.Claims, error) {
	t.Helper()
	text := sign(t, key, sdjwt.Type, payload) + "~"
	for _, one := range disclosures {
		text += one + "~"
	}
	credential, err := sdjwt.Parse(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	return credential.Verify(key.Public())
}

func TestTheDigestOfTheStandardsExampleIsFound(t *testing.T) {
	// RFC 9901, section 4.2.3.
	const example, want = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0", "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
	got, err := verify(t, newKey(t), claims(map[string]any{"_sd": []string{want}}), example)
	if err != nil {
		t.Fatal(err)
	}
	if got.All["family_name"] != "Möbius" || got.Disclosures != 1 {
		t.Errorf("disclosed %v", got.All)
	}
}

func TestDisclosuresAreOpenedWhereverTheyAre(t *testing.T) {
	street := disclosure(t, "s1", "street", "Klokkegata 1")
	address := disclosure(t, "s2", "address", map[string]any{"_sd": []string{digest(street)}, "country": "NO"})
	second := disclosure(t, "s3", "NO")
	decoy := digest("a decoy")
	got, err := verify(t, newKey(t), claims(map[string]any{
		"_sd":           []string{decoy, digest(address)},
		"_sd_alg":       "sha-256",
		"nationalities": []any{"SE", map[string]any{"...": digest(second)}, map[string]any{"...": digest("another decoy")}},
	}), address, second, street)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": "https://issuer.example", "vct": "urn:example:id", "exp": json.Number("4102444800"),
		"address": map[string]any{"street": "Klokkegata 1", "country": "NO"}, "nationalities": []any{"SE", "NO"},
	}
	if difference := cmp.Diff(want, got.All); difference != "" {
		t.Error(difference)
	}
}

func TestOtherHashesAreKnown(t *testing.T) {
	name := disclosure(t, "s", "given_name", "Ada")
	long, middle := sha512.Sum512([]byte(name)), sha512.Sum384([]byte(name))
	for algorithm, sum := range map[string][]byte{"sha-512": long[:], "sha-384": middle[:]} {
		got, err := verify(t, newKey(t), claims(map[string]any{
			"_sd_alg": algorithm, "_sd": []string{base64.RawURLEncoding.EncodeToString(sum)},
		}), name)
		if err != nil || got.All["given_name"] != "Ada" {
			t.Errorf("%s: %v, %v", algorithm, got, err)
		}
	}
}

func TestACredentialThatLiesIsRefused(t *testing.T) {
	name := disclosure(t, "s1", "given_name", "Ada")
	element := disclosure(t, "s2", "NO")
	issuer := disclosure(t, "s3", "iss", "https://other.example")
	status := disclosure(t, "s4", "status", map[string]any{})
	cases := map[string]struct {
		more        map[string]any
		disclosures []string
		want        string
	}{
		"a disclosure that nobody signed":    {nil, []string{name}, "no digest"},
		"a changed disclosure":               {map[string]any{"_sd": []string{digest(name)}}, []string{disclosure(t, "s1", "given_name", "Eve")}, "no digest"},
		"a disclosure twice":                 {map[string]any{"_sd": []string{digest(name)}}, []string{name, name}, "twice"},
		"a digest twice":                     {map[string]any{"_sd": []string{digest(name), digest(name)}}, []string{name}, "twice"},
		"a digest twice in different places": {map[string]any{"_sd": []string{digest(name)}, "address": map[string]any{"_sd": []string{digest(name)}}}, []string{name}, "twice"},
		"a name that hides a signed one":     {map[string]any{"_sd": []string{digest(name)}, "given_name": "Eve"}, []string{name}, "twice"},
		"an element where a member belongs":  {map[string]any{"_sd": []string{digest(element)}}, []string{element}, "other way round"},
		"a member where an element belongs":  {map[string]any{"list": []any{map[string]any{"...": digest(name)}}}, []string{name}, "other way round"},
		"iss disclosed selectively":          {map[string]any{"iss": nil, "_sd": []string{digest(issuer)}}, []string{issuer}, "must not be"},
		"status disclosed selectively":       {map[string]any{"_sd": []string{digest(status)}}, []string{status}, "must not be"},
		"a disclosure named _sd":             {nil, []string{disclosure(t, "s", "_sd", []string{})}, "named _sd"},
		"a disclosure of four":               {nil, []string{disclosure(t, "s", "a", "b", "c")}, "4 elements"},
		"a salt that is a number":            {nil, []string{disclosure(t, 1, "a", "b")}, "salt"},
		"a disclosure that is no base64url":  {nil, []string{"*"}, "base64url"},
		"a disclosure that is no array":      {nil, []string{base64.RawURLEncoding.EncodeToString([]byte(`{}`))}, "no JSON array"},
		"an unknown hash":                    {map[string]any{"_sd_alg": "md5"}, nil, "_sd_alg"},
		"digests that are no array":          {map[string]any{"_sd": "x"}, nil, "_sd is no array"},
		"a digest that is a number":          {map[string]any{"_sd": []any{1}}, nil, "no text"},
		"no vct":                             {map[string]any{"vct": ""}, nil, "no vct"},
		"times that are text":                {map[string]any{"exp": "tomorrow"}, nil, "malformed"},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			_, err := verify(t, newKey(t), claims(c.more), c.disclosures...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, expected an error with %q", err, c.want)
			}
		})
	}
}

func TestTheWrongSignatureIsCalledThat(t *testing.T) {
	credential, err := sdjwt.Parse(sign(t, newKey(t), sdjwt.Type, claims(nil))+"~", []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := credential.Verify(newKey(t).Public()); !errors.Is(err, sdjwt.ErrSignature) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNoSDJWTIsNotParsed(t *testing.T) {
	jwt := sign(t, newKey(t), sdjwt.Type, claims(nil))
	cases := map[string]struct{ text, want string }{
		"a plain JWT":          {jwt, "no ~"},
		"a presentation":       {jwt + "~" + jwt, "key binding"},
		"another type":         {sign(t, newKey(t), "JWT", claims(nil)) + "~", "typ"},
		"nothing signed":       {"~", "malformed"},
		"too many disclosures": {jwt + strings.Repeat("~a", 1001) + "~", "more than 1000"},
		"an unsigned one":      {"eyJhbGciOiJub25lIiwidHlwIjoiZGMrc2Qtand0In0.e30.~", "malformed"},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			if _, err := sdjwt.Parse(c.text, []jose.SignatureAlgorithm{jose.ES256}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, expected an error with %q", err, c.want)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	key := newKey(f)
	name := disclosure(f, "s1", "given_name", "Ada")
	f.Add(encode(f, claims(map[string]any{"_sd": []string{digest(name)}})), name)
	f.Add([]byte(`{"vct":"a","x":[{"...":"b"},[{"_sd":["c"]}]]}`), "WyJzIiwieCJd")
	f.Add([]byte(`null`), "")
	f.Fuzz(func(t *testing.T, payload []byte, disclosures string) {
		options := (&jose.SignerOptions{}).WithType(sdjwt.Type)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		credential, err := sdjwt.Parse(text+"~"+disclosures+"~", []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			return
		}
		got, err := credential.Verify(key.Public())
		if err == nil && got.Type == "" {
			t.Fatalf("a credential without vct is believed: %q", payload)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key := newKey(b)
	var digests, disclosures []string
	for _, name := range []string{"given_name", "family_name", "birthdate", "gender", "email", "phone_number"} {
		one := disclosure(b, "salt-"+name, name, "value")
		digests, disclosures = append(digests, digest(one)), append(disclosures, one)
	}
	text := sign(b, key, sdjwt.Type, claims(map[string]any{"_sd": digests})) + "~" + strings.Join(disclosures, "~") + "~"
	for b.Loop() {
		credential, err := sdjwt.Parse(text, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := credential.Verify(key.Public()); err != nil {
			b.Fatal(err)
		}
	}
}
