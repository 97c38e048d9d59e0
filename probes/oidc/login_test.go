package oidc_test

import (
	"context"
	"crypto/x509"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/login"
	"tocsin/probes/login/pages"
	"tocsin/probes/oidc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(t *testing.T, cfg oidc.Config) probes.Result {
	t.Helper()
	login, err := oidc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return login.Run(t.Context())
}

func stepNames(result probes.Result) []string {
	var names []string
	for _, step := range result.Steps {
		names = append(names, step.Name)
	}
	return names
}

func TestAWholeLoginPasses(t *testing.T) {
	everyStep := []string{"discovery", "jwks", "authorize", "login-form", "login", "consent", "code", "token", "id-token", "userinfo"}
	withoutConsent := slices.DeleteFunc(slices.Clone(everyStep), func(name string) bool { return name == "consent" })
	cases := map[string]struct {
		faults faults
		steps  []string
	}{
		"with a consent page":                           {steps: everyStep},
		"when the provider knows the consent":           {faults: faults{noConsent: true}, steps: withoutConsent},
		"when id and PIN are asked for on two pages":    {faults: faults{twoPages: true}, steps: everyStep},
		"when the provider leaves at_hash out":          {faults: faults{claims: func(c map[string]any) { delete(c, "at_hash") }}, steps: everyStep},
		"when the provider announces no userinfo":       {faults: faults{discovery: func(d map[string]any) { delete(d, "userinfo_endpoint") }}, steps: everyStep[:9]},
		"when the audience is a list with our name":     {faults: faults{claims: func(c map[string]any) { c["aud"] = []string{"other", clientID} }}, steps: everyStep},
		"when the clocks are apart by less than allows": {faults: faults{now: func() time.Time { return time.Now().Add(20 * time.Second) }}, steps: everyStep},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, tc.faults)
			result := run(t, p.config())
			if result.Verdict != verdict.Pass || result.Attempts != 1 {
				t.Fatalf("verdict %s after %d attempts at %q: %s", result.Verdict, result.Attempts, result.FailedStep, result.Detail)
			}
			if got := stepNames(result); !slices.Equal(got, tc.steps) {
				t.Errorf("steps %v, want %v", got, tc.steps)
			}
		})
	}
}

func TestAnotherAddressIsDialledWhileTheNameStays(t *testing.T) {
	p := newProvider(t, faults{})
	pool := p.restartWith(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "id.example")
	p.name = "https://id.example"
	cfg := p.config()
	cfg.Roots = pool
	if result := run(t, cfg); result.Verdict != verdict.Fail {
		t.Fatalf("the name resolves: %s", result.Detail)
	}
	cfg.ConnectTo = map[string]string{"id.example:443": p.server.Listener.Addr().String()}
	if result := run(t, cfg); result.Verdict != verdict.Pass {
		t.Fatalf("%s at %q: %s", result.Verdict, result.FailedStep, result.Detail)
	}
}

func TestEveryRequestIsMarkedAsSyntheticAndOfOneTrace(t *testing.T) {
	p := newProvider(t, faults{})
	result := run(t, p.config())
	if len(p.requests) < 8 {
		t.Fatalf("%d requests, want a whole login", len(p.requests))
	}
	for _, request := range p.requests {
		if !strings.HasPrefix(request.Header.Get("Traceparent"), "00-"+result.TraceID+"-") {
			t.Errorf("%s has traceparent %q", request.URL.Path, request.Header.Get("Traceparent"))
		}
		if request.Header.Get("X-Synthetic-Run") != result.RunID || request.UserAgent() != telemetry.UserAgent {
			t.Errorf("%s is not marked: %v", request.URL.Path, request.Header)
		}
	}
}

func TestPhasesThatWereNotReachedAreAbsent(t *testing.T) {
	p := newProvider(t, faults{})
	steps := run(t, p.config()).Steps
	first, second := steps[0], steps[1]
	if first.Phases.Connect == nil || first.Phases.TLS == nil || first.Phases.FirstByte == nil || first.Phases.Transfer == nil {
		t.Errorf("the first exchange lacks phases: %+v", first.Phases)
	}
	if first.Phases.DNS != nil {
		t.Errorf("an IP address was resolved in %v s", *first.Phases.DNS)
	}
	if second.Phases.Connect != nil || second.Phases.TLS != nil {
		t.Errorf("a connection that was used again was connected: %+v", second.Phases)
	}
	if code := steps[6]; code.Name != "code" || code.Phases != (probes.Phases{}) || code.Status != 0 {
		t.Errorf("reading the code made an exchange: %+v", code)
	}
	if status := steps[0].Status; status != 200 {
		t.Errorf("status %d", status)
	}
}

func TestABrokenPromiseFailsAtItsStepWithAPlainReason(t *testing.T) {
	claim := func(name string, value any) faults {
		return faults{claims: func(c map[string]any) { c[name] = value }}
	}
	response := func(name, value string) faults {
		return faults{response: func(v url.Values) { v.Set(name, value) }}
	}
	long := time.Now().Add(time.Hour)
	cases := map[string]struct {
		faults faults
		step   string
		reason verdict.Reason
		detail string
	}{
		"another issuer in discovery":     {faults{discovery: func(d map[string]any) { d["issuer"] = "https://evil.example" }}, "discovery", verdict.Claims, "names the issuer \"https://evil.example\""},
		"discovery without token":         {faults{discovery: func(d map[string]any) { d["token_endpoint"] = "" }}, "discovery", verdict.Content, "no usable token_endpoint"},
		"discovery missing":               {faults{path: "/.well-known/openid-configuration", status: 404}, "discovery", verdict.Status, "answered 404 Not Found"},
		"no keys":                         {faults{keys: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}}, "jwks", verdict.Keys, "empty"},
		"authorize refused":               {faults{path: "/authorize", status: 400}, "authorize", verdict.Status, "answered 400"},
		"login page without a form":       {faults{loginPage: "<title>Maintenance</title><h1>Back soon</h1>"}, "login-form", verdict.LoginForm, `its title is "Maintenance"`},
		"login page without a secret":     {faults{loginPage: `<form method=post><input name=who><button>x</button></form>`}, "login", verdict.Status, "answered 403"},
		"wrong state":                     {response("state", "other"), "code", verdict.Claims, "wrong state"},
		"wrong iss in the response":       {response("iss", "https://evil.example"), "code", verdict.Claims, "wrong iss"},
		"missing iss in the response":     {faults{response: func(v url.Values) { v.Del("iss") }}, "code", verdict.Claims, "wrong iss"},
		"no code":                         {response("code", ""), "code", verdict.Content, "no code"},
		"access denied":                   {response("error", "access_denied"), "code", verdict.ProtocolError, "access_denied"},
		"token endpoint lies with 200":    {faults{tokenLie: `{"error":"invalid_grant"}`}, "token", verdict.Lie, "a lie"},
		"token answer not JSON":           {faults{tokenLie: `<html>`}, "token", verdict.Content, "not JSON"},
		"no ID token":                     {faults{tokenLie: `{"access_token":"x","token_type":"Bearer"}`}, "token", verdict.Content, "without an ID token"},
		"wrong nonce":                     {claim("nonce", "replayed"), "id-token", verdict.Claims, "wrong nonce"},
		"wrong iss":                       {claim("iss", "https://evil.example"), "id-token", verdict.Claims, "wrong iss"},
		"wrong aud":                       {claim("aud", "somebody"), "id-token", verdict.Claims, "wrong aud"},
		"wrong azp":                       {claim("azp", "somebody"), "id-token", verdict.Claims, "wrong azp"},
		"wrong at_hash":                   {claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "id-token", verdict.Claims, "wrong at_hash"},
		"at_hash cut to nothing":          {claim("at_hash", "AA"), "id-token", verdict.Claims, "wrong at_hash"},
		"expired ID token":                {claim("exp", time.Now().Add(-time.Hour).Unix()), "id-token", verdict.Claims, "expired at"},
		"ID token from the future":        {claim("iat", long.Unix()), "id-token", verdict.Claims, "from the future"},
		"stale ID token":                  {claim("iat", time.Now().Add(-time.Hour).Unix()), "id-token", verdict.Claims, "not fresh"},
		"ID token without exp":            {faults{claims: func(c map[string]any) { delete(c, "exp") }}, "id-token", verdict.Claims, "lacks exp"},
		"foreign signature":               {faults{foreign: true}, "id-token", verdict.Signature, "signature of the ID token is wrong"},
		"algorithm that is not announced": {faults{discovery: func(d map[string]any) { d["id_token_signing_alg_values_supported"] = []string{"PS256"} }}, "id-token", verdict.Signature, "does not announce"},
		"userinfo about somebody else":    {faults{userinfo: "somebody"}, "userinfo", verdict.Claims, `about "somebody"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			result := run(t, newProvider(t, tc.faults).config())
			if result.Verdict != verdict.Fail || result.FailedStep != tc.step || result.Reason != tc.reason || !strings.Contains(result.Detail, tc.detail) {
				t.Fatalf("got %s (%s) at %q: %s\nwant fail (%s) at %q: …%s…",
					result.Verdict, result.Reason, result.FailedStep, result.Detail, tc.reason, tc.step, tc.detail)
			}
			if result.Attempts != 1 {
				t.Errorf("%d attempts: a broken promise must not be tried again", result.Attempts)
			}
			if last := result.Steps[len(result.Steps)-1]; last.Error == "" || last.Name != tc.step {
				t.Errorf("the last step is %+v, want %s with its error", last, tc.step)
			}
		})
	}
}

func TestAWrongPINIsSaidInTheWordsOfThePage(t *testing.T) {
	p := newProvider(t, faults{})
	cfg := p.config()
	cfg.Driver = p.driver(t.TempDir(), "000000")
	result := run(t, cfg)
	if result.Verdict != verdict.Fail || result.FailedStep != "login" || !strings.Contains(result.Detail, `"Number or PIN is wrong."`) {
		t.Fatalf("got %s at %q: %s", result.Verdict, result.FailedStep, result.Detail)
	}
	if strings.Contains(result.Detail, "000000") {
		t.Error("the reason gives the secret away")
	}
}

func TestAnInfrastructureFailureIsTriedOnceMore(t *testing.T) {
	cases := map[string]struct {
		faults  faults
		verdict verdict.Verdict
		reason  string
	}{
		"one 503 at the token endpoint passes after a retry": {faults{path: "/token", status: 503, times: 1}, verdict.PassAfterRetry, "first failed at token: "},
		"one 429 at the login passes after a retry":          {faults{path: "/ui/login", status: 429, times: 1}, verdict.PassAfterRetry, "first failed at login-form"},
		"two 502 fail":                        {faults{path: "/token", status: 502}, verdict.Fail, "(both attempts)"},
		"temporarily_unavailable twice fails": {faults{response: func(v url.Values) { v.Set("error", "temporarily_unavailable") }}, verdict.Fail, "temporarily_unavailable"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			result := run(t, newProvider(t, tc.faults).config())
			if result.Verdict != tc.verdict || result.Attempts != 2 || !strings.Contains(result.Detail, tc.reason) {
				t.Fatalf("got %s after %d attempts: %s", result.Verdict, result.Attempts, result.Detail)
			}
			if result.Verdict.Good() && result.FailedStep != "" {
				t.Errorf("a pass has the failed step %q", result.FailedStep)
			}
		})
	}
}

func TestATargetThatCannotBeReachedFailsAtDiscovery(t *testing.T) {
	t.Run("nothing listens", func(t *testing.T) {
		p := newProvider(t, faults{})
		cfg := p.config()
		p.server.Close()
		expect(t, run(t, cfg), verdict.Fail, "discovery", "connection refused")
	})
	t.Run("the name does not exist", func(t *testing.T) {
		cfg := newProvider(t, faults{}).config()
		cfg.Issuer = "https://identity.invalid"
		expect(t, run(t, cfg), verdict.Fail, "discovery", "identity.invalid")
	})
	t.Run("it never answers", func(t *testing.T) {
		cfg := newProvider(t, faults{hang: "/token"}).config()
		cfg.ExchangeTimeout = 1500 * time.Millisecond
		expect(t, run(t, cfg), verdict.Fail, "token", "(while waiting for the answer)")
	})
	t.Run("the journey as a whole takes too long", func(t *testing.T) {
		cfg := newProvider(t, faults{hang: "/token"}).config()
		cfg.AttemptTimeout = 2 * time.Second
		expect(t, run(t, cfg), verdict.Fail, "token", "longer than 2s")
	})
}

func TestACertificateThatIsWrongFailsWithItsNames(t *testing.T) {
	hour := time.Hour
	t.Run("foreign", func(t *testing.T) {
		cfg := newProvider(t, faults{}).config()
		cfg.Roots = x509.NewCertPool()
		expect(t, run(t, cfg), verdict.Fail, "discovery", "is foreign")
	})
	t.Run("expired", func(t *testing.T) {
		p := newProvider(t, faults{})
		pool := p.restartWith(time.Now().Add(-100*hour), time.Now().Add(-72*hour), "127.0.0.1")
		cfg := p.config()
		cfg.Roots, cfg.ClockSynchronised = pool, func() bool { return false }
		result := run(t, cfg)
		expect(t, result, verdict.Fail, "discovery", "3 days ago")
		expect(t, result, verdict.Fail, "discovery", "identity.a.lab")
	})
	t.Run("for another name", func(t *testing.T) {
		p := newProvider(t, faults{})
		cfg := p.config()
		cfg.Roots = p.restartWith(time.Now().Add(-hour), time.Now().Add(hour), "other.example")
		cfg.Issuer = p.issuer()
		expect(t, run(t, cfg), verdict.Fail, "discovery", "other.example")
	})
}

func TestOurOwnFaultsAreUnknown(t *testing.T) {
	t.Run("the key file is gone", func(t *testing.T) {
		cfg := newProvider(t, faults{}).config()
		cfg.Client.KeyFile = "/nonexistent/client.jwk"
		expect(t, run(t, cfg), verdict.Unknown, "token", "/nonexistent/client.jwk")
	})
	t.Run("the secret file is gone", func(t *testing.T) {
		cfg := newProvider(t, faults{}).config()
		cfg.Driver = pages.New(pages.Config{Person: login.Person{ID: personID, SecretFile: "/nonexistent/pin"}})
		expect(t, run(t, cfg), verdict.Unknown, "login", "/nonexistent/pin")
	})
	t.Run("we stopped the run", func(t *testing.T) {
		login, err := oidc.New(newProvider(t, faults{}).config())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		expect(t, login.Run(ctx), verdict.Unknown, "discovery", "stopped from our side")
	})
}

func TestABadLocalClockIsOurFaultUnlessSomethingKeepsItRight(t *testing.T) {
	inTwoHours := func() time.Time { return time.Now().Add(2 * time.Hour) }
	for name, tc := range map[string]struct {
		synchronised bool
		want         verdict.Verdict
		reason       string
	}{
		"nothing synchronises it": {false, verdict.Unknown, "clock of this machine is 2h0m"},
		"it is synchronised":      {true, verdict.Fail, "target's clock is 2h0m"},
	} {
		t.Run("token, "+name, func(t *testing.T) {
			cfg := newProvider(t, faults{}).config()
			cfg.Now, cfg.ClockSynchronised = inTwoHours, func() bool { return tc.synchronised }
			expect(t, run(t, cfg), tc.want, "token", tc.reason)
		})
	}
	t.Run("certificate, nothing synchronises it", func(t *testing.T) {
		p := newProvider(t, faults{})
		pool := p.restartWith(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "127.0.0.1")
		cfg := p.config()
		cfg.Roots, cfg.Now, cfg.ClockSynchronised = pool, inTwoHours, func() bool { return false }
		expect(t, run(t, cfg), verdict.Unknown, "discovery", "start a time service")
	})
}

func expect(t *testing.T, result probes.Result, want verdict.Verdict, step, reason string) {
	t.Helper()
	if result.Verdict != want || result.FailedStep != step || !strings.Contains(result.Detail, reason) {
		t.Fatalf("got %s at %q: %s\nwant %s at %q: …%s…", result.Verdict, result.FailedStep, result.Detail, want, step, reason)
	}
}
