package jws

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tocsin/system/hsm/protocol"
	"tocsin/system/identity/keyset"
)

// keys is a set in memory with its HSM.
type keys struct {
	current map[jose.SignatureAlgorithm]*keyset.Key
	private map[protocol.ID]crypto.Signer
	err     error
}

func newKeys(t testing.TB) *keys {
	t.Helper()
	k := &keys{current: map[jose.SignatureAlgorithm]*keyset.Key{}, private: map[protocol.ID]crypto.Signer{}}
	for _, algorithm := range protocol.Algorithms() {
		var private crypto.Signer
		var err error
		if algorithm == jose.ES256 {
			private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		} else {
			private, err = rsa.GenerateKey(rand.Reader, 2048)
		}
		if err != nil {
			t.Fatal(err)
		}
		id, err := protocol.IDOf(private.Public())
		if err != nil {
			t.Fatal(err)
		}
		k.private[id] = private
		k.current[algorithm] = &keyset.Key{ID: id, KeyID: id.String(), Use: keyset.Token, Algorithm: algorithm, Public: private.Public()}
	}
	return k
}

func (k *keys) Signing(use keyset.Use, algorithm jose.SignatureAlgorithm) (*keyset.Key, error) {
	if k.err != nil {
		return nil, k.err
	}
	key := *k.current[algorithm]
	key.Use = use
	return &key, nil
}

func (k *keys) Verifying(kid string) (*keyset.Key, error) {
	if k.err != nil {
		return nil, k.err
	}
	for _, key := range k.current {
		if key.KeyID == kid {
			return key, nil
		}
	}
	return nil, nil
}

func (k *keys) Sign(_ context.Context, order protocol.Order) ([]byte, error) {
	switch private := k.private[order.Key].(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, order.Digest[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	case *rsa.PrivateKey:
		if order.Algorithm == jose.PS256 {
			return rsa.SignPSS(rand.Reader, private, crypto.SHA256, order.Digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, order.Digest[:])
	}
	return nil, errors.New("no such key")
}

type claims struct {
	Subject string `json:"sub"`
	Issued  int64  `json:"iat"`
}

// TestTokensVerifyElsewhere has an independent library check the tokens.
func TestTokensVerifyElsewhere(t *testing.T) {
	k := newKeys(t)
	signer, verifier := NewSigner(k, k), NewVerifier(k)
	want := claims{"alice", time.Now().Unix()}
	for _, algorithm := range protocol.Algorithms() {
		for _, extra := range []map[string]any{nil, {"trust_chain_hint": []string{"root"}}} {
			for range 2 { // the second comes from what was kept
				token, err := signer.Sign(t.Context(), keyset.Token, algorithm, "at+jwt", extra, want)
				if err != nil {
					t.Fatal(err)
				}
				parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{algorithm})
				if err != nil {
					t.Fatal(err)
				}
				head := parsed.Headers[0]
				if head.KeyID != k.current[algorithm].KeyID || head.ExtraHeaders["typ"] != "at+jwt" {
					t.Errorf("header %+v", head)
				}
				var got claims
				if err := parsed.Claims(k.current[algorithm].Public, &got); err != nil || got != want {
					t.Errorf("%s elsewhere: %+v, %v", algorithm, got, err)
				}
				got = claims{}
				if err := verifier.Verify(token, "at+jwt", &got); err != nil || got != want {
					t.Errorf("%s here: %+v, %v", algorithm, got, err)
				}
			}
		}
	}
}

func TestHeaderIsNotForTheCallerToSet(t *testing.T) {
	k := newKeys(t)
	for _, name := range []string{"alg", "kid", "typ"} {
		if _, err := NewSigner(k, k).Sign(t.Context(), keyset.Token, jose.ES256, "JWT", map[string]any{name: "none"}, claims{}); err == nil {
			t.Errorf("%s was set", name)
		}
	}
}

func TestDigestForCOSE(t *testing.T) {
	k := newKeys(t)
	digest := sha256.Sum256([]byte("Sig_structure"))
	signature, kid, err := NewSigner(k, k).SignDigest(t.Context(), keyset.Credential, digest)
	if err != nil {
		t.Fatal(err)
	}
	if kid != k.current[jose.ES256].KeyID || !protocol.Verify(jose.ES256, k.current[jose.ES256].Public, digest[:], signature) {
		t.Error("signature does not verify with the key named")
	}
}

// forge makes a token with any header; sign gets the signing input.
func forge(t testing.TB, head map[string]any, sign func(input string) []byte) string {
	t.Helper()
	text, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	input := base64.RawURLEncoding.EncodeToString(text) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"mallory"}`))
	return input + "." + base64.RawURLEncoding.EncodeToString(sign(input))
}

func TestForgedTokensAreInvalid(t *testing.T) {
	k := newKeys(t)
	signer, verifier := NewSigner(k, k), NewVerifier(k)
	good, err := signer.Sign(t.Context(), keyset.Token, jose.ES256, "at+jwt", nil, claims{Subject: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(good, "at+jwt", &claims{}); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	ec, ps := k.current[jose.ES256], k.current[jose.PS256]
	credential := *ec
	nothing := func(string) []byte { return nil }
	signed := func(algorithm jose.SignatureAlgorithm) func(string) []byte {
		return func(input string) []byte {
			signature, err := k.Sign(t.Context(), protocol.Order{Algorithm: algorithm, Key: k.current[ps.Algorithm].ID, Digest: sha256.Sum256([]byte(input))})
			if algorithm == jose.ES256 {
				signature, err = k.Sign(t.Context(), protocol.Order{Algorithm: algorithm, Key: ec.ID, Digest: sha256.Sum256([]byte(input))})
			}
			if err != nil {
				t.Fatal(err)
			}
			return signature
		}
	}
	header := func(algorithm, kid string, more ...any) map[string]any {
		head := map[string]any{"alg": algorithm, "kid": kid, "typ": "at+jwt"}
		for i := 0; i < len(more); i += 2 {
			head[more[i].(string)] = more[i+1]
		}
		return head
	}
	for _, test := range []struct{ name, token string }{
		{"nothing", ""},
		{"two parts", parts[0] + "." + parts[1]},
		{"four parts", good + ".AAAA"},
		{"algorithm none", forge(t, header("none", ec.KeyID), nothing)},
		{"no algorithm", forge(t, map[string]any{"kid": ec.KeyID, "typ": "at+jwt"}, signed(jose.ES256))},
		{"a MAC with the public key", forge(t, header("HS256", ps.KeyID), func(input string) []byte {
			mac := hmac.New(sha256.New, ps.Public.(*rsa.PublicKey).N.Bytes())
			mac.Write([]byte(input))
			return mac.Sum(nil)
		})},
		{"the other padding with the same key", forge(t, header("RS256", ps.KeyID), signed(jose.RS256))},
		{"the right padding under the wrong name", forge(t, header("RS256", ps.KeyID), signed(jose.PS256))},
		{"a critical extension", forge(t, header("ES256", ec.KeyID, "crit", []string{"b64"}, "b64", false), signed(jose.ES256))},
		{"an empty list of critical extensions", forge(t, header("ES256", ec.KeyID, "crit", nil), signed(jose.ES256))},
		{"an unknown key", forge(t, header("ES256", "other"), signed(jose.ES256))},
		{"no key", forge(t, map[string]any{"alg": "ES256", "typ": "at+jwt"}, signed(jose.ES256))},
		{"a key in the header", forge(t, header("ES256", "other", "jwk", map[string]string{"kty": "EC"}), signed(jose.ES256))},
		{"another type", forge(t, map[string]any{"alg": "ES256", "kid": ec.KeyID, "typ": "JWT"}, signed(jose.ES256))},
		{"other claims", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"bob"}`)) + "." + parts[2]},
		{"a signature that is cut off", good[:len(good)-2]},
		{"no signature", parts[0] + "." + parts[1] + "."},
		{"a signature in DER", forge(t, header("ES256", ec.KeyID), func(input string) []byte {
			digest := sha256.Sum256([]byte(input))
			der, err := k.private[ec.ID].Sign(rand.Reader, digest[:], crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			return der
		})},
		{"a signature with trailing bits", good[:len(good)-1] + string(good[len(good)-1]+1)},
		{"a line break in it", parts[0] + "." + parts[1] + ".\n" + parts[2]},
		{"padding", good + "="},
		{"a huge token", good + strings.Repeat("A", maxToken)},
		{"a huge header", forge(t, header("ES256", ec.KeyID, "x", strings.Repeat("A", maxHeader)), signed(jose.ES256))},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := verifier.Verify(test.token, "at+jwt", &claims{}); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		})
	}
	t.Run("a key for credentials", func(t *testing.T) {
		credential.Use = keyset.Credential
		k.current[jose.ES256] = &credential
		if err := verifier.Verify(good, "at+jwt", &claims{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	})
}

func TestNotKnowingTheKeysIsNoVerdict(t *testing.T) {
	k := newKeys(t)
	token, err := NewSigner(k, k).Sign(t.Context(), keyset.Token, jose.ES256, "JWT", nil, claims{})
	if err != nil {
		t.Fatal(err)
	}
	k.err = keyset.ErrIncomplete
	if err := NewVerifier(k).Verify(token, "JWT", &claims{}); errors.Is(err, ErrInvalid) || !errors.Is(err, keyset.ErrIncomplete) {
		t.Errorf("got %v", err)
	}
	if _, err := NewSigner(k, k).Sign(t.Context(), keyset.Token, jose.ES256, "JWT", nil, claims{}); !errors.Is(err, keyset.ErrIncomplete) {
		t.Errorf("got %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	k := newKeys(f)
	good, err := NewSigner(k, k).Sign(context.Background(), keyset.Token, jose.ES256, "JWT", nil, claims{Subject: "alice"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	verifier := NewVerifier(k)
	f.Fuzz(func(t *testing.T, token string) {
		err := verifier.Verify(token, "JWT", &claims{})
		if err == nil && token != good {
			t.Errorf("%q verifies", token)
		}
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", token, err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	k := newKeys(b)
	signer := NewSigner(instant{}, k)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signer.Sign(context.Background(), keyset.Token, jose.ES256, "at+jwt", nil, claims{Subject: "alice"}); err != nil {
			b.Fatal(err)
		}
	}
}

// instant signs in no time, to see what is around it.
type instant struct{}

func (instant) Sign(context.Context, protocol.Order) ([]byte, error) { return make([]byte, 64), nil }

func BenchmarkVerify(b *testing.B) {
	k := newKeys(b)
	for _, algorithm := range protocol.Algorithms() {
		b.Run(string(algorithm), func(b *testing.B) {
			token, err := NewSigner(k, k).Sign(context.Background(), keyset.Token, algorithm, "at+jwt", nil, claims{Subject: "alice"})
			if err != nil {
				b.Fatal(err)
			}
			verifier := NewVerifier(k)
			b.ReportAllocs()
			for b.Loop() {
				if err := verifier.Verify(token, "at+jwt", &claims{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
