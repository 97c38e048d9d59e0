package dpop_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/compact"
	"tocsin/system/identity/dpop"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/token/tokentest"
)

type members = tokentest.Members

const (
	resource    = tokentest.Issuer + "/userinfo"
	accessToken = "an.access.token"
)

type fixture struct {
	now     time.Time
	key     *tokentest.Key
	nonces  *secret.Challenge
	checker *dpop.Checker
}

func newFixture(t testing.TB, algorithm string, requireNonce bool) *fixture {
	t.Helper()
	f := &fixture{now: time.Unix(1_800_000_000, 0), key: tokentest.NewKey(t, algorithm)}
	keys, err := secret.Derive(tokentest.Pepper())
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return f.now }
	f.nonces = keys.Challenge("dpop", clock)
	f.checker, err = dpop.New(dpop.Config{Issuer: tokentest.Issuer, Nonces: f.nonces, RequireNonce: requireNonce, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func ath(token string) string { return compact.HashText(sha256.Sum256([]byte(token))) }

// proof is for the resource, with the hash of the access token.
func (f *fixture) proof(t testing.TB, header, claims members) string {
	t.Helper()
	all := members{"ath": ath(accessToken)}
	for name, value := range claims {
		all[name] = value
	}
	return f.key.Proof(t, f.now, http.MethodGet, resource, header, all)
}

func (f *fixture) check(proofs ...string) (*dpop.Proof, error) {
	r := httptest.NewRequest(http.MethodGet, resource+"?a=b", nil)
	for _, proof := range proofs {
		r.Header.Add("DPoP", proof)
	}
	return f.checker.Check(r, accessToken)
}

func expect(t *testing.T, got *dpop.Proof, err error, valid bool) {
	t.Helper()
	if valid {
		if err != nil || got == nil || len(got.Thumbprint) != 43 || got.Mark.Life <= 0 {
			t.Errorf("got %+v, %v", got, err)
		}
		return
	}
	if verdict := oautherr.Verdict(err); verdict == nil || verdict.Kind != oautherr.InvalidDPoPProof {
		t.Errorf("got %v", err)
	}
}

// The blocks of fapi2-security-profile-final-dpop-negative-tests, in its order;
// those about the token itself are with the guard of the resources.
func TestDPoPNegativeTests(t *testing.T) {
	f := newFixture(t, "ES256", false)
	good := f.proof(t, nil, nil)
	parts := strings.Split(good, ".")
	hour := time.Hour
	for _, test := range []struct {
		name   string
		proofs []string
		valid  bool
	}{
		{"more than one DPoP header", []string{good, f.proof(t, nil, nil)}, false},
		{"two proofs in one header", []string{good + "," + f.proof(t, nil, nil)}, false},
		{"not a well-formed JWT", []string{parts[0] + parts[1] + parts[2]}, false},
		{"typ is missing", []string{f.proof(t, members{"typ": nil}, nil)}, false},
		{"alg is missing", []string{f.proof(t, members{"alg": nil}, nil)}, false},
		{"jwk is missing", []string{f.proof(t, members{"jwk": nil}, nil)}, false},
		{"jti is missing", []string{f.proof(t, nil, members{"jti": nil})}, false},
		{"htm is missing", []string{f.proof(t, nil, members{"htm": nil})}, false},
		{"htu is missing", []string{f.proof(t, nil, members{"htu": nil})}, false},
		{"iat is missing", []string{f.proof(t, nil, members{"iat": nil})}, false},
		{"ath is missing", []string{f.proof(t, nil, members{"ath": nil})}, false},
		{"invalid typ", []string{f.proof(t, members{"typ": "JWT"}, nil)}, false},
		{"signed using RS256", []string{newFixture(t, "RS256", false).proof(t, nil, nil)}, false},
		{"alg none", []string{f.proof(t, members{"alg": "none"}, nil)}, false},
		{"alg none without a signature", []string{strings.TrimSuffix(f.proof(t, members{"alg": "none"}, nil), parts[2])}, false},
		{"invalid signature", []string{parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))}, false},
		{"jwk contains the private key", []string{f.proof(t, members{"jwk": f.private(t)}, nil)}, false},
		{"incorrect htm", []string{f.proof(t, nil, members{"htm": "PUT"})}, false},
		{"htm in lower case", []string{f.proof(t, nil, members{"htm": "get"})}, false},
		{"htu with query and fragment, which are ignored", []string{f.proof(t, nil, members{"htu": resource + "?x=y#z"})}, true},
		{"htu without the query of the request", []string{good}, true},
		{"htu is a different url", []string{f.proof(t, nil, members{"htu": "https://other.example/userinfo"})}, false},
		{"htu is another endpoint", []string{f.proof(t, nil, members{"htu": tokentest.Issuer + "/token"})}, false},
		{"iat one hour in the future", []string{f.proof(t, nil, members{"iat": f.now.Add(hour).Unix()})}, false},
		{"iat one hour in the past", []string{f.proof(t, nil, members{"iat": f.now.Add(-hour).Unix()})}, false},
		{"ath is incorrect", []string{f.proof(t, nil, members{"ath": ath("another")})}, false},
		{"extra claims in header and body", []string{f.proof(t, members{"x": members{"y": 1}}, members{"z": []int{1}})}, true},
		{"htu with scheme and host in upper case", []string{f.proof(t, nil, members{"htu": "HTTPS://OP.EXAMPLE/userinfo"})}, true},
		{"htu with the default port", []string{f.proof(t, nil, members{"htu": "https://op.example:443/userinfo"})}, true},
		{"a correct proof still works", []string{good}, true},
	} {
		t.Run("fapi2-security-profile-final-dpop-negative-tests/"+test.name, func(t *testing.T) {
			got, err := f.check(test.proofs...)
			expect(t, got, err, test.valid)
		})
	}
}

// private is the whole key, as somebody careless would send it.
func (f *fixture) private(t *testing.T) members {
	t.Helper()
	jwk := f.key.JWK(t)
	jwk["d"] = strings.Repeat("A", 43)
	return jwk
}

func TestProofs(t *testing.T) {
	f := newFixture(t, "ES256", false)
	symmetric := members{"kty": "oct", "k": "AAAA"}
	for _, test := range []struct {
		name           string
		header, claims members
		valid          bool
	}{
		{"fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-before-succeeds", nil, members{"iat": f.now.Unix() - 10}, true},
		{"fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-after-succeeds", nil, members{"iat": f.now.Unix() + 10}, true},
		{"iat 11 seconds in the future", nil, members{"iat": f.now.Unix() + 11}, false},
		{"iat a minute ago", nil, members{"iat": f.now.Unix() - 60}, true},
		{"iat more than a minute ago", nil, members{"iat": f.now.Unix() - 61}, false},
		{"iat with a fraction", nil, members{"iat": float64(f.now.Unix()) - 0.5}, true},
		{"iat that overflows", nil, members{"iat": 1e30}, false},
		{"iat that is text", nil, members{"iat": "now"}, false},
		{"fapi2-security-profile-final-check-dpop-proof-nbf-exp", nil, members{"nbf": f.now.Unix(), "exp": f.now.Unix() + 300}, true},
		{"exp in the past", nil, members{"exp": f.now.Unix() - 11}, false},
		{"nbf in the future", nil, members{"nbf": f.now.Unix() + 11}, false},
		{"a jti of 257 characters", nil, members{"jti": strings.Repeat("j", 257)}, false},
		{"an empty jti", nil, members{"jti": ""}, false},
		{"a symmetric key", members{"jwk": symmetric}, nil, false},
		{"a key of another kind than alg", members{"jwk": tokentest.NewKey(t, "PS256").JWK(t)}, nil, false},
		{"a point that is not on the curve", members{"jwk": members{"kty": "EC", "crv": "P-256", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)}}, nil, false},
		{"a jwk that is text", members{"jwk": "key"}, nil, false},
		{"somebody else's name in htu", nil, members{"htu": "https://op.example@other.example/userinfo"}, false},
		{"a host that begins like ours", nil, members{"htu": tokentest.Issuer + ".other.example/userinfo"}, false},
		{"a user in htu", nil, members{"htu": "https://user@op.example/userinfo"}, false},
		{"http in htu", nil, members{"htu": "http://op.example/userinfo"}, false},
		{"another port in htu", nil, members{"htu": "https://op.example:8443/userinfo"}, false},
		{"dot segments in htu", nil, members{"htu": tokentest.Issuer + "/a/../userinfo"}, true},
		{"percent-encoded letters in htu", nil, members{"htu": tokentest.Issuer + "/user%69nfo"}, true},
		{"an encoded slash in htu", nil, members{"htu": tokentest.Issuer + "%2Fuserinfo"}, false},
		{"a path in upper case", nil, members{"htu": tokentest.Issuer + "/USERINFO"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := f.check(f.proof(t, test.header, test.claims))
			expect(t, got, err, test.valid)
		})
	}
}

func TestAlgorithms(t *testing.T) {
	for _, algorithm := range compact.Algorithms() {
		t.Run(algorithm, func(t *testing.T) {
			f := newFixture(t, algorithm, false)
			got, err := f.check(f.proof(t, nil, nil))
			expect(t, got, err, true)
		})
	}
}

func TestNoProofIsNoError(t *testing.T) {
	f := newFixture(t, "ES256", true)
	if got, err := f.check(); got != nil || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestNonces(t *testing.T) {
	for _, test := range []struct {
		name     string
		required bool
		nonce    func(f *fixture) any
		kind     oautherr.Kind
	}{
		{"required and missing", true, func(*fixture) any { return nil }, oautherr.UseDPoPNonce},
		{"required and there", true, func(f *fixture) any { return f.nonces.Current() }, ""},
		{"not required and missing", false, func(*fixture) any { return nil }, ""},
		{"made up", false, func(*fixture) any { return "made-up" }, oautherr.UseDPoPNonce},
		{"of an hour ago", true, func(f *fixture) any {
			defer func(now time.Time) { f.now = now }(f.now)
			f.now = f.now.Add(-time.Hour)
			return f.nonces.Current()
		}, oautherr.UseDPoPNonce},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, "ES256", test.required)
			_, err := f.check(f.proof(t, nil, members{"nonce": test.nonce(f)}))
			var kind oautherr.Kind
			if verdict := oautherr.Verdict(err); verdict != nil {
				kind = verdict.Kind
			}
			if kind != test.kind {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNoncesAreOfferedWithProofsOnly(t *testing.T) {
	f := newFixture(t, "ES256", false)
	for _, proven := range []bool{true, false} {
		r := httptest.NewRequest(http.MethodGet, resource, nil)
		if proven {
			r.Header.Set("DPoP", "even a bad one")
		}
		w := httptest.NewRecorder()
		f.checker.Offer(w, r)
		if got := w.Header().Get("DPoP-Nonce"); (got == f.nonces.Current()) != proven {
			t.Errorf("proven %v: got %q", proven, got)
		}
	}
}

func TestMarksOutliveTheProof(t *testing.T) {
	f := newFixture(t, "ES256", false)
	text := f.proof(t, nil, nil)
	got, err := f.check(text)
	expect(t, got, err, true)
	f.now = f.now.Add(got.Mark.Life)
	if _, err := f.check(text); err == nil {
		t.Error("the proof is still good when its mark is gone")
	}
}

func TestOneJTIOfTwoKeysIsTwoMarks(t *testing.T) {
	a, b := newFixture(t, "ES256", false), newFixture(t, "ES256", false)
	first, err := a.check(a.proof(t, nil, members{"jti": "same"}))
	expect(t, first, err, true)
	second, err := b.check(b.proof(t, nil, members{"jti": "same"}))
	expect(t, second, err, true)
	if first.Mark.ID == second.Mark.ID {
		t.Error("one client can use up another's jti")
	}
}

// FuzzProof: no text makes the checker panic, and what it takes was signed.
func FuzzProof(f *testing.F) {
	fixture := newFixture(f, "ES256", false)
	good := fixture.proof(f, nil, nil)
	f.Add(good[1:])
	claims, err := json.Marshal(members{"jti": "x", "htm": "GET", "htu": resource, "iat": fixture.now.Unix(), "ath": ath(accessToken)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(strings.Split(good, ".")[0] + "." + base64.RawURLEncoding.EncodeToString(claims) + ".AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if text == good {
			return
		}
		if got, err := fixture.check(text); oautherr.Verdict(err) == nil {
			t.Errorf("took %q: %v, %v", text, got, err)
		}
	})
}

// FuzzTarget: an htu is taken for ours only if it names our host.
func FuzzTarget(f *testing.F) {
	fixture := newFixture(f, "ES256", false)
	f.Add("https://op.example/%75serinfo")
	f.Add("https:op.example/userinfo")
	f.Fuzz(func(t *testing.T, htu string) {
		got, err := fixture.check(fixture.proof(t, nil, members{"htu": htu}))
		if err == nil && got != nil && !strings.Contains(strings.ToLower(htu), "op.example") {
			t.Errorf("took %q", htu)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for _, algorithm := range []string{"ES256", "PS256"} {
		b.Run(algorithm, func(b *testing.B) {
			f := newFixture(b, algorithm, false)
			r := httptest.NewRequest(http.MethodGet, resource, nil)
			r.Header.Set("DPoP", f.proof(b, nil, members{"nonce": f.nonces.Current()}))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.checker.Check(r, accessToken); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
