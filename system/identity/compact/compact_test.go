package compact_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/compact"
	"tocsin/system/identity/token/tokentest"
)

func TestTokensOfAnIndependentSignerVerify(t *testing.T) {
	for _, algorithm := range compact.Algorithms() {
		t.Run(algorithm, func(t *testing.T) {
			key := tokentest.NewKey(t, algorithm)
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: key.Private}, nil)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := signer.Sign([]byte(`{"a":1}`))
			if err != nil {
				t.Fatal(err)
			}
			text, err := signed.CompactSerialize()
			if err != nil {
				t.Fatal(err)
			}
			token, err := compact.Parse(text, 4096)
			if err != nil {
				t.Fatal(err)
			}
			if err := token.Verify(key.Private.Public()); err != nil || string(token.Payload) != `{"a":1}` {
				t.Errorf("got %v, %s", err, token.Payload)
			}
			if err := token.Verify(tokentest.NewKey(t, algorithm).Private.Public()); !errors.Is(err, compact.ErrSignature) {
				t.Errorf("with another key: got %v", err)
			}
		})
	}
}

func TestKeysServeOnlyTheirAlgorithm(t *testing.T) {
	keys := []*tokentest.Key{tokentest.NewKey(t, "ES256"), tokentest.NewKey(t, "PS256"), tokentest.NewKey(t, "EdDSA")}
	for _, key := range keys {
		for _, claimed := range []string{"none", "None", "HS256", "RS256", "ES384", "ES256K", "ES256", "PS256", "EdDSA", ""} {
			if claimed == key.Algorithm {
				continue
			}
			t.Run(key.Algorithm+" key, alg "+claimed, func(t *testing.T) {
				text := key.Sign(t, tokentest.Members{"alg": claimed}, tokentest.Members{})
				token, err := compact.Parse(text, 4096)
				if err != nil {
					t.Fatal(err)
				}
				if err := token.Verify(key.Private.Public()); !errors.Is(err, compact.ErrSignature) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestRS256IsForThoseWhoAskForIt(t *testing.T) {
	rsaKey, other, ec := tokentest.NewKey(t, "RS256"), tokentest.NewKey(t, "RS256"), tokentest.NewKey(t, "ES256")
	short, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // the size is what is refused
	if err != nil {
		t.Fatal(err)
	}
	small := &tokentest.Key{Private: short, Algorithm: "RS256"}
	pss := &tokentest.Key{Private: rsaKey.Private, Algorithm: "PS256"}
	for _, test := range []struct {
		name   string
		signer *tokentest.Key
		header tokentest.Members
		public any
		valid  bool
	}{
		{"its own key", rsaKey, nil, rsaKey.Private.Public(), true},
		{"another key", rsaKey, nil, other.Private.Public(), false},
		{"a key of another kind", rsaKey, nil, ec.Private.Public(), false},
		{"a key too short", small, nil, short.Public(), false},
		{"a PS256 signature called RS256", pss, tokentest.Members{"alg": "RS256"}, rsaKey.Private.Public(), false},
		{"an RS256 signature called PS256", rsaKey, tokentest.Members{"alg": "PS256"}, rsaKey.Private.Public(), false},
		{"PS256, which Verify is for", pss, nil, rsaKey.Private.Public(), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			token, err := compact.Parse(test.signer.Sign(t, test.header, tokentest.Members{}), 4096)
			if err != nil {
				t.Fatal(err)
			}
			if err := token.VerifyRS256(test.public); (err == nil) != test.valid || err != nil && !errors.Is(err, compact.ErrSignature) {
				t.Errorf("got %v", err)
			}
			if test.signer.Algorithm != "RS256" {
				return
			}
			if err := token.Verify(test.public); !errors.Is(err, compact.ErrSignature) {
				t.Errorf("Verify says %v", err)
			}
		})
	}
}

func TestSmallCurvesAndKeysAreRefused(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: p384.Public()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compact.ParseJWK(jwk); !errors.Is(err, compact.ErrMalformed) {
		t.Errorf("P-384: got %v", err)
	}
}

func TestThumbprintsAreThoseOfAnIndependentLibrary(t *testing.T) {
	for _, algorithm := range compact.Algorithms() {
		public := jose.JSONWebKey{Key: tokentest.NewKey(t, algorithm).Private.Public()}
		raw, err := json.Marshal(public)
		if err != nil {
			t.Fatal(err)
		}
		want, err := public.Thumbprint(5) // crypto.SHA256
		if err != nil {
			t.Fatal(err)
		}
		got, err := compact.ParseJWK(raw)
		if err != nil || got.Thumbprint != base64.RawURLEncoding.EncodeToString(want) {
			t.Errorf("%s: got %v, %v", algorithm, got, err)
		}
	}
}

func TestMalformedTokensAreRefused(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	good := b64([]byte(`{"alg":"ES256"}`))
	for name, text := range map[string]string{
		"empty":                           "",
		"two parts":                       good + ".e30",
		"four parts":                      good + ".e30.AA.AA",
		"padding":                         good + ".e30=.AA",
		"stray bits":                      good + ".e31.AB",
		"a line break, which Go skips":    good + ".e3\n0.AA",
		"a header that is no object":      b64([]byte(`["ES256"]`)) + ".e30.AA",
		"a header member twice":           b64([]byte(`{"alg":"none","alg":"ES256"}`)) + ".e30.AA",
		"a header member twice, escaped":  b64([]byte(`{"alg":"none","\u0061lg":"ES256"}`)) + ".e30.AA",
		"an algorithm that is a number":   b64([]byte(`{"alg":256}`)) + ".e30.AA",
		"a critical extension":            b64([]byte(`{"alg":"ES256","crit":["exp"]}`)) + ".e30.AA",
		"an unencoded payload":            b64([]byte(`{"alg":"ES256","b64":false}`)) + ".e30.AA",
		"a header that is not UTF-8":      b64([]byte("{\"alg\":\"\xff\"}")) + ".e30.AA",
		"more header members than anyone": b64([]byte("{"+strings.Repeat(`"m":1,`, 99)+`"alg":"ES256"}`)) + ".e30.AA",
		"longer than asked for":           good + "." + strings.Repeat("A", 4096) + ".AA",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := compact.Parse(text, 4096); !errors.Is(err, compact.ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestMemberNamesAreExact(t *testing.T) {
	token, err := compact.Parse(base64.RawURLEncoding.EncodeToString([]byte(`{"ALG":"none","alg":"ES256","Typ":"x"}`))+".e30.AA", 4096)
	if err != nil || token.Header.Algorithm != "ES256" || token.Header.Type != "" {
		t.Errorf("got %+v, %v", token, err)
	}
}

func TestTimesAreBounded(t *testing.T) {
	for text, valid := range map[string]bool{
		"1700000000": true, "1700000000.5": true, "0": true, "1.7e9": true,
		"1e400": false, "-1": false, "9e18": false, `"1700000000"`: false, "null": false, "NaN": false, "Infinity": false, "0x10": false,
	} {
		if _, err := compact.Time([]byte(text)); (err == nil) != valid {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// FuzzMembers: what is read is what encoding/json reads, or is refused.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"b":[{"c":"]}"}],"d":"\"}"}`, ` { "x" : null , "y":-1.5e3 } `, `{"a":1,"a":2}`, `{"\u0061":"\ud83d\ude00"}`, `[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := map[string]any{}
		err := compact.Members([]byte(text), func(name string, value []byte) error {
			var decoded any
			if err := json.Unmarshal(value, &decoded); err != nil {
				t.Fatalf("value of %q: %v", name, err)
			}
			got[name] = decoded
			return nil
		})
		if err != nil {
			return
		}
		want := map[string]any{}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("taken, but not JSON: %v", err)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			t.Errorf("got %s, want %s", a, b)
		}
	})
}

// FuzzParseJWK: no text makes it panic, and no private key is taken.
func FuzzParseJWK(f *testing.F) {
	f.Add(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`)
	f.Add(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`)
	f.Add(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	f.Fuzz(func(t *testing.T, text string) {
		key, err := compact.ParseJWK([]byte(text))
		if err != nil {
			return
		}
		var members map[string]any
		if err := json.Unmarshal([]byte(text), &members); err != nil || members["d"] != nil || len(key.Thumbprint) != 43 {
			t.Errorf("took %s: %v", text, err)
		}
	})
}

func BenchmarkVerifyES256(b *testing.B) {
	key := tokentest.NewKey(b, "ES256")
	text := key.Sign(b, tokentest.Members{"kid": "k"}, tokentest.Members{"iss": "c"})
	for b.Loop() {
		token, err := compact.Parse(text, 4096)
		if err != nil {
			b.Fatal(err)
		}
		if err := token.Verify(key.Private.Public()); err != nil {
			b.Fatal(err)
		}
	}
}
