package clientauth_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token/tokentest"
)

type members = tokentest.Members

// fixture is a provider with a FAPI client, a client of OpenID Connect and a
// public one.
type fixture struct {
	now                 time.Time
	fapi, plain, public *tokentest.Party
	auth                *clientauth.Authenticator
}

func newFixture(t testing.TB, algorithm string) *fixture {
	t.Helper()
	f := &fixture{
		now:   time.Unix(1_800_000_000, 0),
		fapi:  tokentest.NewParty(t, "fapi", algorithm),
		plain: tokentest.NewParty(t, "plain", "ES256"), public: tokentest.NewParty(t, "wallet", "ES256"),
	}
	f.fapi.RequirePAR, f.fapi.RequireDPoP = true, true
	f.public.AuthMethod = clients.Public
	registry := &tokentest.Registry{Clients: []*clients.Client{f.fapi.Client, f.plain.Client, f.public.Client}}
	f.auth = clientauth.New(registry, tokentest.Issuer, func() time.Time { return f.now })
	return f
}

func (f *fixture) authenticate(t testing.TB, form url.Values, path string) (*clientauth.Authenticated, error) {
	t.Helper()
	return f.auth.Authenticate(t.Context(), httptest.NewRequest(http.MethodPost, path, nil), form)
}

func with(assertion string) url.Values {
	return url.Values{"client_assertion_type": {clientauth.AssertionType}, "client_assertion": {assertion}}
}

func TestAssertionsOfFAPIClients(t *testing.T) {
	f := newFixture(t, "ES256")
	at := func(offset time.Duration) int64 { return f.now.Add(offset).Unix() }
	for _, test := range []struct {
		name   string
		claims members
		valid  bool
	}{
		{"fapi2-security-profile-final-happy-flow", nil, true},
		{"fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted", members{"nbf": at(8 * time.Second)}, true},
		{"iat 8 seconds in the future is accepted", members{"iat": at(8 * time.Second)}, true},
		{"fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails",
			members{"nbf": at(65 * time.Second), "iat": at(65 * time.Second), "exp": at(125 * time.Second)}, false},
		{"iat over 60 seconds in the future", members{"iat": at(61 * time.Second)}, false},
		{"fapi2-security-profile-final-ensure-client-assertion-with-exp-is-5-minutes-in-past-fails", members{"exp": at(-5 * time.Minute)}, false},
		{"exp five minutes away", members{"exp": at(5 * time.Minute)}, true},
		{"exp an hour away", members{"exp": at(time.Hour)}, false},
		{"exp beyond all calendars", members{"exp": 1e300}, false},
		{"exp that is text", members{"exp": "1800000060"}, false},
		{"no exp", members{"exp": nil}, false},
		{"fapi2-security-profile-final-ensure-client-assertion-with-wrong-aud-fails", members{"aud": "https://other.example"}, false},
		{"fapi2-security-profile-final-par-test-array-as-audience-fails", members{"aud": []string{tokentest.Issuer}}, false},
		{"fapi2-security-profile-final-par-test-par-endpoint-url-as-audience-fails", members{"aud": tokentest.Issuer + "/par"}, false},
		{"fapi2-security-profile-final-par-test-token-endpoint-url-as-audience-fails", members{"aud": tokentest.Issuer + "/token"}, false},
		{"issuer with a slash after it", members{"aud": tokentest.Issuer + "/"}, false},
		{"no aud", members{"aud": nil}, false},
		{"aud null", members{"aud": []any{nil}}, false},
		{"fapi2-security-profile-final-ensure-client-assertion-with-no-sub-fails", members{"sub": nil}, false},
		{"iss is another client", members{"iss": "plain"}, false},
		{"no jti", members{"jti": nil}, false},
		{"a jti of 257 characters", members{"jti": strings.Repeat("j", 257)}, false},
		{"a jti of 256 characters", members{"jti": strings.Repeat("j", 256)}, true},
		{"a jti that is a number", members{"jti": 7}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := f.authenticate(t, with(f.fapi.Assertion(t, f.now, nil, test.claims)), "/par")
			check(t, got, err, test.valid)
		})
	}
}

// check wants one mark of a valid assertion, and invalid_client otherwise.
func check(t *testing.T, got *clientauth.Authenticated, err error, valid bool) {
	t.Helper()
	if valid {
		if err != nil || len(got.Marks) != 1 || got.Marks[0].Life <= 0 {
			t.Errorf("got %+v, %v", got, err)
		}
		return
	}
	if verdict := oautherr.Verdict(err); verdict == nil || verdict.Kind != oautherr.InvalidClient {
		t.Errorf("got %v", err)
	}
}

func TestAudiencesOfOtherClients(t *testing.T) {
	f := newFixture(t, "ES256")
	for _, test := range []struct {
		name     string
		audience any
		valid    bool
	}{
		{"the issuer", tokentest.Issuer, true},
		{"the token endpoint", tokentest.Issuer + "/token", true},
		{"the endpoint itself", tokentest.Issuer + "/par", true},
		{"another endpoint", tokentest.Issuer + "/userinfo", false},
		{"issuer and token endpoint", []string{tokentest.Issuer, tokentest.Issuer + "/token"}, true},
		{"issuer and another server, who could have got it", []string{tokentest.Issuer, "https://other.example"}, false},
		{"none at all", []string{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := f.authenticate(t, with(f.plain.Assertion(t, f.now, nil, members{"aud": test.audience})), "/par")
			check(t, got, err, test.valid)
		})
	}
}

func TestAlgorithms(t *testing.T) {
	for algorithm, valid := range map[string]bool{"ES256": true, "PS256": true, "EdDSA": true, "RS256": false} {
		name := algorithm
		if algorithm == "RS256" {
			name = "fapi2-security-profile-final-ensure-signed-client-assertion-with-RS256-fails"
		}
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, algorithm)
			got, err := f.authenticate(t, with(f.fapi.Assertion(t, f.now, nil, nil)), "/token")
			check(t, got, err, valid)
		})
	}
}

func TestSignaturesThatAreNone(t *testing.T) {
	f := newFixture(t, "PS256")
	stranger := tokentest.NewParty(t, "fapi", "PS256")
	good := f.fapi.Assertion(t, f.now, nil, nil)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	for name, assertion := range map[string]string{
		"signed by a stranger":                    stranger.Assertion(t, f.now, nil, nil),
		"alg none":                                none + "." + parts[1] + ".",
		"alg none with a signature":               none + "." + parts[1] + "." + parts[2],
		"alg HS256, the public key as secret":     f.fapi.Assertion(t, f.now, members{"alg": "HS256"}, nil),
		"alg ES256 for an RSA key":                f.fapi.Assertion(t, f.now, members{"alg": "ES256"}, nil),
		"a key the header brings along":           stranger.Assertion(t, f.now, members{"jwk": stranger.Key.JWK(t)}, nil),
		"a kid that is not registered":            f.fapi.Assertion(t, f.now, members{"kid": "k2"}, nil),
		"a critical extension":                    f.fapi.Assertion(t, f.now, members{"crit": []string{"x"}}, nil),
		"claims of another assertion":             parts[0] + "." + strings.Split(stranger.Assertion(t, f.now, nil, nil), ".")[1] + "." + parts[2],
		"a sub no store should be asked for":      f.fapi.Assertion(t, f.now, nil, members{"iss": "a\x00b", "sub": "a\x00b"}),
		"a sub longer than any":                   f.fapi.Assertion(t, f.now, nil, members{"iss": strings.Repeat("c", 300), "sub": strings.Repeat("c", 300)}),
		"an empty one":                            "",
		"longer than any assertion, all dots":     strings.Repeat(".", 1<<20),
		"cut short":                               good[:len(good)-1],
		"with white space, which others ignore":   " " + good,
		"in padded base64":                        good + "==",
		"as JSON serialization":                   `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"with the signature twice":                good + "." + parts[2],
		"claims with sub twice, first a victim's": f.twoSubjects(t),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := f.authenticate(t, with(assertion), "/token")
			check(t, got, err, false)
		})
	}
	got, err := f.authenticate(t, with(good), "/token")
	check(t, got, err, true)
}

// twoSubjects is signed properly; readers differ on whom it is of.
func (f *fixture) twoSubjects(t *testing.T) string {
	t.Helper()
	parts := strings.Split(f.fapi.Assertion(t, f.now, nil, nil), ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"plain",`+string(claims[1:]))) + "." + parts[2]
}

func TestForms(t *testing.T) {
	f := newFixture(t, "ES256")
	f.plain.Inactive = true
	for _, test := range []struct {
		name  string
		form  url.Values
		basic bool
		valid bool
		marks int
	}{
		{"client_id beside the assertion", f.fapi.Form(t, f.now, "client_id", "fapi"), false, true, 1},
		{"fapi2-security-profile-final-ensure-client-id-in-token-endpoint", f.fapi.Form(t, f.now, "client_id", "plain"), false, false, 0},
		{"fapi2-security-profile-final-ensure-client-assertion-in-token-endpoint", url.Values{"client_id": {"fapi"}}, false, false, 0},
		{"another assertion type", f.fapi.Form(t, f.now, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), false, false, 0},
		{"a public client names itself", url.Values{"client_id": {"wallet"}}, false, true, 0},
		{"a public client cannot prove itself", with(f.public.Assertion(t, f.now, nil, nil)), false, false, 0},
		{"nobody", url.Values{}, false, false, 0},
		{"a client that does not exist", url.Values{"client_id": {"other"}}, false, false, 0},
		{"a client that is not active", with(f.plain.Assertion(t, f.now, nil, nil)), false, false, 0},
		{"a secret", f.fapi.Form(t, f.now, "client_secret", "x"), false, false, 0},
		{"HTTP Basic beside the assertion", f.fapi.Form(t, f.now), true, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/token", nil)
			if test.basic {
				r.SetBasicAuth("fapi", "x")
			}
			got, err := f.auth.Authenticate(t.Context(), r, test.form)
			if !test.valid {
				check(t, got, err, false)
				return
			}
			if err != nil || len(got.Marks) != test.marks {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestMarksTellAssertionsApart(t *testing.T) {
	f := newFixture(t, "ES256")
	mark := func(party *tokentest.Party, jti string) string {
		got, err := f.authenticate(t, with(party.Assertion(t, f.now, nil, members{"jti": jti})), "/token")
		if err != nil {
			t.Fatal(err)
		}
		return got.Marks[0].ID
	}
	first := mark(f.fapi, "1")
	if first != mark(f.fapi, "1") || first == mark(f.fapi, "2") || first == mark(f.plain, "1") {
		t.Error("a jti is unique to its client")
	}
}

func TestKeysServeWhatTheyAreRegisteredFor(t *testing.T) {
	for _, test := range []struct {
		name, use, alg string
		valid          bool
	}{
		{"signatures", "sig", "ES256", true},
		{"encryption", "enc", "", false},
		{"another algorithm", "sig", "ES384", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, "ES256")
			f.fapi.Keys.Keys[0].Use, f.fapi.Keys.Keys[0].Algorithm = test.use, test.alg
			got, err := f.authenticate(t, with(f.fapi.Assertion(t, f.now, nil, nil)), "/token")
			check(t, got, err, test.valid)
		})
	}
}

// Some stores fail on such ids, and that would be no verdict.
func TestNoStoreIsAskedForWhatIsNoID(t *testing.T) {
	auth := clientauth.New(&tokentest.Registry{Away: errors.New("invalid byte sequence")}, tokentest.Issuer, time.Now)
	for _, id := range []string{"a\x00b", "\xff", "caf\u00e9", "\u202ec", strings.Repeat("c", 257)} {
		got, err := auth.Authenticate(t.Context(), httptest.NewRequest(http.MethodPost, "/token", nil), url.Values{"client_id": {id}})
		check(t, got, err, false)
	}
}

func TestARegistryThatIsAwayIsNoVerdict(t *testing.T) {
	f := newFixture(t, "ES256")
	away := errors.New("connection refused")
	auth := clientauth.New(&tokentest.Registry{Away: away}, tokentest.Issuer, time.Now)
	for _, form := range []url.Values{f.fapi.Form(t, f.now), {"client_id": {"wallet"}}} {
		_, err := auth.Authenticate(t.Context(), httptest.NewRequest(http.MethodPost, "/token", nil), form)
		if oautherr.Verdict(err) != nil || !errors.Is(err, away) {
			t.Errorf("got %v", err)
		}
	}
}

// FuzzAssertion: whatever is not signed by the client is refused, as a verdict.
func FuzzAssertion(f *testing.F) {
	fixture := newFixture(f, "ES256")
	good := fixture.fapi.Assertion(f, fixture.now, nil, nil)
	f.Add(good + "x")
	f.Add("eyJhbGciOiJub25lIn0.eyJpc3MiOiJmYXBpIiwic3ViIjoiZmFwaSJ9.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, assertion string) {
		if assertion == good {
			return
		}
		if _, err := fixture.authenticate(t, with(assertion), "/token"); oautherr.Verdict(err) == nil {
			t.Errorf("got %v", err)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	for _, algorithm := range []string{"ES256", "PS256", "EdDSA"} {
		b.Run(algorithm, func(b *testing.B) {
			f := newFixture(b, algorithm)
			form := f.fapi.Form(b, f.now)
			r := httptest.NewRequest(http.MethodPost, "/token", nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.auth.Authenticate(b.Context(), r, form); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
