package discovery

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/language"
)

func document(t *testing.T) map[string]any {
	t.Helper()
	handler, err := Metadata(Config{
		Issuer: "https://op.example", Locales: []string{"en", "fr", "ar"}, CredentialScopes: []string{"identity_credential"},
		GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"}, AnonymousPreAuthorized: true,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %s", w.Code, w.Header().Get("Content-Type"))
	}
	var members map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// The conditions of oidcc-discovery-endpoint-verification and of
// fapi2-security-profile-final-discovery-end-point-verification.
func TestMetadata(t *testing.T) {
	members := document(t)
	contains := func(name string, want ...string) {
		t.Helper()
		list, _ := members[name].([]any)
		for _, value := range want {
			if !slices.Contains(list, any(value)) {
				t.Errorf("%s is %v, without %s", name, members[name], value)
			}
		}
	}
	if members["issuer"] != "https://op.example" {
		t.Errorf("issuer is %v", members["issuer"])
	}
	for name, value := range members {
		if strings.HasSuffix(name, "_endpoint") || name == "jwks_uri" {
			if address, _ := value.(string); !strings.HasPrefix(address, "https://op.example/") {
				t.Errorf("%s is %v", name, value)
			}
		}
		if value == nil {
			t.Errorf("%s is null", name)
		}
	}
	contains("response_types_supported", "code")
	contains("grant_types_supported", "authorization_code", "refresh_token", "client_credentials")
	contains("scopes_supported", "openid", "offline_access", "profile", "email", "phone", "address", "identity_credential")
	contains("subject_types_supported", "public", "pairwise")
	contains("id_token_signing_alg_values_supported", "RS256", "ES256", "PS256")
	contains("userinfo_signing_alg_values_supported", "ES256")
	contains("claims_supported", "sub", "name", "email")
	contains("acr_values_supported", "mosip:idp:acr:static-code")
	contains("token_endpoint_auth_methods_supported", "private_key_jwt")
	contains("token_endpoint_auth_signing_alg_values_supported", "ES256", "PS256", "EdDSA", "RS256")
	contains("dpop_signing_alg_values_supported", "ES256")
	contains("code_challenge_methods_supported", "S256")
	contains("authorization_details_types_supported", "openid_credential")
	for name, want := range map[string]any{
		"claims_parameter_supported": true, "request_parameter_supported": false, "request_uri_parameter_supported": false,
		"authorization_response_iss_parameter_supported": true, "require_pushed_authorization_requests": false,
		"pre-authorized_grant_anonymous_access_supported": true,
	} {
		if members[name] != want {
			t.Errorf("%s is %v", name, members[name])
		}
	}
	for name, never := range map[string][]string{
		"token_endpoint_auth_signing_alg_values_supported": {"none", "HS256"},
		"dpop_signing_alg_values_supported":                {"none", "HS256", "RS256"},
	} {
		for _, refused := range never {
			if list, _ := members[name].([]any); slices.Contains(list, any(refused)) {
				t.Errorf("%s has %s", name, refused)
			}
		}
	}
	for _, locale := range members["ui_locales_supported"].([]any) {
		if tag, err := language.Parse(locale.(string)); err != nil || tag.String() != locale {
			t.Errorf("locale %v is not canonical: %v, %v", locale, tag, err)
		}
	}
}

type keys struct {
	body []byte
	err  error
}

func (k *keys) Document() ([]byte, error) { return k.body, k.err }

func TestKeysAreCompleteOrAnError(t *testing.T) {
	set := &keys{body: []byte(`{"keys":[]}`)}
	handler := JWKS(set, slog.New(slog.DiscardHandler))
	ask := func(known string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/jwks.json", nil)
		r.Header.Set("If-None-Match", known)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	first := ask("")
	if first.Code != 200 || !strings.Contains(first.Header().Get("Cache-Control"), "max-age=300") || first.Header().Get("Content-Type") != "application/jwk-set+json" {
		t.Fatalf("got %d %v", first.Code, first.Header())
	}
	tag := first.Header().Get("ETag")
	for _, known := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		if w := ask(known); w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != tag {
			t.Errorf("If-None-Match %s: got %d", known, w.Code)
		}
	}
	set.body = []byte(`{"keys":[{}]}`)
	if w := ask(tag); w.Code != http.StatusOK || w.Header().Get("ETag") == tag {
		t.Errorf("a new key: got %d", w.Code)
	}
	set.err = errors.New("the key of zone b is not known")
	w := ask("*")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("incomplete: got %d %v", w.Code, w.Header())
	}
}
