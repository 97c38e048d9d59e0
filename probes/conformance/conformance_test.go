package conformance_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/conformance"
)

func stepOf(t *testing.T, result probes.Result, name string) probes.Step {
	t.Helper()
	index := slices.IndexFunc(result.Steps, func(s probes.Step) bool { return s.Name == name })
	if index < 0 {
		t.Fatalf("there is no step %s: %s", name, result.Detail)
	}
	return result.Steps[index]
}

func TestWhatIsOnlyRecommendedIsAWarning(t *testing.T) {
	for _, tc := range []struct {
		name, probe, lacks string
		arrange            func(*provider)
		step, says         string
	}{
		{name: "no PKCE announced", probe: "conformance-discovery", arrange: member("code_challenge_methods_supported", nil), step: "discovery-pkce", says: "has no code_challenge_methods_supported"},
		{name: "plain announced", probe: "conformance-discovery", arrange: member("code_challenge_methods_supported", []string{"S256", "plain"}), step: "discovery-pkce", says: "has plain"},
		{name: "unsigned ID tokens announced", probe: "conformance-discovery", arrange: member("id_token_signing_alg_values_supported", []string{"ES256", "none"}), step: "discovery-algorithms", says: "has none"},
		{name: "no RS256", probe: "conformance-discovery", arrange: member("id_token_signing_alg_values_supported", []string{"ES256"}), step: "discovery-recommended", says: "lacks RS256"},
		{name: "no userinfo", probe: "conformance-discovery", arrange: member("userinfo_endpoint", nil), step: "discovery-recommended", says: "no userinfo_endpoint"},
		{name: "no scope openid announced", probe: "conformance-discovery", arrange: member("scopes_supported", nil), step: "discovery-recommended", says: "lacks openid"},
		{name: "an empty list", probe: "conformance-discovery", arrange: member("acr_values_supported", []string{}), step: "discovery-members", says: "empty list"},
		{name: "our authentication is not announced", probe: "conformance-discovery", arrange: member("token_endpoint_auth_methods_supported", []string{"client_secret_jwt"}), step: "discovery-client-auth", says: "authenticates by private_key_jwt"},
		{name: "an algorithm without a key", probe: "conformance-discovery", step: "jwks-algorithms", says: "has RS256, but no key"},
		{name: "a key of an unknown kind", probe: "conformance-discovery", arrange: published(func(_ *provider, key map[string]any) []map[string]any {
			return []map[string]any{key, {"kty": "AKP", "kid": "pq", "pub": "AA"}}
		}), step: "jwks-readable", says: `of the kind "AKP"`},
		{name: "tokens outlive the second use of their code", probe: "conformance", lacks: "code-reuse-revokes", step: "code-reuse-revokes", says: "outlives"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			result := breakage{lacks: tc.lacks, arrange: tc.arrange}.run(t, tc.probe)
			if result.Verdict != verdict.Pass || result.Figures["conformance_warnings_total"] < 1 || !strings.Contains(result.Detail, tc.says) {
				t.Fatalf("%s, %v warnings, at %q: %s", result.Verdict, result.Figures["conformance_warnings_total"], result.FailedStep, result.Detail)
			}
			if notes := strings.Join(stepOf(t, result, tc.step).Notes, "; "); !strings.Contains(notes, tc.says) {
				t.Errorf("the step %s says %q", tc.step, notes)
			}
		})
	}
}

// A provider in trouble has refused nothing: whatever the request, 5xx, 429,
// an error of its own state and a lost connection are no evidence.
func TestTroubleIsNeverTakenForARefusal(t *testing.T) {
	reset := func(path string, from int) func(http.ResponseWriter, *http.Request, http.Handler) {
		seen := 0
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.URL.Path == path {
				seen++
			}
			if r.URL.Path == path && seen >= from {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		}
	}
	later := func(path string, from, status int, body string) func(http.ResponseWriter, *http.Request, http.Handler) {
		seen, answer := 0, answering(path, status, body)
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.URL.Path == path {
				seen++
			}
			if seen >= from {
				answer(w, r, next)
				return
			}
			next.ServeHTTP(w, r)
		}
	}
	for name, tc := range map[string]struct {
		meddle func(http.ResponseWriter, *http.Request, http.Handler)
		step   string
		reason verdict.Reason
	}{
		"503 to a used code":                    {later("/token", 2, 503, ""), "code-reuse", verdict.Unavailable},
		"429 to a used code":                    {later("/token", 2, 429, ""), "code-reuse", verdict.Unavailable},
		"server_error to a used code":           {later("/token", 2, 400, `{"error":"server_error"}`), "code-reuse", verdict.Unavailable},
		"502 to a wrong client":                 {later("/token", 3, 502, ""), "client-wrong", verdict.Unavailable},
		"500 to a request without token":        {later("/userinfo", 2, 500, ""), "userinfo-without-token", verdict.Unavailable},
		"500 to introspection by nobody":        {later("/introspect", 1, 500, ""), "introspection-open", verdict.Unavailable},
		"503 to a new request":                  {later("/authorize", 2, 503, ""), "pkce-verifier-wrong", verdict.Unavailable},
		"a lost connection at a used code":      {reset("/token", 2), "code-reuse", verdict.Reset},
		"a lost connection at an authorization": {reset("/authorize", 2), "pkce-verifier-wrong", verdict.Reset},
		"500 to an unregistered redirect URI":   {later("/authorize", 8, 500, ""), "redirect-uri-unregistered", verdict.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			again := 0
			p.meddle = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				// The second attempt meets the same trouble from its first request on.
				if again++; r.URL.Path == "/.well-known/openid-configuration" && again > 1 {
					http.Error(w, "still in trouble", http.StatusServiceUnavailable)
					return
				}
				tc.meddle(w, r, next)
			}
			result := runNamed(t, p.config(), "conformance")
			first := result.Detail
			if result.Verdict != verdict.Fail || !result.Reason.Transient() || !strings.Contains(first, tc.step) {
				t.Errorf("%s (%s) at %q: %s; want trouble at %s", result.Verdict, result.Reason, result.FailedStep, result.Detail, tc.step)
			}
		})
	}
}

func TestACheckThatDoesNotApplyIsSkippedAndSaysWhy(t *testing.T) {
	for _, tc := range []struct {
		name    string
		arrange func(*provider)
		change  func(*conformance.Config)
		steps   []string
	}{
		{"no userinfo", member("userinfo_endpoint", nil), nil, []string{"userinfo-without-token", "userinfo-wrong-token", "code-reuse-revokes"}},
		{"no introspection", member("introspection_endpoint", nil), nil, []string{"introspection-open"}},
		{"no PKCE", member("code_challenge_methods_supported", nil), nil, []string{"pkce-verifier-wrong", "pkce-verifier-missing", "pkce-downgrade", "pkce-plain"}},
		{"plain is announced", member("code_challenge_methods_supported", []string{"S256", "plain"}), nil, []string{"pkce-plain"}},
		{"no request objects", member("request_parameter_supported", nil), nil, []string{"request-object-unsigned"}},
		{"unsigned request objects are announced", member("request_object_signing_alg_values_supported", []string{"none"}), nil, []string{"request-object-unsigned"}},
		{"no second client", nil, func(c *conformance.Config) { c.Login.Service = target.ServiceClient{} }, []string{"code-of-another-client"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProvider(t)
			if tc.arrange != nil {
				tc.arrange(p)
			}
			cfg := p.config()
			if tc.change != nil {
				tc.change(&cfg)
			}
			result := runNamed(t, cfg, "conformance")
			if result.Verdict != verdict.Pass {
				t.Fatalf("%s at %q: %s", result.Verdict, result.FailedStep, result.Detail)
			}
			for _, name := range tc.steps {
				if step := stepOf(t, result, name); step.Skipped == "" || len(step.Hops) > 0 {
					t.Errorf("%s: skipped %q, %d exchanges", name, step.Skipped, len(step.Hops))
				}
			}
			if got := result.Figures["conformance_skipped_total"]; got != float64(len(tc.steps)) {
				t.Errorf("%v skipped, want %d", got, len(tc.steps))
			}
		})
	}
}

func TestAFindingThatSomebodyHasAcceptedIsAWarning(t *testing.T) {
	p := newProvider(t)
	p.lacks = "pkce-plain"
	cfg := p.config()
	cfg.Accepted = []string{"pkce-plain"}
	result := runNamed(t, cfg, "conformance")
	if result.Verdict != verdict.Pass || !strings.Contains(result.Detail, "accepted by the target file") {
		t.Errorf("%s: %s", result.Verdict, result.Detail)
	}
	p.lacks = "code-reuse"
	if result := runNamed(t, cfg, "conformance"); result.FailedStep != "code-reuse" {
		t.Errorf("another finding: %s at %q", result.Verdict, result.FailedStep)
	}
}

func TestSeveralFindingsAreAllTold(t *testing.T) {
	p := newProvider(t)
	p.lacks = "WWW-Authenticate"
	result := runNamed(t, p.config(), "conformance")
	if result.FailedStep != "userinfo-without-token" || !strings.Contains(result.Detail, "2 findings") || !strings.Contains(result.Detail, "userinfo-wrong-token") {
		t.Errorf("at %q: %s", result.FailedStep, result.Detail)
	}
}

func TestTheChecksRunDailyAndAreThoseThatATargetFileMayName(t *testing.T) {
	var names []string
	for _, check := range conformance.Checks() {
		names = append(names, check.Name)
	}
	if !slices.Equal(names, target.ConformanceChecks()) {
		t.Errorf("the checks are\n%v, the target file knows\n%v", names, target.ConformanceChecks())
	}
	all, err := newProvider(t).config().Probes()
	if err != nil {
		t.Fatal(err)
	}
	for _, probe := range all {
		if paced, ok := probe.(interface{ Every() time.Duration }); !ok || paced.Every() != 24*time.Hour {
			t.Errorf("%s does not run daily", probe.Name())
		}
	}
}

func TestTheTableOfTheReadmeHasEveryCheckWithItsModule(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range conformance.Checks() {
		row := "| `" + check.Name + "` |"
		at := strings.Index(string(text), row)
		if at < 0 {
			t.Errorf("there is no row of %s", check.Name)
			continue
		}
		line, _, _ := strings.Cut(string(text)[at:], "\n")
		if check.Module != "" && !strings.Contains(line, "`"+check.Module+"`") {
			t.Errorf("the row of %s does not name %s", check.Name, check.Module)
		}
	}
}
