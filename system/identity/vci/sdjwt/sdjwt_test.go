package sdjwt_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/content"
	"tocsin/system/identity/vci/sdjwt"
	"tocsin/system/identity/vci/signing"
	"tocsin/system/identity/vci/vcitest"
)

const issuer = "https://id.example.org"

type stand struct {
	key    *vcitest.Key
	wallet *vcitest.Wallet
	c      *content.Content
}

func newStand(t testing.TB) *stand {
	t.Helper()
	s := &stand{key: vcitest.NewKey(t), wallet: vcitest.NewWallet(t)}
	s.c = &content.Content{
		Issuer: issuer, ID: "0b0c1d62-0f0e-4ac3-8a43-0f2f6a8f2d57", Configuration: configuration.NationalID(issuer)[0],
		Claims: map[string]any{
			"given_name": "Ada", "family_name": "Example", "birthdate": "1985-12-10", "portrait": "/9j/",
			"address": map[string]any{"locality": "London", "country": "GB"},
		},
		Holder: s.wallet.Holder(t), IssuedAt: time.Unix(1700000000, 0), ExpiresAt: time.Unix(1800000000, 0),
		Status: content.Status{Index: 7, URI: issuer + "/status-lists/0"}, Random: rand.NewChaCha8([32]byte{1}),
	}
	return s
}

func (s *stand) issue(t testing.TB) string {
	t.Helper()
	text, err := sdjwt.Issue(t.Context(), signing.New(s.key.Backend()), s.c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t *testing.T, text string) *sdjwt.Presentation {
	t.Helper()
	presentation, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return presentation
}

func TestAHolderDisclosesWhatTheyLike(t *testing.T) {
	s := newStand(t)
	credential := parse(t, s.issue(t))
	always := map[string]any{
		"iss": issuer, "iat": 1.7e9, "exp": 1.8e9, "jti": s.c.ID, "vct": issuer + configuration.TypePath,
		"cnf":    map[string]any{"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": s.c.Holder.JWK().X, "y": s.c.Holder.JWK().Y}},
		"status": map[string]any{"status_list": map[string]any{"idx": 7.0, "uri": issuer + "/status-lists/0"}},
	}
	for _, test := range []struct {
		name string
		show []string
		want map[string]any
	}{
		{"nothing", nil, nil},
		{"one claim", []string{"given_name"}, map[string]any{"given_name": "Ada"}},
		{"an object without its members", []string{"address"}, map[string]any{"address": map[string]any{}}},
		{"one member of an object", []string{"address", "country"}, map[string]any{"address": map[string]any{"country": "GB"}}},
		{"the photograph as a data URI", []string{"picture"}, map[string]any{"picture": "data:image/jpeg;base64,/9j/"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			shown, err := credential.Keep(func(name string) bool { return slices.Contains(test.show, name) })
			if err != nil {
				t.Fatal(err)
			}
			got, err := parse(t, shown.Unbound()).Open(s.key.Public())
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{}
			for _, part := range []map[string]any{always, test.want} {
				for name, value := range part {
					want[name] = value
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheNumberOfDigestsDoesNotTellWhatAPersonHas(t *testing.T) {
	s := newStand(t)
	count := func() int {
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(strings.Split(s.issue(t), "~")[0], ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			Digests []string `json:"_sd"`
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		if !slices.IsSorted(claims.Digests) {
			t.Error("the order of digests tells the order of claims")
		}
		return len(claims.Digests)
	}
	all := count()
	delete(s.c.Claims, "portrait")
	delete(s.c.Claims, "address")
	if some := count(); some != all {
		t.Errorf("%d digests with a photograph, %d without", all, some)
	}
}

func TestTheSameSeedMakesTheSameDisclosures(t *testing.T) {
	s := newStand(t)
	first := parse(t, s.issue(t))
	s.c.Random = rand.NewChaCha8([32]byte{1})
	if second := parse(t, s.issue(t)); !slices.Equal(first.Disclosures, second.Disclosures) {
		t.Error("a credential made again has other disclosures")
	}
}

func TestWhatAnIssuerDidNotSignIsRefused(t *testing.T) {
	s := newStand(t)
	good := parse(t, s.issue(t))
	stranger := newStand(t)
	stranger.c.Random = rand.NewChaCha8([32]byte{2})
	other := parse(t, stranger.issue(t))
	disclosure := func(parts ...any) string {
		text, err := json.Marshal(parts)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	own := func(payload string) string {
		text, err := s.key.Backend().Sign(t.Context(), sdjwt.Type, nil, payload)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	digest := func(text string) string {
		hash := sha256.Sum256([]byte(text))
		return `"` + base64.RawURLEncoding.EncodeToString(hash[:]) + `"`
	}
	issuerClaim, given := disclosure("salt", "iss", "x"), disclosure("salt", "given_name", "x")
	plain, err := s.key.Backend().Sign(t.Context(), "JWT", nil, "{}")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, text string }{
		{"an empty text", ""},
		{"a JWT without a tilde", good.JWT},
		{"an empty disclosure", good.JWT + "~~"},
		{"another issuer's key", other.Unbound()},
		{"a JWT of another type", plain + "~"},
		{"a disclosure that was not issued", good.JWT + "~" + disclosure("salt", "admin", true) + "~"},
		{"a disclosure of another credential", good.JWT + "~" + other.Disclosures[0] + "~"},
		{"a disclosure twice", good.JWT + "~" + good.Disclosures[0] + "~" + good.Disclosures[0] + "~"},
		{"a disclosure that is no array", good.JWT + "~" + base64.RawURLEncoding.EncodeToString([]byte(`{}`)) + "~"},
		{"a claim called _sd", good.JWT + "~" + disclosure("salt", "_sd", "x") + "~"},
		{"iss in a disclosure", own(`{"_sd":[`+digest(issuerClaim)+`]}`) + "~" + issuerClaim + "~"},
		{"a disclosed claim that is there already", own(`{"given_name":"y","_sd":[`+digest(given)+`]}`) + "~" + given + "~"},
		{"a digest twice", own(`{"_sd":[`+digest(given)+`,`+digest(given)+`]}`) + "~" + given + "~"},
		{"a claim disclosed as an array element", own(`{"a":[{"...":`+digest(given)+`}]}`) + "~" + given + "~"},
		{"another hash", own(`{"_sd_alg":"md5"}`) + "~"},
	} {
		t.Run(test.name, func(t *testing.T) {
			presentation, err := sdjwt.Parse(test.text)
			if err == nil {
				_, err = presentation.Open(s.key.Public())
			}
			if !errors.Is(err, sdjwt.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		})
	}
}

func TestArrayElementsAreDisclosedInTheirPlace(t *testing.T) {
	s := newStand(t)
	element := base64.RawURLEncoding.EncodeToString([]byte(`["salt","FR"]`))
	hash := sha256.Sum256([]byte(element))
	signed, err := s.key.Backend().Sign(t.Context(), sdjwt.Type, nil, `{"nationalities":["DE",{"...":"`+base64.RawURLEncoding.EncodeToString(hash[:])+`"},{"...":"hidden"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := parse(t, signed+"~"+element+"~").Open(s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"DE", "FR"}, claims["nationalities"]); diff != "" {
		t.Error(diff)
	}
}

func TestAKeyBindingIsOfThisHolderForThisVerifierNow(t *testing.T) {
	s := newStand(t)
	shown, err := parse(t, s.issue(t)).Keep(func(name string) bool { return name == "given_name" })
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1700000000, 0)
	hash := sha256.Sum256([]byte(shown.Unbound()))
	claims := func() map[string]any {
		return map[string]any{"iat": now.Unix(), "aud": "verifier", "nonce": "n", "sd_hash": base64.RawURLEncoding.EncodeToString(hash[:])}
	}
	thief := vcitest.NewWallet(t)
	for _, test := range []struct {
		name   string
		change func(claims map[string]any)
		typ    string
		signer *vcitest.Wallet
		valid  bool
	}{
		{"as it has to be", nil, "kb+jwt", s.wallet, true},
		{"another key", nil, "kb+jwt", thief, false},
		{"another type", nil, "JWT", s.wallet, false},
		{"another verifier", func(c map[string]any) { c["aud"] = "other" }, "kb+jwt", s.wallet, false},
		{"another nonce", func(c map[string]any) { c["nonce"] = "old" }, "kb+jwt", s.wallet, false},
		{"another presentation", func(c map[string]any) { c["sd_hash"] = "AA" }, "kb+jwt", s.wallet, false},
		{"yesterday", func(c map[string]any) { c["iat"] = now.Unix() - 86400 }, "kb+jwt", s.wallet, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := claims()
			if test.change != nil {
				test.change(body)
			}
			binding, err := vcitest.Sign(test.signer.Private, test.typ, "", nil, body)
			if err != nil {
				t.Fatal(err)
			}
			presentation := parse(t, shown.Unbound()+binding)
			err = presentation.VerifyBinding(s.c.Holder, "verifier", "n", now, time.Minute)
			if test.valid && err != nil || !test.valid && !errors.Is(err, sdjwt.ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	s := newStand(f)
	f.Add(s.issue(f))
	f.Add("a.b.c~WyJzIiwibiIsMV0~")
	f.Fuzz(func(t *testing.T, text string) {
		presentation, err := sdjwt.Parse(text)
		if err != nil {
			return
		}
		if presentation.Unbound()+presentation.KeyBinding != text {
			t.Fatalf("%q is parsed as something else", text)
		}
		if _, err := presentation.Open(s.key.Public()); err != nil && !errors.Is(err, sdjwt.ErrInvalid) {
			t.Fatal(err)
		}
		if _, err := presentation.Keep(func(string) bool { return true }); err != nil && !errors.Is(err, sdjwt.ErrInvalid) {
			t.Fatal(err)
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	s := newStand(b)
	key := signing.New(s.key.Backend())
	for b.Loop() {
		if _, err := sdjwt.Issue(b.Context(), key, s.c); err != nil {
			b.Fatal(err)
		}
	}
}
