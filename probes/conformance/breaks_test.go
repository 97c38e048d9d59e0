package conformance_test

import (
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/conformance"
)

// breakage is one rule that a provider does not keep.
type breakage struct {
	name string
	// lacks is the rule; arrange breaks something else.
	lacks   string
	arrange func(*provider)
	config  func(*provider) conformance.Config
	step    string
	reason  verdict.Reason
}

func runNamed(t *testing.T, cfg conformance.Config, name string) probes.Result {
	t.Helper()
	all, err := cfg.Probes()
	if err != nil {
		t.Fatal(err)
	}
	for _, probe := range all {
		if probe.Name() == name {
			return probe.Run(t.Context())
		}
	}
	t.Fatalf("there is no probe %s", name)
	return probes.Result{}
}

func (b breakage) run(t *testing.T, probe string) probes.Result {
	t.Helper()
	p := newProvider(t)
	p.lacks = b.lacks
	if b.arrange != nil {
		b.arrange(p)
	}
	cfg := p.config()
	if b.config != nil {
		cfg = b.config(p)
	}
	return runNamed(t, cfg, probe)
}

// member sets a member of the discovery document; nil takes it out.
func member(name string, value any) func(*provider) {
	return func(p *provider) {
		p.document = func(d map[string]any) {
			d[name] = value
			if value == nil {
				delete(d, name)
			}
		}
	}
}

// published changes the key of the provider, or adds others.
func published(change func(p *provider, key map[string]any) []map[string]any) func(*provider) {
	return func(p *provider) {
		p.keys = func(keys []map[string]any) []map[string]any { return change(p, keys[0]) }
	}
}

func with(name string, value any) func(*provider) {
	return published(func(_ *provider, key map[string]any) []map[string]any {
		key[name] = value
		return []map[string]any{key}
	})
}

func (p *provider) shortRSA() map[string]any {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.jwk(jose.JSONWebKey{Key: key.Public(), KeyID: "rsa", Use: "sig"})
}

func document() []breakage {
	return []breakage{
		{name: "discovery is sent as text", arrange: func(p *provider) {
			p.meddle = rewritten("/.well-known/openid-configuration", func(header http.Header) { header.Set("Content-Type", "text/plain") })
		}, step: "discovery-media-type", reason: verdict.Content},
		{name: "the issuer is another one", arrange: member("issuer", "https://evil.example"), step: "discovery", reason: verdict.Claims},
		{name: "the issuer has a query", config: func(p *provider) conformance.Config {
			cfg := p.config()
			cfg.Login.Issuer += "?tenant=a"
			p.document = func(d map[string]any) { d["issuer"] = cfg.Login.Issuer }
			p.meddle = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.URL.Path == "/" {
					p.discovery(w, r)
					return
				}
				next.ServeHTTP(w, r)
			}
			return cfg
		}, step: "discovery-issuer", reason: verdict.Content},
		{name: "no subject types", arrange: member("subject_types_supported", nil), step: "discovery-members", reason: verdict.Content},
		{name: "no response types", arrange: member("response_types_supported", nil), step: "discovery-members", reason: verdict.Content},
		{name: "no algorithms of ID tokens", arrange: member("id_token_signing_alg_values_supported", nil), step: "discovery-members", reason: verdict.Content},
		{name: "a list that is a text", arrange: member("code_challenge_methods_supported", "S256"), step: "discovery-members", reason: verdict.Content},
		{name: "a flag that is a text", arrange: member("request_parameter_supported", "true"), step: "discovery-members", reason: verdict.Content},
		{name: "subject types that do not exist", arrange: member("subject_types_supported", []string{"secret"}), step: "discovery-members", reason: verdict.Content},
		{name: "an endpoint in the clear", arrange: member("userinfo_endpoint", "http://id.example.org/userinfo"), step: "discovery-endpoints", reason: verdict.Content},
		{name: "an endpoint with a fragment", arrange: member("revocation_endpoint", "https://id.example.org/revoke#x"), step: "discovery-endpoints", reason: verdict.Content},
		{name: "an endpoint that is no address", arrange: member("end_session_endpoint", "/logout"), step: "discovery-endpoints", reason: verdict.Content},
		{name: "the code flow is not announced", arrange: member("response_types_supported", []string{"id_token"}), step: "discovery-code-flow", reason: verdict.Content},
		{name: "the grant of codes is not announced", arrange: member("grant_types_supported", []string{"implicit"}), step: "discovery-code-flow", reason: verdict.Content},
		{name: "client assertions may be unsigned", arrange: member("token_endpoint_auth_signing_alg_values_supported", []string{"ES256", "none"}), step: "discovery-algorithms", reason: verdict.Content},
		{name: "DPoP proofs may be unsigned", arrange: member("dpop_signing_alg_values_supported", []string{"none"}), step: "discovery-algorithms", reason: verdict.Content},
		{name: "DPoP proofs may be symmetric", arrange: member("dpop_signing_alg_values_supported", []string{"HS256"}), step: "discovery-algorithms", reason: verdict.Content},
		{name: "only plain is announced", arrange: member("code_challenge_methods_supported", []string{"plain"}), step: "discovery-pkce", reason: verdict.Content},
		{name: "how assertions are signed is not announced", arrange: member("token_endpoint_auth_signing_alg_values_supported", nil), step: "discovery-client-auth", reason: verdict.Content},
		{name: "the key set is empty", arrange: published(func(*provider, map[string]any) []map[string]any { return []map[string]any{} }), step: "jwks", reason: verdict.Keys},
		{name: "the key set is a list", arrange: func(p *provider) { p.meddle = answering("/jwks", http.StatusOK, `[]`) }, step: "jwks", reason: verdict.Content},
		{name: "a key is no key", arrange: published(func(*provider, map[string]any) []map[string]any { return []map[string]any{{"kid": "k1"}} }), step: "jwks", reason: verdict.Keys},
		{name: "a private key is published", arrange: with("d", "c2VjcmV0"), step: "jwks-private", reason: verdict.Keys},
		{name: "a symmetric key is published", arrange: published(func(_ *provider, key map[string]any) []map[string]any {
			return []map[string]any{key, {"kty": "oct", "k": "c2VjcmV0", "kid": "s"}}
		}), step: "jwks-private", reason: verdict.Keys},
		{name: "a point is not on its curve", arrange: with("x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), step: "jwks-readable", reason: verdict.Keys},
		{name: "a key has no name", arrange: published(func(p *provider, key map[string]any) []map[string]any {
			return []map[string]any{key, p.jwk(jose.JSONWebKey{Key: newKey(p.t).Public()})}
		}), step: "jwks-names", reason: verdict.Keys},
		{name: "two keys have one name", arrange: published(func(p *provider, key map[string]any) []map[string]any {
			return []map[string]any{key, p.jwk(jose.JSONWebKey{Key: newKey(p.t).Public(), KeyID: "k1"})}
		}), step: "jwks-names", reason: verdict.Keys},
		{name: "a key does not say its use beside one for encryption", arrange: published(func(p *provider, key map[string]any) []map[string]any {
			return []map[string]any{key, p.jwk(jose.JSONWebKey{Key: newKey(p.t).Public(), KeyID: "e", Use: "enc"}), p.jwk(jose.JSONWebKey{Key: newKey(p.t).Public(), KeyID: "x"})}
		}), step: "jwks-use", reason: verdict.Keys},
		{name: "no key signs", arrange: with("use", "enc"), step: "jwks-use", reason: verdict.Keys},
		{name: "a key names none", arrange: with("alg", "none"), step: "jwks-use", reason: verdict.Keys},
		{name: "a key names an algorithm of other keys", arrange: with("alg", "RS256"), step: "jwks-use", reason: verdict.Keys},
		{name: "an RSA key is short", arrange: published(func(p *provider, key map[string]any) []map[string]any { return []map[string]any{key, p.shortRSA()} }), step: "jwks-strength", reason: verdict.Keys},
		{name: "no key is for what is announced", arrange: member("id_token_signing_alg_values_supported", []string{"ES512"}), step: "jwks-algorithms", reason: verdict.Keys},
	}
}

func basic(p *provider) conformance.Config { return p.bySecret(target.AuthClientSecretBasic) }
func post(p *provider) conformance.Config  { return p.bySecret(target.AuthClientSecretPost) }

func refusals() []breakage {
	codeFirst := func(p *provider) { p.codeFirst = true }
	return []breakage{
		{name: "the login does not work", arrange: func(p *provider) { p.meddle = answering("/authorize", http.StatusNotFound, "gone") }, step: "authorize", reason: verdict.Status},
		{name: "the nonce is another one", arrange: claimed("nonce", "other"), step: "id-token", reason: verdict.Claims},
		{name: "the audience is another one", arrange: claimed("aud", "other"), step: "id-token", reason: verdict.Claims},
		{name: "userinfo is about somebody else", arrange: func(p *provider) { p.meddle = answering("/userinfo", http.StatusOK, `{"sub":"somebody"}`) }, step: "userinfo", reason: verdict.Claims},
		{lacks: "token-no-store", step: "token-no-store", reason: verdict.Header},
		{lacks: "userinfo-without-token", step: "userinfo-without-token", reason: verdict.Accepted},
		{lacks: "userinfo-wrong-token", step: "userinfo-wrong-token", reason: verdict.Accepted},
		{lacks: "WWW-Authenticate", step: "userinfo-without-token", reason: verdict.Header},
		{lacks: "introspection-open", step: "introspection-open", reason: verdict.Accepted},
		{lacks: "code-reuse", step: "code-reuse", reason: verdict.Replayed},
		{lacks: "client-wrong", step: "client-wrong", reason: verdict.Accepted},
		{name: "any secret will do", lacks: "client-wrong", config: basic, step: "client-wrong", reason: verdict.Accepted},
		{name: "any posted secret will do, and the code is looked at first", lacks: "client-wrong", config: post, arrange: codeFirst, step: "client-wrong", reason: verdict.Accepted},
		{lacks: "client-unproven", step: "client-unproven", reason: verdict.Accepted},
		{name: "no secret will do", lacks: "client-unproven", config: basic, step: "client-unproven", reason: verdict.Accepted},
		{lacks: "assertion-unsigned", step: "assertion-unsigned", reason: verdict.Accepted},
		{name: "assertions may be unsigned, and the code is looked at first", lacks: "assertion-unsigned", arrange: codeFirst, step: "assertion-unsigned", reason: verdict.Accepted},
		{lacks: "assertion-expired", step: "assertion-expired", reason: verdict.Accepted},
		{lacks: "assertion-wrong-audience", step: "assertion-wrong-audience", reason: verdict.Accepted},
		{lacks: "grant-type-unknown", step: "grant-type-unknown", reason: verdict.Accepted},
		{lacks: "pkce-verifier-wrong", step: "pkce-verifier-wrong", reason: verdict.Accepted},
		{lacks: "pkce-verifier-missing", step: "pkce-verifier-missing", reason: verdict.Accepted},
		{lacks: "pkce-downgrade", step: "pkce-downgrade", reason: verdict.Accepted},
		{lacks: "pkce-plain", step: "pkce-plain", reason: verdict.Accepted},
		{lacks: "redirect-uri-mismatch", step: "redirect-uri-mismatch", reason: verdict.Accepted},
		{lacks: "code-of-another-client", step: "code-of-another-client", reason: verdict.Accepted},
		{lacks: "redirect-uri-unregistered", step: "redirect-uri-unregistered", reason: verdict.Accepted},
		{lacks: "response-type-missing", step: "response-type-missing", reason: verdict.Accepted},
		{lacks: "response-type-unknown", step: "response-type-unknown", reason: verdict.Accepted},
		{lacks: "state of errors", step: "pkce-plain", reason: verdict.Claims},
		{lacks: "iss of errors", step: "pkce-plain", reason: verdict.Claims},
		{lacks: "request-object-unsigned", step: "request-object-unsigned", reason: verdict.Accepted},
		{lacks: "max-age", step: "max-age", reason: verdict.Claims},
		{name: "the login is from the future", arrange: claimed("auth_time", 4102444800), step: "max-age", reason: verdict.Claims},
		{name: "the login is of last year", arrange: claimed("auth_time", 1000), step: "max-age", reason: verdict.Claims},
		{lacks: "prompt-none", step: "prompt-none", reason: verdict.Accepted},
		{name: "a used code is refused in other words", arrange: func(p *provider) { p.meddle = onToken(2, http.StatusBadRequest, `{"error":"invalid_request"}`) }, step: "code-reuse", reason: verdict.Content},
		{name: "a used code is refused with 200", arrange: func(p *provider) { p.meddle = onToken(2, http.StatusOK, `{"error":"invalid_grant"}`) }, step: "code-reuse", reason: verdict.Content},
		{name: "a used code is refused with a page", arrange: func(p *provider) { p.meddle = onToken(2, http.StatusForbidden, `<h1>No</h1>`) }, step: "code-reuse", reason: verdict.Content},
	}
}

func claimed(name string, value any) func(*provider) {
	return func(p *provider) { p.claims = func(claims map[string]any) { claims[name] = value } }
}

// answering answers in the provider's place.
func answering(path string, status int, body string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path != path {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// onToken answers in the place of the token endpoint from the given request on,
// counted from 1.
func onToken(from, status int, body string) func(http.ResponseWriter, *http.Request, http.Handler) {
	seen := 0
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == "/token" {
			seen++
		}
		if seen >= from {
			answering("/token", status, body)(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// rewritten changes the header of an answer.
func rewritten(path string, change func(http.Header)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, r)
		maps.Copy(w.Header(), recorded.Header())
		if r.URL.Path == path {
			change(w.Header())
		}
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(recorded.Body.Bytes())
	}
}

func TestEveryRuleThatAProviderLacksIsFoundByItsCheck(t *testing.T) {
	found := map[string]bool{}
	for probe, all := range map[string][]breakage{"conformance-discovery": document(), "conformance": refusals()} {
		for _, tc := range all {
			if tc.name == "" {
				tc.name = tc.lacks
			}
			found[tc.step] = true
			t.Run(tc.name, func(t *testing.T) {
				result := tc.run(t, probe)
				if result.FailedStep != tc.step || result.Reason != tc.reason || result.Verdict != verdict.Fail {
					t.Errorf("got %s (%s) at %q: %s\nwant %s at %q", result.Verdict, result.Reason, result.FailedStep, result.Detail, tc.reason, tc.step)
				}
			})
		}
	}
	// These two warn at most.
	never := []string{"discovery-recommended", "code-reuse-revokes"}
	for _, name := range target.ConformanceChecks() {
		if found[name] == slices.Contains(never, name) {
			t.Errorf("%s: seen to turn red %v", name, found[name])
		}
	}
}

func TestARightProviderPassesEveryCheckThatAppliesToIt(t *testing.T) {
	for name, config := range map[string]func(*provider) conformance.Config{
		"by key": (*provider).config, "by secret": basic, "by posted secret": post,
		"with consent at every login": func(p *provider) conformance.Config { p.consents = true; return p.config() },
		"looking at the code first":   func(p *provider) conformance.Config { p.codeFirst = true; return p.config() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			cfg := config(p)
			for _, probe := range []string{"conformance-discovery", "conformance"} {
				result := runNamed(t, cfg, probe)
				if result.Verdict != verdict.Pass || strings.Contains(result.Detail, "warnings") && probe == "conformance" {
					t.Errorf("%s: %s (%s) at %q: %s", probe, result.Verdict, result.Reason, result.FailedStep, result.Detail)
				}
			}
		})
	}
}
