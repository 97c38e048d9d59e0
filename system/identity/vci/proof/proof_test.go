package proof_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/holder"
	"tocsin/system/identity/vci/proof"
	"tocsin/system/identity/vci/vcitest"
)

const (
	issuer = "https://id.example.org"
	fresh  = "fresh-nonce"
	client = "wallet"
)

var now = time.Unix(1_700_000_000, 0)

type nonces struct{}

func (nonces) Fresh(text string) (fresh, aging bool) { return text == "fresh-nonce", false }

type stand struct {
	*proof.Checker
	wallet   *vcitest.Wallet
	provider *vcitest.Wallet // the wallet provider that is trusted
	context  proof.Context
}

func newStand(t testing.TB) *stand {
	t.Helper()
	s := &stand{wallet: vcitest.NewWallet(t), provider: vcitest.NewWallet(t)}
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.provider.Private.Public(), KeyID: "provider"}}})
	if err != nil {
		t.Fatal(err)
	}
	trust, err := proof.NewTrust(jwks, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Checker = &proof.Checker{Issuer: issuer, BatchSize: 3, Nonces: nonces{}, Trust: trust, Now: func() time.Time { return now }}
	s.context = proof.Context{Configuration: configuration.NationalID(issuer)[0], ClientID: client}
	return s
}

func (s *stand) prove(t testing.TB, wish vcitest.Proof) string {
	t.Helper()
	return s.wallet.Prove(t, issuer, fresh, now.Unix(), wish)
}

// attest makes a key attestation of keys with changed claims.
func (s *stand) attest(t testing.TB, keys []jose.JSONWebKey, signer *vcitest.Wallet, change map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "nonce": fresh, "attested_keys": keys,
		"key_storage": []string{"iso_18045_high"},
	}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	typ := "key-attestation+jwt"
	if given, changed := change["typ"].(string); changed {
		typ = given
	}
	text, err := vcitest.Sign(signer.Private, typ, "", nil, claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func proofs(t testing.TB, kind string, texts ...string) []byte {
	t.Helper()
	encoded, err := json.Marshal(map[string][]string{kind: texts})
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// check expects keys, or a verdict.
func (s *stand) check(t *testing.T, given []byte, want oautherr.Kind, keys int) {
	t.Helper()
	got, err := s.Check(given, s.context)
	verdict := oautherr.Verdict(err)
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want == "" && len(got) != keys:
		t.Errorf("%d keys, want %d", len(got), keys)
	case want != "" && verdict == nil:
		t.Errorf("got %d keys and %v, want %s", len(got), err, want)
	case want != "" && verdict.Kind != want:
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestProofsOfPossession(t *testing.T) {
	s := newStand(t)
	thief := vcitest.NewWallet(t)
	did, err := s.wallet.Holder(t).DID()
	if err != nil {
		t.Fatal(err)
	}
	certificate := selfSigned(t, s.wallet)
	good := s.prove(t, vcitest.Proof{})
	private, err := json.Marshal(jose.JSONWebKey{Key: s.wallet.Private})
	if err != nil {
		t.Fatal(err)
	}
	claims := func(changes map[string]any) string { return s.prove(t, vcitest.Proof{Claims: changes}) }
	header := func(header map[string]any) string { return s.prove(t, vcitest.Proof{Header: header}) }
	for _, test := range []struct {
		name, proof string
		want        oautherr.Kind
	}{
		{"a jwk", good, ""},
		{"a did:jwk in kid", header(map[string]any{"kid": did}), ""},
		{"its verification method in kid", header(map[string]any{"kid": did + "#0"}), ""},
		{"a certificate", header(map[string]any{"x5c": []string{certificate}}), ""},
		{"iss of the client", claims(map[string]any{"iss": client}), ""},
		{"a clock that is wrong by a day, because the nonce is of ours", claims(map[string]any{"iat": now.Unix() - 86400}), ""},
		{"oid4vci-1_0-issuer-fail-invalid-jwt-proof-signature", good[:len(good)-6] + "AAAAAA", oautherr.InvalidProof},
		{"oid4vci-1_0-issuer-fail-invalid-nonce", claims(map[string]any{"nonce": "old"}), oautherr.InvalidNonce},
		{"no nonce", claims(map[string]any{"nonce": nil}), oautherr.InvalidProof},
		{"a nonce that is no text", claims(map[string]any{"nonce": 1}), oautherr.InvalidProof},
		{"signed by another key than its own", s.prove(t, vcitest.Proof{Signer: thief.Private}), oautherr.InvalidProof},
		{"a private key in the header", header(map[string]any{"jwk": json.RawMessage(private)}), oautherr.InvalidProof},
		{"no key", header(map[string]any{}), oautherr.InvalidProof},
		{"two keys", header(map[string]any{"jwk": s.wallet.JWK(), "kid": did}), oautherr.InvalidProof},
		{"a key id that is nowhere", header(map[string]any{"kid": "1"}), oautherr.InvalidProof},
		{"a DID of another method", header(map[string]any{"kid": "did:web:example.org#1"}), oautherr.InvalidProof},
		{"another type", s.prove(t, vcitest.Proof{Type: "JWT"}), oautherr.InvalidProof},
		{"another audience", claims(map[string]any{"aud": issuer + "/"}), oautherr.InvalidProof},
		{"a list of audiences", claims(map[string]any{"aud": []string{issuer}}), oautherr.InvalidProof},
		{"no time", claims(map[string]any{"iat": nil}), oautherr.InvalidProof},
		{"a time that is no number", claims(map[string]any{"iat": "now"}), oautherr.InvalidProof},
		{"a time beyond all calendars", claims(map[string]any{"iat": 1e300}), oautherr.InvalidProof},
		{"expired by its own word", claims(map[string]any{"exp": now.Unix() - 3600}), oautherr.InvalidProof},
		{"not valid yet by its own word", claims(map[string]any{"nbf": now.Unix() + 3600}), oautherr.InvalidProof},
		{"iss of another client", claims(map[string]any{"iss": "other"}), oautherr.InvalidProof},
		{"alg none", unsigned(t, `{"alg":"none","typ":"openid4vci-proof+jwt"}`), oautherr.InvalidProof},
		{"a symmetric alg", unsigned(t, `{"alg":"HS256","typ":"openid4vci-proof+jwt"}`), oautherr.InvalidProof},
		{"a critical header", header(map[string]any{"jwk": s.wallet.JWK(), "crit": []string{"x"}, "x": 1}), oautherr.InvalidProof},
		{"no JWT", "abc", oautherr.InvalidProof},
		{"too long", strings.Repeat("a", 64<<10), oautherr.InvalidProof},
	} {
		t.Run(test.name, func(t *testing.T) { s.check(t, proofs(t, proof.JWT, test.proof), test.want, 1) })
	}
	t.Run("iss with the token of an anonymous wallet", func(t *testing.T) {
		s.context.ClientID = ""
		s.check(t, proofs(t, proof.JWT, claims(map[string]any{"iss": client})), oautherr.InvalidProof, 0)
		s.check(t, proofs(t, proof.JWT, good), "", 1)
	})
}

func unsigned(t *testing.T, header string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(`{}`)) + "." + encode([]byte("x"))
}

func selfSigned(t *testing.T, wallet *vcitest.Wallet) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, wallet.Private.Public(), wallet.Private)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestTheProofsParameter(t *testing.T) {
	s := newStand(t)
	one := s.prove(t, vcitest.Proof{})
	others := make([]string, 3)
	for i := range others {
		others[i] = vcitest.NewWallet(t).Prove(t, issuer, fresh, now.Unix(), vcitest.Proof{})
	}
	old := vcitest.NewWallet(t).Prove(t, issuer, "old", now.Unix(), vcitest.Proof{})
	for _, test := range []struct {
		name   string
		proofs []byte
		want   oautherr.Kind
		keys   int
	}{
		{"oid4vci-1_0-issuer-batch-issuance", proofs(t, proof.JWT, others...), "", 3},
		{"oid4vci-1_0-issuer-fail-missing-proof", nil, oautherr.InvalidProof, 0},
		{"more than the batch size", proofs(t, proof.JWT, append(others, one)...), oautherr.InvalidProof, 0},
		{"one proof twice", proofs(t, proof.JWT, one, one), oautherr.InvalidProof, 0},
		{"one old nonce among fresh ones", proofs(t, proof.JWT, one, old), oautherr.InvalidNonce, 0},
		{"an empty array", []byte(`{"jwt":[]}`), oautherr.InvalidProof, 0},
		{"an empty object", []byte(`{}`), oautherr.InvalidProof, 0},
		{"two types", []byte(`{"jwt":["` + one + `"],"attestation":["` + one + `"]}`), oautherr.InvalidProof, 0},
		{"no array", []byte(`{"jwt":"` + one + `"}`), oautherr.InvalidProof, 0},
		{"an unknown type", proofs(t, "di_vp", one), oautherr.InvalidProof, 0},
		{"null", []byte(`null`), oautherr.InvalidProof, 0},
	} {
		t.Run(test.name, func(t *testing.T) { s.check(t, test.proofs, test.want, test.keys) })
	}
}

func TestKeyAttestations(t *testing.T) {
	s := newStand(t)
	second := vcitest.NewWallet(t)
	keys := []jose.JSONWebKey{s.wallet.JWK(), second.JWK()}
	stranger := vcitest.NewWallet(t)
	good := s.attest(t, keys, s.provider, nil)
	changed := func(change map[string]any) string { return s.attest(t, keys, s.provider, change) }
	four := append(keys, stranger.JWK(), vcitest.NewWallet(t).JWK())
	for _, test := range []struct {
		name, attestation string
		want              oautherr.Kind
		keys              int
	}{
		{"one credential for each attested key", good, "", 2},
		{"without exp, which only proofs need", changed(map[string]any{"exp": nil}), "", 2},
		{"oid4vci-1_0-issuer-fail-invalid-key-attestation-signature", good[:len(good)-6] + "AAAAAA", oautherr.InvalidProof, 0},
		{"signed by a stranger", s.attest(t, keys, stranger, nil), oautherr.InvalidProof, 0},
		{"expired", changed(map[string]any{"exp": now.Unix() - 3600}), oautherr.InvalidProof, 0},
		{"of the future", changed(map[string]any{"iat": now.Unix() + 3600}), oautherr.InvalidProof, 0},
		{"without iat", changed(map[string]any{"iat": nil}), oautherr.InvalidProof, 0},
		{"an old nonce", changed(map[string]any{"nonce": "old"}), oautherr.InvalidNonce, 0},
		{"no nonce", changed(map[string]any{"nonce": nil}), oautherr.InvalidProof, 0},
		{"no keys", changed(map[string]any{"attested_keys": []string{}}), oautherr.InvalidProof, 0},
		{"a key twice", changed(map[string]any{"attested_keys": []jose.JSONWebKey{keys[0], keys[0]}}), oautherr.InvalidProof, 0},
		{"more keys than the batch size", changed(map[string]any{"attested_keys": four}), oautherr.InvalidProof, 0},
		{"a private key", changed(map[string]any{"attested_keys": []jose.JSONWebKey{{Key: s.wallet.Private}}}), oautherr.InvalidProof, 0},
		{"another type", changed(map[string]any{"typ": "JWT"}), oautherr.InvalidProof, 0},
	} {
		t.Run(test.name, func(t *testing.T) { s.check(t, proofs(t, proof.Attestation, test.attestation), test.want, test.keys) })
	}
	t.Run("two of them", func(t *testing.T) {
		s.check(t, proofs(t, proof.Attestation, good, good), oautherr.InvalidProof, 0)
	})
}

func TestAttestationsInProofs(t *testing.T) {
	s := newStand(t)
	second := vcitest.NewWallet(t)
	keys := []jose.JSONWebKey{second.JWK(), s.wallet.JWK()}
	with := func(attestation string, header map[string]any) string {
		if header == nil {
			header = map[string]any{"jwk": s.wallet.JWK()}
		}
		header["key_attestation"] = attestation
		return s.prove(t, vcitest.Proof{Header: header})
	}
	good := s.attest(t, keys, s.provider, nil)
	for _, test := range []struct {
		name, proof string
		want        oautherr.Kind
		keys        int
	}{
		{"one credential for each attested key", with(good, nil), "", 2},
		{"the place of the key as kid", with(good, map[string]any{"kid": "1"}), "", 2},
		{"the place of another key as kid", with(good, map[string]any{"kid": "0"}), oautherr.InvalidProof, 0},
		{"a place that is not there", with(good, map[string]any{"kid": "2"}), oautherr.InvalidProof, 0},
		{"a proof with a key that is not attested", with(s.attest(t, keys[:1], s.provider, nil), nil), oautherr.InvalidProof, 0},
		{"no exp", with(s.attest(t, keys, s.provider, map[string]any{"exp": nil}), nil), oautherr.InvalidProof, 0},
		{"a stranger's", with(s.attest(t, keys, second, nil), nil), oautherr.InvalidProof, 0},
	} {
		t.Run(test.name, func(t *testing.T) { s.check(t, proofs(t, proof.JWT, test.proof), test.want, test.keys) })
	}
}

func TestAConfigurationMayRequireAttestedKeys(t *testing.T) {
	s := newStand(t)
	required := *s.context.Configuration
	required.Attested = &configuration.Attestation{KeyStorage: []string{"iso_18045_high", "iso_18045_moderate"}}
	s.context.Configuration = &required
	keys := []jose.JSONWebKey{s.wallet.JWK()}
	attestation := func(storage ...string) []byte {
		return proofs(t, proof.Attestation, s.attest(t, keys, s.provider, map[string]any{"key_storage": storage}))
	}
	s.check(t, attestation("iso_18045_high"), "", 1)
	s.check(t, attestation("iso_18045_basic"), oautherr.InvalidProof, 0)
	s.check(t, proofs(t, proof.JWT, s.prove(t, vcitest.Proof{})), oautherr.InvalidProof, 0)
}

func TestAttestationsByCertificate(t *testing.T) {
	s := newStand(t)
	root := selfSigned(t, s.provider)
	der, err := base64.StdEncoding.DecodeString(root)
	if err != nil {
		t.Fatal(err)
	}
	if s.Trust, err = proof.NewTrust(nil, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		t.Fatal(err)
	}
	stranger := vcitest.NewWallet(t)
	for _, test := range []struct {
		name, certificate string
		signer            *vcitest.Wallet
		want              oautherr.Kind
	}{
		{"of a trusted root", root, s.provider, ""},
		{"of its own", selfSigned(t, stranger), stranger, oautherr.InvalidProof},
		{"that is not of the signer", root, stranger, oautherr.InvalidProof},
	} {
		t.Run(test.name, func(t *testing.T) {
			claims := map[string]any{"iat": now.Unix(), "nonce": fresh, "attested_keys": []jose.JSONWebKey{s.wallet.JWK()}}
			header := map[string]any{"x5c": []string{test.certificate}}
			text, err := vcitest.Sign(test.signer.Private, "key-attestation+jwt", "", header, claims)
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, proofs(t, proof.Attestation, text), test.want, 1)
		})
	}
}

func TestTrustThatIsNoneIsRefused(t *testing.T) {
	for name, files := range map[string][2]string{
		"no JSON": {"x", ""}, "a private key": {`{"keys":[{"kty":"oct","k":"AA"}]}`, ""}, "no certificate": {"", "x"},
	} {
		if _, err := proof.NewTrust([]byte(files[0]), []byte(files[1])); err == nil {
			t.Errorf("%s is trusted", name)
		}
	}
}

func FuzzCheck(f *testing.F) {
	s := newStand(f)
	f.Add(proofs(f, proof.JWT, s.prove(f, vcitest.Proof{})))
	f.Add(proofs(f, proof.Attestation, s.attest(f, []jose.JSONWebKey{s.wallet.JWK()}, s.provider, nil)))
	f.Add([]byte(`{"jwt":["..",""]}`))
	f.Fuzz(func(t *testing.T, given []byte) {
		keys, err := s.Check(given, s.context)
		if err != nil && oautherr.Verdict(err) == nil {
			t.Fatalf("%q is taken for an outage: %v", given, err)
		}
		if err == nil && len(keys) == 0 {
			t.Fatalf("%q proves nothing and passes", given)
		}
	})
}

// FuzzSigned changes what is under a valid signature.
func FuzzSigned(f *testing.F) {
	s := newStand(f)
	f.Add(`{"aud":"https://id.example.org","iat":1700000000,"nonce":"fresh-nonce"}`, `{"iat":1700000000,"nonce":"fresh-nonce","attested_keys":[]}`)
	f.Add(`[]`, `{"attested_keys":[{}]}`)
	f.Fuzz(func(t *testing.T, claims, statement string) {
		own, err := vcitest.Sign(s.wallet.Private, "openid4vci-proof+jwt", "", map[string]any{"jwk": s.wallet.JWK()}, claims)
		if err != nil {
			t.Fatal(err)
		}
		attestation, err := vcitest.Sign(s.provider.Private, "key-attestation+jwt", "", nil, statement)
		if err != nil {
			t.Fatal(err)
		}
		for kind, text := range map[string]string{proof.JWT: own, proof.Attestation: attestation} {
			var keys []*holder.Key
			if keys, err = s.Check(proofs(t, kind, text), s.context); err != nil && oautherr.Verdict(err) == nil {
				t.Fatalf("%s %s: %v", claims, statement, err)
			}
			if err == nil && len(keys) == 0 {
				t.Fatalf("%s %s proves nothing and passes", claims, statement)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	s := newStand(b)
	given := proofs(b, proof.JWT, s.prove(b, vcitest.Proof{}))
	for b.Loop() {
		if _, err := s.Check(given, s.context); err != nil {
			b.Fatal(err)
		}
	}
}
