package oidc_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/memory"
	"tocsin/probes/oidc"
)

// breakage is one kind of break: what is done, and whom it must be blamed on.
type breakage struct {
	name  string
	probe string
	// broken makes the provider, and arrange changes it and the configuration
	// once both are there. Either may be missing.
	broken  faults
	arrange func(t *testing.T, p *provider, cfg *oidc.Config)
	step    string
	reason  verdict.Reason
}

func TestEveryKindOfBreakIsBlamedOnItsStepForItsReason(t *testing.T) {
	var all []breakage
	for _, kind := range [][]breakage{transportBreaks(), discoveryBreaks(), pageBreaks(), tokenBreaks(), identityBreaks(), featureBreaks(), keyBreaks(), ownBreaks()} {
		all = append(all, kind...)
	}
	if len(all) < 50 {
		t.Errorf("only %d kinds of break", len(all))
	}
	seen := map[string]bool{}
	for _, tc := range all {
		if seen[tc.name] {
			t.Errorf("%q is there twice", tc.name)
		}
		seen[tc.name] = true
		t.Run(tc.name, func(t *testing.T) {
			if tc.probe == "" {
				tc.probe = "login"
			}
			p := newProvider(t, tc.broken)
			cfg := p.service(p.config())
			if tc.arrange != nil {
				tc.arrange(t, p, &cfg)
			}
			result := runNamed(t, cfg, tc.probe)
			if result.FailedStep != tc.step || result.Reason != tc.reason || result.Verdict != tc.reason.Verdict() {
				t.Errorf("%s: got %s (%s) at %q: %s\nwant %s at %q", tc.probe, result.Verdict, result.Reason, result.FailedStep, result.Detail, tc.reason, tc.step)
			}
		})
	}
	t.Logf("%d kinds of break", len(all))
}

func at443(address string) func(*testing.T, *provider, *oidc.Config) {
	return func(_ *testing.T, _ *provider, cfg *oidc.Config) { cfg.Issuer = address }
}

// served serves the provider with another certificate.
func served(from, to time.Duration, name string, trusted bool) func(*testing.T, *provider, *oidc.Config) {
	return func(_ *testing.T, p *provider, cfg *oidc.Config) {
		pool := p.restartWith(time.Now().Add(from), time.Now().Add(to), name)
		cfg.Issuer = p.issuer()
		cfg.Roots = x509.NewCertPool()
		if trusted {
			cfg.Roots = pool
		}
	}
}

func hasty(_ *testing.T, _ *provider, cfg *oidc.Config) {
	cfg.ExchangeTimeout = 1500 * time.Millisecond
}

func transportBreaks() []breakage {
	const hour = time.Hour
	return []breakage{
		{name: "nothing listens", arrange: func(_ *testing.T, p *provider, _ *oidc.Config) { p.server.Close() }, step: "discovery", reason: verdict.Refused},
		{name: "the name does not resolve", arrange: at443("https://identity.invalid"), step: "discovery", reason: verdict.DNS},
		{name: "the port takes connections and says nothing", arrange: func(t *testing.T, p *provider, cfg *oidc.Config) {
			hasty(t, p, cfg)
			cfg.Issuer = "https://" + listen(t, silent)
		}, step: "discovery", reason: verdict.Timeout},
		{name: "the port does not speak TLS", arrange: func(t *testing.T, _ *provider, cfg *oidc.Config) { cfg.Issuer = "https://" + listen(t, plain) }, step: "discovery", reason: verdict.TLSHandshake},
		{name: "only old TLS is spoken", arrange: func(t *testing.T, p *provider, cfg *oidc.Config) { cfg.Issuer = old(t, p) }, step: "discovery", reason: verdict.TLSHandshake},
		{name: "the certificate is foreign", arrange: served(-hour, hour, "127.0.0.1", false), step: "discovery", reason: verdict.TLSUntrusted},
		{name: "the certificate has expired", arrange: served(-2*hour, -hour, "127.0.0.1", true), step: "discovery", reason: verdict.TLSExpired},
		{name: "the certificate is not valid yet", arrange: served(hour, 2*hour, "127.0.0.1", true), step: "discovery", reason: verdict.TLSExpired},
		{name: "the certificate is for another name", arrange: served(-hour, hour, "other.example", true), step: "discovery", reason: verdict.TLSName},
		{name: "the connection is cut at the token endpoint", broken: faults{meddle: cut("/token", false)}, step: "token", reason: verdict.Reset},
		{name: "the key set is cut halfway", broken: faults{meddle: cut("/jwks.json", true)}, step: "jwks", reason: verdict.Reset},
		{name: "the token endpoint never answers", broken: faults{hang: "/token"}, arrange: hasty, step: "token", reason: verdict.Timeout},
		{name: "the login page never comes", broken: faults{hang: "/ui/login"}, arrange: hasty, step: "login-form", reason: verdict.Timeout},
		{name: "503 at authorize", broken: faults{path: "/authorize", status: 503}, step: "authorize", reason: verdict.Unavailable},
		{name: "408 at authorize", broken: faults{path: "/authorize", status: 408}, step: "authorize", reason: verdict.Unavailable},
		{name: "429 at the login page", broken: faults{path: "/ui/login", status: 429}, step: "login-form", reason: verdict.Unavailable},
		{name: "500 at the token endpoint", broken: faults{path: "/token", status: 500}, step: "token", reason: verdict.Unavailable},
		{name: "502 at userinfo", broken: faults{path: "/userinfo", status: 502}, step: "userinfo", reason: verdict.Unavailable},
		{name: "503 at the revocation endpoint", probe: "revocation", broken: faults{path: "/revoke", status: 503}, step: "revoke", reason: verdict.Unavailable},
		{name: "one zone is gone", probe: "zone-b", arrange: func(_ *testing.T, p *provider, cfg *oidc.Config) {
			gone := httptest.NewServer(http.NotFoundHandler())
			gone.Close()
			cfg.Zones = []target.Zone{{Name: "a", URL: p.issuer()}, {Name: "b", URL: gone.URL}}
		}, step: "discovery", reason: verdict.Refused},
	}
}

func discovered(name string, value any) faults {
	return faults{discovery: func(d map[string]any) { d[name] = value }}
}

func discoveryBreaks() []breakage {
	return []breakage{
		{name: "discovery is missing", broken: faults{path: "/.well-known/openid-configuration", status: 404}, step: "discovery", reason: verdict.Status},
		{name: "discovery is a page", broken: faults{meddle: answer("/.well-known/openid-configuration", 200, "<h1>Welcome</h1>")}, step: "discovery", reason: verdict.Content},
		{name: "discovery names another issuer", broken: discovered("issuer", "https://evil.example"), step: "discovery", reason: verdict.Claims},
		{name: "discovery lacks the token endpoint", broken: discovered("token_endpoint", ""), step: "discovery", reason: verdict.Content},
		{name: "discovery lacks the key set", broken: discovered("jwks_uri", ""), step: "discovery", reason: verdict.Content},
		{name: "a promised feature is announced no more", probe: "login-par", broken: discovered("pushed_authorization_request_endpoint", ""),
			arrange: func(_ *testing.T, _ *provider, cfg *oidc.Config) { cfg.Features = []string{target.FeaturePAR} }, step: "discovery", reason: verdict.Content},
	}
}

func responded(name, value string) faults {
	return faults{response: func(v url.Values) { v.Set(name, value) }}
}

func pageBreaks() []breakage {
	return []breakage{
		{name: "authorize refuses the request", broken: faults{path: "/authorize", status: 400}, step: "authorize", reason: verdict.Status},
		{name: "authorize redirects in circles", broken: faults{meddle: answer("/authorize", 302, "", "Location", "/authorize")}, step: "login-form", reason: verdict.Redirect},
		{name: "authorize redirects to nowhere", broken: faults{meddle: answer("/authorize", 302, "")}, step: "login-form", reason: verdict.Redirect},
		{name: "the login page says that there is maintenance", broken: faults{loginPage: "<title>Maintenance</title><h1>Back soon</h1>"}, step: "login-form", reason: verdict.LoginForm},
		{name: "the login page is gone", broken: faults{path: "/ui/login", status: 404}, step: "login-form", reason: verdict.Status},
		{name: "the person is not accepted", arrange: func(t *testing.T, p *provider, cfg *oidc.Config) { cfg.Driver = p.driver(t.TempDir(), "000000") }, step: "login", reason: verdict.LoginRejected},
		{name: "the consent page has nothing to agree to", broken: faults{meddle: answer("/ui/consent", 200, "<h1>Something</h1>")}, step: "consent", reason: verdict.LoginForm},
		{name: "the response has another state", broken: responded("state", "other"), step: "code", reason: verdict.Claims},
		{name: "the response has another issuer", broken: responded("iss", "https://evil.example"), step: "code", reason: verdict.Claims},
		{name: "the response has no code", broken: responded("code", ""), step: "code", reason: verdict.Content},
		{name: "the response is access_denied", broken: responded("error", "access_denied"), step: "code", reason: verdict.ProtocolError},
		{name: "the response is server_error", broken: responded("error", "server_error"), step: "code", reason: verdict.Unavailable},
	}
}

func tokenBreaks() []breakage {
	return []breakage{
		{name: "200 with an error from the token endpoint", broken: faults{tokenLie: `{"error":"invalid_grant"}`}, step: "token", reason: verdict.Lie},
		{name: "invalid_grant to a new code", broken: faults{meddle: answer("/token", 400, `{"error":"invalid_grant"}`)}, step: "token", reason: verdict.ProtocolError},
		{name: "the key of the client is registered no more", arrange: func(t *testing.T, p *provider, _ *oidc.Config) { p.client.Key = newKey(t) }, step: "token", reason: verdict.ProtocolError},
		{name: "the secret of the client is another one", arrange: func(t *testing.T, _ *provider, cfg *oidc.Config) {
			cfg.Client.Auth, cfg.Client.KeyFile, cfg.Client.SecretFile = target.AuthClientSecretBasic, "", filepath.Join(t.TempDir(), "secret")
			write(t, cfg.Client.SecretFile, []byte("other"))
		}, step: "token", reason: verdict.ProtocolError},
		{name: "invalid_client after a run that passed", broken: faults{}, arrange: func(t *testing.T, p *provider, cfg *oidc.Config) {
			cfg.Memory = memory.New()
			runNamed(t, *cfg, "login")
			p.faults.meddle = answer("/token", 401, `{"error":"invalid_client"}`)
		}, step: "token", reason: verdict.Lie},
		{name: "the token endpoint answers with a page", broken: faults{tokenLie: "<html>"}, step: "token", reason: verdict.Content},
		{name: "no access token", broken: faults{tokenLie: `{"token_type":"Bearer","id_token":"x"}`}, step: "token", reason: verdict.Content},
		{name: "no ID token", broken: faults{tokenLie: `{"access_token":"x","token_type":"Bearer"}`}, step: "token", reason: verdict.Content},
		{name: "a token of an unknown type", broken: faults{meddle: change("/token", `"Bearer"`, `"mac"`)}, step: "token", reason: verdict.Content},
		{name: "userinfo is about somebody else", broken: faults{userinfo: "somebody"}, step: "userinfo", reason: verdict.Claims},
		{name: "invalid_token to a new token", broken: faults{meddle: answer("/userinfo", 401, "", "WWW-Authenticate", `Bearer error="invalid_token"`)}, step: "userinfo", reason: verdict.ProtocolError},
		{name: "200 with an error from userinfo", broken: faults{meddle: answer("/userinfo", 200, `{"error":"invalid_token"}`)}, step: "userinfo", reason: verdict.Lie},
		{name: "userinfo is a page", broken: faults{meddle: answer("/userinfo", 200, `<html>`)}, step: "userinfo", reason: verdict.Content},
		{name: "a cached token is called invalid before its end", probe: "login-cached", arrange: func(t *testing.T, p *provider, cfg *oidc.Config) {
			cfg.Memory = memory.New()
			runNamed(t, *cfg, "login-cached")
			p.faults.meddle = answer("/userinfo", 401, "", "WWW-Authenticate", `Bearer error="invalid_token"`)
		}, step: "userinfo", reason: verdict.Lie},
	}
}

func claimed(name string, value any) faults {
	return faults{claims: func(c map[string]any) { c[name] = value }}
}

func identityBreaks() []breakage {
	hour := time.Hour
	return []breakage{
		{name: "the ID token has another issuer", broken: claimed("iss", "https://evil.example"), step: "id-token", reason: verdict.Claims},
		{name: "the ID token is for another client", broken: claimed("aud", "somebody"), step: "id-token", reason: verdict.Claims},
		{name: "the ID token was issued to another party", broken: claimed("azp", "somebody"), step: "id-token", reason: verdict.Claims},
		{name: "the ID token has another nonce", broken: claimed("nonce", "replayed"), step: "id-token", reason: verdict.Claims},
		{name: "the ID token is about nobody", broken: claimed("sub", ""), step: "id-token", reason: verdict.Claims},
		{name: "the ID token has expired", broken: claimed("exp", time.Now().Add(-hour).Unix()), step: "id-token", reason: verdict.Claims},
		{name: "the ID token is from the future", broken: claimed("iat", time.Now().Add(hour).Unix()), step: "id-token", reason: verdict.Claims},
		{name: "the ID token is an old one", broken: claimed("iat", time.Now().Add(-hour).Unix()), step: "id-token", reason: verdict.Claims},
		{name: "the ID token never ends", broken: faults{claims: func(c map[string]any) { delete(c, "exp") }}, step: "id-token", reason: verdict.Claims},
		{name: "the access token is not the ID token's", broken: claimed("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), step: "id-token", reason: verdict.Claims},
		{name: "the ID token is not signed", broken: faults{meddle: change("/token", `"id_token":"`, `"id_token":"eyJhbGciOiJub25lIn0.e30.","old":"`)}, step: "id-token", reason: verdict.Signature},
		{name: "the ID token is signed by somebody else", broken: faults{foreign: true}, step: "id-token", reason: verdict.Signature},
		{name: "the ID token is signed in a way that is not announced", broken: discovered("id_token_signing_alg_values_supported", []string{"PS256"}), step: "id-token", reason: verdict.Signature},
	}
}

func featureBreaks() []breakage {
	promised := func(features ...string) func(*testing.T, *provider, *oidc.Config) {
		return func(_ *testing.T, _ *provider, cfg *oidc.Config) { cfg.Features = features }
	}
	return []breakage{
		{name: "a pushed request is refused", probe: "login-par", broken: faults{meddle: answer("/par", 400, `{"error":"invalid_request"}`)}, step: "par", reason: verdict.ProtocolError},
		{name: "a pushed request gets no name", probe: "login-par", broken: faults{meddle: answer("/par", 201, `{"expires_in":60}`)}, step: "par", reason: verdict.Content},
		{name: "tokens are not bound to the key", probe: "login-dpop", broken: faults{meddle: change("/token", `"DPoP"`, `"Bearer"`)}, step: "token", reason: verdict.Content},
		{name: "every proof needs yet another nonce", probe: "login-dpop", broken: faults{meddle: answer("/token", 400, `{"error":"use_dpop_nonce"}`, "DPoP-Nonce", "n")}, step: "token", reason: verdict.ProtocolError},
		{name: "a refresh token is refused", probe: "refresh", broken: faults{meddle: at("/token", then(2, answer("/token", 400, `{"error":"invalid_grant"}`)))}, step: "refresh", reason: verdict.ProtocolError},
		{name: "an old refresh token is accepted", probe: "refresh", broken: faults{reusable: true}, step: "reuse", reason: verdict.Replayed},
		{name: "a promised refresh token is not issued", probe: "refresh", broken: discovered("scopes_supported", []string{"openid"}), arrange: promised(target.FeatureRefresh), step: "", reason: verdict.Content},
		{name: "active:false of a new token", probe: "introspection", broken: faults{meddle: answer("/introspect", 200, `{"active":false}`)}, step: "introspect", reason: verdict.ProtocolError},
		{name: "introspection does not say whether", probe: "introspection", broken: faults{meddle: answer("/introspect", 200, `{}`)}, step: "introspect", reason: verdict.Content},
		{name: "introspection is about another client", probe: "introspection", broken: faults{meddle: change("/introspect", clientID, "other")}, step: "introspect", reason: verdict.Claims},
		{name: "a revoked token is still active", probe: "introspection", broken: faults{meddle: answer("/revoke", 200, "")}, step: "introspect-revoked", reason: verdict.Accepted},
		{name: "a revoked token is still accepted", probe: "revocation", broken: faults{meddle: answer("/revoke", 200, "")}, step: "revoked-token", reason: verdict.Accepted},
		{name: "a revoked refresh token is still accepted", probe: "revocation", broken: faults{meddle: at("/revoke", then(3, answer("/revoke", 200, "")))}, step: "revoked-refresh", reason: verdict.Accepted},
		{name: "revocation refuses the client", probe: "revocation", broken: faults{meddle: answer("/revoke", 401, `{"error":"invalid_client"}`)}, step: "revoke", reason: verdict.ProtocolError},
		{name: "userinfo accepts any token", probe: "userinfo", broken: faults{meddle: answer("/userinfo", 200, `{"sub":"person"}`)}, step: "userinfo-forged", reason: verdict.Accepted},
		{name: "userinfo knows no POST", probe: "userinfo", broken: faults{meddle: at("/userinfo", then(2, answer("/userinfo", 405, "")))}, step: "userinfo-post", reason: verdict.Status},
		{name: "the session outlives the logout", probe: "logout", broken: faults{meddle: change("/logout", "Max-Age=0", "Max-Age=9")}, step: "logged-out", reason: verdict.Accepted},
		{name: "the logout leads elsewhere", probe: "logout", broken: faults{meddle: answer("/logout", 200, "<h1>Bye</h1>")}, step: "logout", reason: verdict.Redirect},
		{name: "the logout has another state", probe: "logout", broken: faults{meddle: change("/logout", "?state=", "?state=x")}, step: "logout", reason: verdict.Claims},
		{name: "the service client is refused", probe: "client-credentials", broken: faults{meddle: answer("/token", 401, `{"error":"invalid_client"}`)}, step: "token", reason: verdict.ProtocolError},
		{name: "the service client may not have the scope", probe: "client-credentials", broken: faults{meddle: answer("/token", 400, `{"error":"invalid_scope"}`)}, step: "token", reason: verdict.ProtocolError},
		{name: "the clock of the target is wrong", probe: "clock", broken: faults{now: inTwoHours}, step: "clock", reason: verdict.Clock},
		{name: "the wrong clock of the target makes it refuse us", broken: faults{now: inTwoHours}, step: "token", reason: verdict.Clock},
	}
}

func keyBreaks() []breakage {
	return []breakage{
		{name: "the key set is empty", broken: faults{meddle: answer("/jwks.json", 200, `{"keys":[]}`)}, step: "jwks", reason: verdict.Keys},
		{name: "the key set is a page", broken: faults{meddle: answer("/jwks.json", 200, `<html>`)}, step: "jwks", reason: verdict.Content},
		{name: "the key set gives a private key away", arrange: func(t *testing.T, p *provider, _ *oidc.Config) {
			p.faults.keys = published(t, "k1")
			p.faults.keys.Keys[0].Key = newKey(t)
		}, step: "jwks", reason: verdict.Keys},
		{name: "two keys have one name", arrange: func(t *testing.T, p *provider, _ *oidc.Config) {
			p.faults.keys = published(t, "k1")
			p.faults.keys.Keys = append(p.faults.keys.Keys, published(t, "k1").Keys...)
		}, step: "jwks", reason: verdict.Keys},
		{name: "the key set is somebody else's", arrange: func(t *testing.T, p *provider, _ *oidc.Config) { p.faults.keys = published(t, "k1") }, step: "id-token", reason: verdict.Signature},
		{name: "the key that signs is never published", arrange: func(t *testing.T, p *provider, _ *oidc.Config) { p.faults.keys = published(t, "other") }, step: "id-token", reason: verdict.Signature},
		{name: "the key that signs is published after it has signed", arrange: func(t *testing.T, p *provider, _ *oidc.Config) {
			p.faults.keys = published(t, "other")
			p.faults.meddle = at("/token", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				p.faults.keys = nil
				next.ServeHTTP(w, r)
			})
		}, step: "id-token", reason: verdict.Keys},
		{name: "the key that signs is too new for the caches", arrange: func(t *testing.T, p *provider, cfg *oidc.Config) {
			cfg.Memory = memory.New()
			p.faults.keys, p.faults.cache = published(t, "other"), "max-age=600"
			runNamed(t, *cfg, "jwks")
			p.faults.keys = nil
		}, step: "id-token", reason: verdict.Keys},
		{name: "a key vanishes while its tokens are good", probe: "jwks", arrange: func(t *testing.T, p *provider, cfg *oidc.Config) {
			cfg.Memory = memory.New()
			runNamed(t, *cfg, "login")
			p.faults.keys = published(t, "next")
		}, step: "jwks", reason: verdict.Keys},
		{name: "a key is another one under the same name", probe: "jwks", arrange: func(t *testing.T, p *provider, cfg *oidc.Config) {
			cfg.Memory = memory.New()
			runNamed(t, *cfg, "jwks")
			p.faults.keys = published(t, "k1")
		}, step: "jwks", reason: verdict.Keys},
		{name: "zones publish different keys", probe: "jwks-zones", arrange: func(t *testing.T, p *provider, cfg *oidc.Config) {
			other := newProvider(t, faults{})
			cfg.Roots.AddCert(other.server.Certificate())
			cfg.Zones = []target.Zone{{Name: "a", URL: p.issuer()}, {Name: "b", URL: other.issuer()}}
		}, step: "compare", reason: verdict.Disagreement},
	}
}

func ownBreaks() []breakage {
	return []breakage{
		{name: "our key is gone", arrange: func(_ *testing.T, _ *provider, cfg *oidc.Config) { cfg.Client.KeyFile = "/nonexistent/client.jwk" }, step: "token", reason: verdict.OwnConfig},
		{name: "our clock is wrong", arrange: func(_ *testing.T, _ *provider, cfg *oidc.Config) {
			cfg.Now, cfg.ClockSynchronised = inTwoHours, func() bool { return false }
		}, step: "token", reason: verdict.OwnClock},
		{name: "our clock is wrong, and the clock probe asks", probe: "clock", arrange: func(_ *testing.T, _ *provider, cfg *oidc.Config) {
			cfg.Now, cfg.ClockSynchronised = inTwoHours, func() bool { return false }
		}, step: "clock", reason: verdict.OwnClock},
		{name: "the provider does not have what the journey is about", probe: "logout", broken: discovered("end_session_endpoint", ""), step: "discovery", reason: verdict.NoData},
	}
}
