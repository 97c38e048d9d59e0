package oidc_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/memory"
	"tocsin/probes/oidc"
)

// runNamed runs the probe of that name out of all that the configuration
// allows.
func runNamed(t *testing.T, cfg oidc.Config, name string) probes.Result {
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

// service is the configuration with a client that gets tokens for itself.
func (p *provider) service(cfg oidc.Config) oidc.Config {
	p.t.Helper()
	secret := filepath.Join(p.t.TempDir(), "secret")
	write(p.t, secret, []byte(clientSecret))
	cfg.Service = target.ServiceClient{ID: serviceID, Auth: target.AuthClientSecretBasic, SecretFile: secret, Scopes: []string{"api"}}
	return cfg
}

func TestEveryJourneyPassesThroughAProviderThatKeepsItsPromises(t *testing.T) {
	begin := []string{"discovery", "jwks", "authorize", "login-form", "login", "consent", "code", "token", "id-token"}
	after := func(steps ...string) []string { return append(slices.Clone(begin), steps...) }
	pushed := slices.Insert(after("userinfo"), 2, "par")
	for name, steps := range map[string][]string{
		"login":              after("userinfo"),
		"login-cached":       after("userinfo"),
		"login-par":          pushed,
		"login-dpop":         after("userinfo"),
		"refresh":            after("refresh", "refresh-again", "reuse"),
		"userinfo":           after("userinfo", "userinfo-post", "userinfo-forged"),
		"introspection":      after("introspect", "revoke", "introspect-revoked"),
		"revocation":         after("revoke", "revoke-again", "revoked-token", "revoke-refresh", "revoked-refresh"),
		"logout":             after("session", "logout", "logged-out"),
		"client-credentials": {"discovery", "token"},
		"clock":              {"clock"},
		"jwks":               {"discovery", "jwks"},
		"discovery":          {"discovery"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, faults{nonce: true})
			result := runNamed(t, p.service(p.config()), name)
			if result.Verdict != verdict.Pass {
				t.Fatalf("%s (%s) at %q: %s", result.Verdict, result.Reason, result.FailedStep, result.Detail)
			}
			if got := stepNames(result); !slices.Equal(got, steps) {
				t.Errorf("steps %v\nwant  %v", got, steps)
			}
			if skew, ok := result.Figures["clock_skew_seconds"]; !ok || skew < -2 || skew > 2 {
				t.Errorf("the skew is %v, known %v", skew, ok)
			}
		})
	}
}

func TestAClientAuthenticatesAsTheTargetSays(t *testing.T) {
	for _, method := range []string{target.AuthPrivateKeyJWT, target.AuthClientSecretBasic, target.AuthClientSecretPost, target.AuthNone} {
		t.Run(method, func(t *testing.T) {
			p := newProvider(t, faults{public: method == target.AuthNone})
			cfg := p.config()
			cfg.Client.Auth = method
			if method != target.AuthPrivateKeyJWT {
				cfg.Client.KeyFile = ""
				cfg.Client.SecretFile = filepath.Join(t.TempDir(), "secret")
				write(t, cfg.Client.SecretFile, []byte(clientSecret+"\n"))
			}
			for _, probe := range []string{"login", "login-par"} {
				if result := runNamed(t, cfg, probe); result.Verdict != verdict.Pass {
					t.Errorf("%s: %s at %q: %s", probe, result.Verdict, result.FailedStep, result.Detail)
				}
			}
		})
	}
}

func TestAJourneyThatIsNotAnnouncedIsUnknownUnlessItWasPromised(t *testing.T) {
	for name, field := range map[string]string{
		"login-par": "pushed_authorization_request_endpoint", "login-dpop": "dpop_signing_alg_values_supported", "refresh": "grant_types_supported",
		"userinfo": "userinfo_endpoint", "introspection": "introspection_endpoint", "revocation": "revocation_endpoint", "logout": "end_session_endpoint",
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, faults{discovery: func(d map[string]any) { delete(d, field) }})
			cfg := p.config()
			result := runNamed(t, cfg, name)
			if result.Reason != verdict.NoData || !strings.Contains(result.Detail, "does not announce") {
				t.Errorf("got %s: %s", result.Reason, result.Detail)
			}
			cfg.Features = target.Features()
			result = runNamed(t, cfg, name)
			if result.Reason != verdict.Content || result.FailedStep != "discovery" || !strings.Contains(result.Detail, "promises") {
				t.Errorf("got %s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
		})
	}
}

func TestATokenIsUsedAgainUntilItIsNearItsEnd(t *testing.T) {
	p := newProvider(t, faults{})
	cfg := p.config()
	cfg.Memory, cfg.Features = memory.New(), []string{target.FeatureRefresh}
	started := time.Now()
	for _, tc := range []struct {
		after time.Duration
		steps int
		first string
		age   float64
	}{
		{0, 10, "discovery", 0}, {time.Minute, 1, "userinfo", 60}, {4 * time.Minute, 1, "userinfo", 240},
		{5 * time.Minute, 2, "refresh", 0}, {6 * time.Minute, 1, "userinfo", 60},
	} {
		now := started.Add(tc.after)
		cfg.Now, p.faults.now = func() time.Time { return now }, func() time.Time { return now }
		result := runNamed(t, cfg, "login-cached")
		if result.Verdict != verdict.Pass || len(result.Steps) != tc.steps || result.Steps[0].Name != tc.first {
			t.Fatalf("after %s: %s, steps %v: %s", tc.after, result.Verdict, stepNames(result), result.Detail)
		}
		if age := result.Figures["token_age_seconds"]; age != tc.age {
			t.Errorf("after %s the token is %v s old", tc.after, age)
		}
	}
}

func TestACachedTokenHidesThatNobodyCanLogInUntilItEnds(t *testing.T) {
	p := newProvider(t, faults{})
	cfg := p.config()
	cfg.Memory = memory.New()
	if result := runNamed(t, cfg, "login-cached"); result.Verdict != verdict.Pass {
		t.Fatal(result.Detail)
	}
	p.faults.path, p.faults.status = "/authorize", http.StatusServiceUnavailable
	if fresh := runNamed(t, cfg, "login"); fresh.Reason != verdict.Unavailable || fresh.FailedStep != "authorize" {
		t.Errorf("fresh: %s at %q", fresh.Reason, fresh.FailedStep)
	}
	if cached := runNamed(t, cfg, "login-cached"); cached.Verdict != verdict.Pass {
		t.Errorf("cached: %s: %s", cached.Verdict, cached.Detail)
	}
	cfg.Now = func() time.Time { return time.Now().Add(295 * time.Second) }
	if late := runNamed(t, cfg, "login-cached"); late.Reason != verdict.Unavailable {
		t.Errorf("near the end of the token: %s: %s", late.Reason, late.Detail)
	}
}

func TestAVerdictAboutValidInputIsALieOnceARunHasShownThatItIsValid(t *testing.T) {
	refuse := func(path, body string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.URL.Path != path {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			if body != `{"active":false}` {
				w.WriteHeader(http.StatusBadRequest)
			}
			if _, err := w.Write([]byte(body)); err != nil {
				t.Error(err)
			}
		}
	}
	for name, tc := range map[string]struct{ probe, path, body, step string }{
		"invalid_grant to a new code":         {"login", "/token", `{"error":"invalid_grant"}`, "token"},
		"invalid_client to the right key":     {"login", "/token", `{"error":"invalid_client"}`, "token"},
		"active:false of a new token":         {"introspection", "/introspect", `{"active":false}`, "introspect"},
		"invalid_token at userinfo":           {"login", "/userinfo", `{"error":"invalid_token"}`, "userinfo"},
		"invalid_token to a cached token":     {"login-cached", "/userinfo", `{"error":"invalid_token"}`, "userinfo"},
		"invalid_request to a pushed request": {"login-par", "/par", `{"error":"invalid_request"}`, "par"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, faults{meddle: refuse(tc.path, tc.body)})
			cfg := p.config()
			cfg.Memory = memory.New()
			if result := runNamed(t, cfg, tc.probe); result.Reason != verdict.ProtocolError || result.FailedStep != tc.step {
				t.Fatalf("without a control run: %s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
			p.faults.meddle = nil
			if result := runNamed(t, cfg, tc.probe); result.Verdict != verdict.Pass {
				t.Fatal(result.Detail)
			}
			p.faults.meddle = refuse(tc.path, tc.body)
			if result := runNamed(t, cfg, tc.probe); result.Reason != verdict.Lie || result.FailedStep != tc.step {
				t.Errorf("after a control run: %s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
			other := time.Now().Add(time.Hour)
			if err := os.Chtimes(cfg.Client.KeyFile, other, other); err != nil {
				t.Fatal(err)
			}
			p.faults.meddle = refuse(tc.path, tc.body)
			if result := runNamed(t, cfg, tc.probe); result.Reason != verdict.ProtocolError {
				t.Errorf("with another key, nothing is shown: %s: %s", result.Reason, result.Detail)
			}
		})
	}
}
