package metadata_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/message"
	"tocsin/system/identity/vci/metadata"
	"tocsin/system/identity/vci/signing"
	"tocsin/system/identity/vci/vcitest"
)

const issuer = "https://id.example.org"

type stand struct {
	key    *vcitest.Key
	clock  time.Time
	issuer *metadata.Issuer
}

func newStand(t testing.TB, attestations bool) *stand {
	t.Helper()
	s := &stand{key: vcitest.NewKey(t), clock: time.Unix(1700000000, 0)}
	keys, err := message.NewKeys([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	s.issuer, err = metadata.NewIssuer(newSet(t), keys, attestations, signing.New(s.key.Backend()), func() time.Time { return s.clock }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSet(t testing.TB) *configuration.Set {
	t.Helper()
	names := map[string]string{"en": "Issuer", "nb": "Utsteder", "ar": "الجهة المصدرة"}
	set, err := configuration.NewSet(issuer, names, 10, configuration.NationalID(issuer)...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func get(t *testing.T, handler http.Handler, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/.well-known/openid-credential-issuer", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func decode(t *testing.T, text []byte) map[string]any {
	t.Helper()
	members := map[string]any{}
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func TestPlainMetadata(t *testing.T) {
	s := newStand(t, false)
	t.Run("oid4vci-1_0-issuer-metadata-test", func(t *testing.T) {
		w := get(t, s.issuer, "Accept", "application/json")
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		got := decode(t, w.Body.Bytes())
		for name, want := range map[string]any{
			"credential_issuer":              issuer,
			"credential_endpoint":            issuer + "/vci/credential",
			"nonce_endpoint":                 issuer + "/vci/nonce",
			"deferred_credential_endpoint":   issuer + "/vci/deferred",
			"notification_endpoint":          issuer + "/vci/notification",
			"batch_credential_issuance":      map[string]any{"batch_size": 10.0},
			"credential_response_encryption": map[string]any{"alg_values_supported": []any{"ECDH-ES"}, "enc_values_supported": []any{"A128GCM", "A256GCM"}, "zip_values_supported": []any{"DEF"}, "encryption_required": false},
		} {
			if diff := cmp.Diff(want, got[name]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		supported := got["credential_configurations_supported"].(map[string]any)
		jwt := map[string]any{"proof_signing_alg_values_supported": []any{"ES256", "EdDSA"}}
		for id, want := range map[string]map[string]any{
			"national_id_sd_jwt": {"format": "dc+sd-jwt", "scope": "national_id_sd_jwt", "vct": issuer + "/vci/types/national-id", "credential_signing_alg_values_supported": []any{"ES256"}, "cryptographic_binding_methods_supported": []any{"jwk", "did:jwk"}, "proof_types_supported": map[string]any{"jwt": jwt}},
			"national_id_jwt_vc": {"format": "jwt_vc_json", "scope": "national_id_jwt_vc", "credential_definition": map[string]any{"type": []any{"VerifiableCredential", "NationalIdentityCredential"}}, "credential_signing_alg_values_supported": []any{"ES256"}, "cryptographic_binding_methods_supported": []any{"jwk", "did:jwk"}, "proof_types_supported": map[string]any{"jwt": jwt}},
			"national_id_mdoc":   {"format": "mso_mdoc", "scope": "national_id_mdoc", "doctype": "org.example.nationalid.1", "credential_signing_alg_values_supported": []any{-7.0}, "cryptographic_binding_methods_supported": []any{"cose_key"}, "proof_types_supported": map[string]any{"jwt": jwt}},
		} {
			one := supported[id].(map[string]any)
			described := one["credential_metadata"].(map[string]any)
			delete(one, "credential_metadata")
			if diff := cmp.Diff(want, one); diff != "" {
				t.Errorf("%s (-want +got):\n%s", id, diff)
			}
			if len(described["display"].([]any)) != 3 || len(described["claims"].([]any)) != 8 {
				t.Errorf("%s is described as %v", id, described)
			}
		}
		encryption := got["credential_request_encryption"].(map[string]any)
		key := encryption["jwks"].(map[string]any)["keys"].([]any)[0].(map[string]any)
		if key["kid"] == "" || key["alg"] != "ECDH-ES" || key["d"] != nil {
			t.Errorf("request encryption key %v", key)
		}
	})
	t.Run("attestations are offered when somebody's are believed", func(t *testing.T) {
		got := decode(t, get(t, newStand(t, true).issuer).Body.Bytes())
		types := got["credential_configurations_supported"].(map[string]any)["national_id_mdoc"].(map[string]any)["proof_types_supported"].(map[string]any)
		if _, offered := types["attestation"]; !offered || types["jwt"].(map[string]any)["key_attestations_required"] != nil {
			t.Errorf("proof types %v", types)
		}
	})
}

func TestSignedMetadata(t *testing.T) {
	s := newStand(t, false)
	plain := decode(t, get(t, s.issuer).Body.Bytes())
	read := func(w *httptest.ResponseRecorder) map[string]any {
		t.Helper()
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/jwt" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		object, err := jose.ParseSignedCompact(w.Body.String(), []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(s.key.Root)
		chains, err := object.Signatures[0].Header.Certificates(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := object.Verify(chains[0][0].PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		if typ := object.Signatures[0].Header.ExtraHeaders[jose.HeaderType]; typ != "openidvci-issuer-metadata+jwt" {
			t.Errorf("typ is %v", typ)
		}
		return decode(t, payload)
	}
	t.Run("oid4vci-1_0-issuer-metadata-test-signed", func(t *testing.T) {
		claims := read(get(t, s.issuer, "Accept", "application/jwt"))
		if claims["sub"] != issuer || claims["iss"] != issuer || claims["iat"] != 1.7e9 {
			t.Errorf("sub %v, iss %v, iat %v", claims["sub"], claims["iss"], claims["iat"])
		}
		for _, name := range []string{"sub", "iss", "iat", "exp"} {
			delete(claims, name)
		}
		if diff := cmp.Diff(plain, claims); diff != "" {
			t.Errorf("signed and plain metadata differ:\n%s", diff)
		}
	})
	t.Run("it outlives the key for a day, and is made anew before", func(t *testing.T) {
		s.clock = s.clock.Add(2 * time.Hour)
		s.key.Fail(errors.New("no HSM"))
		if claims := read(get(t, s.issuer, "Accept", "application/jwt")); claims["iat"] != 1.7e9 {
			t.Errorf("iat %v", claims["iat"])
		}
		s.key.Fail(nil)
		if claims := read(get(t, s.issuer, "Accept", "application/jwt")); claims["iat"] == 1.7e9 {
			t.Error("not made anew")
		}
		s.clock = s.clock.Add(25 * time.Hour)
		s.key.Fail(errors.New("no HSM"))
		if w := get(t, s.issuer, "Accept", "application/jwt"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("expired metadata: %d", w.Code)
		}
	})
}

func TestWhatAWalletAccepts(t *testing.T) {
	s := newStand(t, false)
	for _, test := range []struct{ accept, want string }{
		{"", "application/json"},
		{"*/*", "application/json"},
		{"application/json", "application/json"},
		{"text/html, */*;q=0.8", "application/json"},
		{"application/jwt", "application/jwt"},
		{"Application/JWT", "application/jwt"},
		{"application/jwt, application/json", "application/jwt"},
		{"application/jwt, application/json;q=0.5", "application/jwt"},
		{"application/jwt;q=0.5, application/json", "application/json"},
		{"application/jwt;q=0", "application/json"},
		{"application/jwt;q=x, */*", "application/json"},
		{"text/html", "application/json"},
	} {
		if got := get(t, s.issuer, "Accept", test.accept).Header().Get("Content-Type"); got != test.want {
			t.Errorf("%q gets %s, want %s", test.accept, got, test.want)
		}
	}
}

func TestTheLanguageOfAWallet(t *testing.T) {
	s := newStand(t, false)
	for _, test := range []struct {
		accept, language string
		locales          []string
	}{
		{"", "", []string{"ar", "en", "nb"}},
		{"nb", "nb", []string{"nb"}},
		{"fr-ch, ar;q=0.8, *;q=0.5", "ar", []string{"ar"}},
		{"en-GB", "en", []string{"en"}},
		{"fr", "", []string{"ar", "en", "nb"}},
		{"; ;;", "", []string{"ar", "en", "nb"}},
	} {
		w := get(t, s.issuer, "Accept-Language", test.accept)
		var locales []string
		for _, display := range decode(t, w.Body.Bytes())["display"].([]any) {
			locales = append(locales, display.(map[string]any)["locale"].(string))
		}
		if got := w.Header().Get("Content-Language"); got != test.language || !slices.Equal(locales, test.locales) {
			t.Errorf("%q gets %q with %v", test.accept, got, locales)
		}
	}
}

func TestMetadataThatDidNotChangeIsNotSentAgain(t *testing.T) {
	s := newStand(t, false)
	tag := get(t, s.issuer).Header().Get("ETag")
	if w := get(t, s.issuer, "If-None-Match", tag); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("%d with %d bytes", w.Code, w.Body.Len())
	}
}

func TestTheTypeIsDescribedAtItsAddress(t *testing.T) {
	types, err := metadata.NewTypes(newSet(t))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(types.Paths(), []string{configuration.TypePath}) {
		t.Fatalf("paths %v", types.Paths())
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, configuration.TypePath, nil)
	w := httptest.NewRecorder()
	types.ServeHTTP(w, r)
	got := decode(t, w.Body.Bytes())
	if got["vct"] != issuer+configuration.TypePath || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("vct %v, %v", got["vct"], w.Header())
	}
	first := got["claims"].([]any)[0].(map[string]any)
	want := map[string]any{
		"path": []any{"given_name"}, "mandatory": true, "sd": "always", "display": []any{
			map[string]any{"locale": "ar", "label": "الاسم الأول"},
			map[string]any{"locale": "en", "label": "Given name"},
			map[string]any{"locale": "nb", "label": "Fornavn"},
		},
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
}

func TestVerifiersFindTheKeys(t *testing.T) {
	key := vcitest.NewKey(t)
	keys, err := metadata.NewKeys(issuer, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, get(t, http.HandlerFunc(keys.Pointer)).Body.Bytes())
	if diff := cmp.Diff(map[string]any{"issuer": issuer, "jwks_uri": issuer + "/vci/jwks.json"}, got); diff != "" {
		t.Error(diff)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(get(t, http.HandlerFunc(keys.Set)).Body.Bytes(), &set); err != nil || len(set.Keys) != 1 {
		t.Errorf("%v %v", set, err)
	}
	key.Fail(errors.New("incomplete"))
	if w := get(t, http.HandlerFunc(keys.Set)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("keys that are not all known: %d", w.Code)
	}
}

func FuzzAccept(f *testing.F) {
	s := newStand(f, false)
	f.Add("application/jwt;q=0.5, */*", "fr-ch, en;q=0.8")
	f.Fuzz(func(t *testing.T, accept, language string) {
		w := get(t, s.issuer, "Accept", accept, "Accept-Language", language)
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Fatalf("%q %q: %d", accept, language, w.Code)
		}
	})
}
