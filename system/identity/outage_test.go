package identity_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
	"golang.org/x/oauth2"

	"tocsin/system/identity"
	"tocsin/system/identity/store/realtest"
	"tocsin/system/identity/testrig"
)

// prepared is everything made ready before an outage, so that each endpoint
// gets input in it that a control run shows to be good.
type prepared struct {
	b *browser
	a *attempt
	// Browsers of their own for what is begun and not finished: one keeps no
	// more than three logins.
	login, consent, returning *visitor

	code, access, refresh, idToken string
	grantID, ownToken              string
	walletToken, offer             string
}

// somebody is who logs in; somebodyElse has never consented to anything.
const somebody = "2000000010"

func prepare(t *testing.T) *prepared {
	t.Helper()
	p := &prepared{b: newBrowser(t), a: newAttempt(t, shared.issuer, "profile", "offline_access", "credential_offer")}
	token, err := p.a.exchange(p.a.logIn(t, p.b, somebody))
	if err != nil {
		t.Fatal(err)
	}
	p.access, p.grantID = token.AccessToken, token.Extra("grant_id").(string)
	p.refresh, p.idToken = token.RefreshToken, token.Extra("id_token").(string)
	p.code = p.a.logIn(t, p.b, somebody)
	p.returning = p.visit(p.a.authorizeURL())
	p.login = p.visit(p.a.authorizeURL(promptConsent()))
	p.consent = p.visit(p.a.authorizeURL(promptConsent()))
	p.consent.page = p.consent.submit(p.consent.page, who())
	p.ownToken, _ = clientToken(t, p.b)
	p.prepareWallet(t)
	return p
}

// visitor is somebody with a page open.
type visitor struct {
	*browser
	page *document
}

func (p *prepared) visit(address string) *visitor {
	b := newBrowser(p.b.t)
	return &visitor{browser: b, page: b.get(address)}
}

func (v *visitor) send(values map[string]string) func() *document {
	return func() *document { return v.submit(v.page, values) }
}

func who() map[string]string { return map[string]string{"individual_id": somebody, "pin": pin} }

// endpoints are the requests by name; each returns the final answer.
func (p *prepared) endpoints() map[string]func() *document {
	at := func(path string) func() *document {
		return func() *document { return p.b.get(shared.issuer + path) }
	}
	own := func(method, path string) func() *document {
		return func() *document { return p.b.authorized(method, shared.issuer+path, p.ownToken, "") }
	}
	return map[string]func() *document{
		"discovery":         at("/.well-known/openid-configuration"),
		"metadata":          at("/.well-known/oauth-authorization-server"),
		"jwks":              at("/jwks.json"),
		"credential issuer": at("/.well-known/openid-credential-issuer"),
		"vc issuer":         at("/.well-known/jwt-vc-issuer"),
		"vc keys":           at("/vci/jwks.json"),
		"status list":       at("/status-lists/0"),
		"signed out":        at("/ui/logout?done=1"),
		"authorize":         func() *document { return newBrowser(p.b.t).get(p.a.authorizeURL()) },
		"sso":               func() *document { return p.direct(p.a.authorizeURL(oauth2.SetAuthURLParam("prompt", "none"))) },
		"par":               p.push,
		"login":             func() *document { return p.login.get(p.login.page.url.String()) },
		"pin":               p.login.send(who()),
		"returning":         p.returning.send(who()),
		"consent":           p.consent.send(map[string]string{"decision": "allow"}),
		"token":             func() *document { return p.b.post(shared.issuer+"/token", p.tokenForm()) },
		"refresh":           func() *document { return p.b.post(shared.issuer+"/token", p.refreshForm()) },
		"client":            func() *document { _, answer := clientToken(p.b.t, p.b); return answer },
		"introspect":        func() *document { return p.b.post(shared.issuer+"/introspect", authenticated("token", p.access)) },
		"revoke":            func() *document { return p.b.post(shared.issuer+"/revoke", authenticated("token", "nothing")) },
		"userinfo": func() *document {
			return p.b.authorized(http.MethodGet, shared.issuer+"/userinfo", p.access, "")
		},
		"grants":        own(http.MethodGet, "/grants/"+p.grantID),
		"logout":        func() *document { return p.direct(shared.issuer + "/logout") },
		"nonce":         func() *document { return p.b.post(shared.issuer+"/vci/nonce", nil) },
		"offer":         func() *document { return p.b.get(p.offer) },
		"credential":    p.credential,
		"esignet csrf":  at("/v1/esignet/csrf/token"),
		"esignet keys":  at("/v1/esignet/oauth/.well-known/jwks.json"),
		"esignet begin": p.esignetDetails,
	}
}

// direct does not follow the redirect, whose target is another endpoint.
func (p *prepared) direct(address string) *document {
	other := *p.b
	client := *p.b.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	other.client = &client
	return other.get(address)
}

// authenticated is a form of the client's.
func authenticated(pairs ...string) url.Values {
	form := url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion(clientID, nil)},
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

func (p *prepared) tokenForm() url.Values {
	return authenticated("grant_type", "authorization_code", "code", p.code, "redirect_uri", shared.callback, "code_verifier", p.a.verifier)
}

func (p *prepared) refreshForm() url.Values {
	return authenticated("grant_type", "refresh_token", "refresh_token", p.refresh)
}

func (p *prepared) push() *document {
	request, err := url.Parse(p.a.authorizeURL())
	if err != nil {
		p.b.t.Fatal(err)
	}
	form := authenticated()
	for name, values := range request.Query() {
		form[name] = values
	}
	return p.b.post(shared.issuer+"/par", form)
}

// TestOutagesAreHonest takes one part away after the other and asks every
// endpoint: what needs the part says 503 with Retry-After, what does not need
// it works, and nothing ever turns into a verdict. When the part is back,
// everything works again without a restart.
func TestOutagesAreHonest(t *testing.T) {
	rig := shared.rig
	for _, test := range []struct {
		part        string
		lose, bring func() error
		// dependency is what readiness then names; empty when a copy is left.
		dependency string
		// refused names what needs the part.
		refused string
	}{
		{"postgres killed", rig.Postgres.Kill, start(rig.Postgres.Process), "postgres", "consent, grants, credential"},
		{"postgres frozen", rig.Postgres.Freeze, rig.Postgres.Thaw, "postgres", "consent, grants, credential"},
		{"standby killed", rig.Standby.Kill, start(rig.Standby.Process), "", ""},
		{"standby frozen", rig.Standby.Freeze, rig.Standby.Thaw, "", ""},
		{"redis killed", rig.Redis.Server.Kill, start(rig.Redis.Server), "redis", "esignet begin"},
		{"redis frozen", rig.Redis.Server.Freeze, rig.Redis.Server.Thaw, "redis", "esignet begin"},
		{"etcd killed", rig.Etcd.Members[0].Kill, start(rig.Etcd.Members[0]), "etcd", "par, token, refresh, client, introspect, revoke"},
		{"etcd frozen", rig.Etcd.Members[0].Freeze, rig.Etcd.Members[0].Thaw, "etcd", "par, token, refresh, client, introspect, revoke"},
		{"hsm gone", rig.StopHSM, rig.StartHSM, "hsm", "token, refresh, client"},
		{"authenticator killed", shared.killPlugins, nothing, "", ""},
	} {
		t.Run(test.part, func(t *testing.T) {
			p := prepare(t)
			if err := test.lose(); err != nil {
				t.Fatal(err)
			}
			told := make(chan error, 1)
			go func() { told <- tellsTheTruth(t.Context(), test.dependency) }()
			p.check(t, strings.Split(test.refused, ", "))
			if err := <-told; err != nil {
				t.Error(err)
			}
			if err := test.bring(); err != nil {
				t.Fatal(err)
			}
			recovered(t, p)
		})
	}
}

func nothing() error { return nil }

// tellsTheTruth waits at most 5 s until the readiness of both zones names
// dependency as down, while liveness never moves.
func tellsTheTruth(ctx context.Context, dependency string) error {
	for _, z := range shared.zones {
		named := func() error {
			if err := shared.ops(ctx, z.provider.Ops.Listen, "/livez"); err != nil {
				return fmt.Errorf("liveness moved: %w", err)
			}
			body, status, err := shared.opsBody(ctx, z.provider.Ops.Listen, "/readyz")
			if err != nil {
				return err
			}
			if dependency != "" && (status != http.StatusServiceUnavailable || !strings.Contains(body, dependency)) {
				return fmt.Errorf("readiness does not name %s: %d %s", dependency, status, body)
			}
			return nil
		}
		if err := await(ctx, 5*time.Second, named); err != nil {
			return err
		}
	}
	return nil
}

func start(process *realtest.Process) func() error {
	return func() error { return process.Start(context.Background()) }
}

// check asks all endpoints at once, as users do.
func (p *prepared) check(t *testing.T, refused []string) {
	t.Helper()
	var group sync.WaitGroup
	for name, ask := range p.endpoints() {
		group.Go(func() {
			started := time.Now()
			answer := ask()
			mustRefuse := false
			for _, other := range refused {
				mustRefuse = mustRefuse || other == name
			}
			switch {
			case isVerdict(answer):
				t.Errorf("%s gives a verdict: %d %s %s", name, answer.status, answer.location, answer.body)
			case mustRefuse && (answer.status != http.StatusServiceUnavailable || answer.header.Get("Retry-After") == ""):
				t.Errorf("%s says %d (Retry-After %q), want 503: %.200s", name, answer.status, answer.header.Get("Retry-After"), answer.body)
			case !mustRefuse && answer.status >= http.StatusBadRequest:
				t.Errorf("%s says %d, and does not need the part: %.200s", name, answer.status, answer.body)
			}
			if elapsed := time.Since(started); elapsed > 8*time.Second {
				t.Errorf("%s took %s", name, elapsed)
			}
		})
	}
	group.Wait()
}

// isVerdict reports whether an answer blames the request, which was good.
func isVerdict(answer *document) bool {
	if strings.Contains(answer.location, "error=") {
		return !strings.Contains(answer.location, "error=temporarily_unavailable")
	}
	for _, word := range []string{`"error":"invalid_`, `"error":"access_denied"`, `"error":"login_required"`, `"active":false`, `"error":"credential_request_denied"`, `"errorCode":"`} {
		if strings.Contains(answer.body, word) && !strings.Contains(answer.body, "temporarily_unavailable") && answer.status != http.StatusServiceUnavailable {
			return true
		}
	}
	return false
}

// recovered waits until a whole login works, then looks at what the outage
// left behind.
func recovered(t *testing.T, p *prepared) {
	t.Helper()
	if err := shared.awaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	healthy := func() error {
		for name, ask := range p.endpoints() {
			if answer := ask(); answer.status == http.StatusServiceUnavailable {
				return fmt.Errorf("%s still says 503", name)
			}
		}
		return nil
	}
	if err := await(t.Context(), 15*time.Second, healthy); err != nil {
		t.Fatal(err)
	}
	p.a.code(t, p.consent.send(map[string]string{"decision": "allow"})())
	if _, err := p.a.exchange(p.a.logIn(t, p.b, somebody)); err != nil {
		t.Errorf("login after the outage: %v", err)
	}
}

// TestCodeSurvivesASignatureThatFails: nothing was issued for the code, so it
// is as good as before.
func TestCodeSurvivesASignatureThatFails(t *testing.T) {
	p := prepare(t)
	if err := shared.rig.StopHSM(); err != nil {
		t.Fatal(err)
	}
	answer := p.b.post(shared.issuer+"/token", p.tokenForm())
	if err := shared.rig.StartHSM(); err != nil {
		t.Fatal(err)
	}
	if answer.status != http.StatusServiceUnavailable {
		t.Errorf("token without HSM: %d %s", answer.status, answer.body)
	}
	if err := shared.awaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.a.exchange(p.code); err != nil {
		t.Errorf("code after a failed signature: %v", err)
	}
}

func TestHSMSessionsDropped(t *testing.T) {
	p := prepare(t)
	raw := pkcs11.New(testrig.Module)
	slots, err := raw.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		if err := raw.CloseAllSessions(slot); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.a.exchange(p.code); err != nil {
		t.Errorf("redeem after all HSM sessions were dropped: %v", err)
	}
}

// loseEverything takes every part away; the function it returns brings them
// back in the worst order, one by one.
func (s *site) loseEverything(t *testing.T) (bring func()) {
	t.Helper()
	rig := s.rig
	for _, lose := range []func() error{
		rig.Postgres.Kill, rig.Standby.Kill, rig.Redis.Server.Kill, rig.Redis.Sentinel.Kill, rig.Etcd.Members[0].Kill, rig.StopHSM,
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		t.Helper()
		for _, bring := range []func() error{
			rig.StartHSM, start(rig.Redis.Sentinel), start(rig.Redis.Server), start(rig.Etcd.Members[0]),
			start(rig.Postgres.Process), start(rig.Standby.Process),
		} {
			if err := bring(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.awaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStartsBeforeItsStores starts a provider while everything it needs is
// away.
func TestStartsBeforeItsStores(t *testing.T) {
	rig := shared.rig
	bring := shared.loseEverything(t)
	config, err := rig.Config("c", shared.issuer)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- identity.Run(ctx, config, logs()) }()
	alive := func() error { return shared.ops(ctx, config.Ops.Listen, "/livez") }
	if err := await(ctx, 10*time.Second, alive); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/readyz", "/lb-check"} {
		if err := shared.ops(ctx, config.Ops.Listen, path); err == nil {
			t.Errorf("%s says yes without any store", path)
		}
	}
	bring()
	if err := await(ctx, 20*time.Second, func() error { return shared.ops(ctx, config.Ops.Listen, "/readyz") }); err != nil {
		t.Error(err)
	}
	stopped := time.Now()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if took := time.Since(stopped); took > 5*time.Second {
		t.Errorf("stopping took %s, more than 5 s", took)
	}
	if err := shared.awaitReady(t.Context()); err != nil {
		t.Errorf("providers that were there all the time: %v", err)
	}
}

// TestDrain: balancers learn first, requests are served meanwhile.
func TestDrain(t *testing.T) {
	config, err := shared.rig.Config("d", shared.issuer)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- identity.Run(ctx, config, logs()) }()
	check := func() error { return shared.ops(t.Context(), config.Ops.Listen, "/lb-check") }
	if err := await(t.Context(), 10*time.Second, check); err != nil {
		t.Fatal(err)
	}
	stop()
	refusing := func() error {
		body, status, err := shared.opsBody(t.Context(), config.Ops.Listen, "/lb-check")
		if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(body, "draining") {
			return fmt.Errorf("lb-check while draining: %d %s: %w", status, body, err)
		}
		return nil
	}
	if err := await(t.Context(), 600*time.Millisecond, refusing); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
