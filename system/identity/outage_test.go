package identity_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"tocsin/system/identity"
	"tocsin/system/identity/testrig"
)

// prepared is everything made ready before an outage, so that each endpoint
// gets input in it that a control run shows to be good.
type prepared struct {
	b                 *browser
	a                 *attempt
	loginForm         *document
	consentForm       *document
	code, accessToken string
	grantID, ownToken string
}

func prepare(t *testing.T) *prepared {
	t.Helper()
	p := &prepared{b: newBrowser(t), a: newAttempt(t, shared.issuer, "profile")}
	token, err := p.a.exchange(p.a.logIn(t, p.b, "2000000010"))
	if err != nil {
		t.Fatal(err)
	}
	p.accessToken, p.grantID = token.AccessToken, token.Extra("grant_id").(string)
	p.code = p.a.logIn(t, p.b, "2000000010")
	p.loginForm = p.b.get(p.a.authorizeURL(promptConsent()))
	who := map[string]string{"individual_id": "2000000010", "pin": pin}
	p.consentForm = p.b.submit(p.b.get(p.a.authorizeURL(promptConsent())), who)
	p.ownToken, _ = clientToken(t, p.b)
	return p
}

// endpoints are the requests by name; each returns the final answer.
func (p *prepared) endpoints() map[string]func() *document {
	return map[string]func() *document{
		"discovery": func() *document { return p.b.get(shared.issuer + "/.well-known/openid-configuration") },
		"jwks":      func() *document { return p.b.get(shared.issuer + "/jwks.json") },
		"authorize": func() *document { return p.direct(p.a.authorizeURL()) },
		"login":     func() *document { return p.b.get(p.loginForm.url.String()) },
		"pin": func() *document {
			return p.b.submit(p.loginForm, map[string]string{"individual_id": "2000000010", "pin": pin})
		},
		"consent":  func() *document { return p.b.submit(p.consentForm, map[string]string{"decision": "allow"}) },
		"token":    func() *document { return p.b.post(shared.issuer+"/token", p.tokenForm()) },
		"client":   func() *document { _, answer := clientToken(p.b.t, p.b); return answer },
		"userinfo": func() *document { return p.b.authorized(http.MethodGet, shared.issuer+"/userinfo", p.accessToken) },
		"grants": func() *document {
			return p.b.authorized(http.MethodGet, shared.issuer+"/grants/"+p.grantID, p.ownToken)
		},
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

func (p *prepared) tokenForm() url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {p.code}, "redirect_uri": {shared.callback}, "code_verifier": {p.a.verifier},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion(clientID, nil)},
	}
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
		refused     string
		// forgets is true when the part comes back without its data.
		forgets bool
	}{
		{"postgres killed", rig.Postgres.Kill, start(rig.Postgres), "pin consent userinfo grants", false},
		{"postgres frozen", rig.Postgres.Freeze, rig.Postgres.Thaw, "pin consent userinfo grants", false},
		{"redis killed", rig.Redis.Kill, start(rig.Redis), "authorize login pin consent token client", true},
		{"redis frozen", rig.Redis.Freeze, rig.Redis.Thaw, "authorize login pin consent token client", false},
		{"etcd killed", rig.Etcd.Kill, start(rig.Etcd), "consent token", false},
		{"etcd frozen", rig.Etcd.Freeze, rig.Etcd.Thaw, "consent token", false},
		{"hsm gone", rig.StopHSM, rig.StartHSM, "token client", false},
	} {
		t.Run(test.part, func(t *testing.T) {
			p := prepare(t)
			if err := test.lose(); err != nil {
				t.Fatal(err)
			}
			p.check(t, strings.Fields(test.refused))
			if err := test.bring(); err != nil {
				t.Fatal(err)
			}
			recovered(t, p, test.forgets)
		})
	}
}

func start(process *testrig.Process) func() error {
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
			case strings.Contains(answer.body, `"invalid_`) || strings.Contains(answer.location, "error="):
				t.Errorf("%s gives a verdict: %d %s %s", name, answer.status, answer.location, answer.body)
			case mustRefuse && (answer.status != http.StatusServiceUnavailable || answer.header.Get("Retry-After") == ""):
				t.Errorf("%s says %d (Retry-After %q), want 503: %.200s", name, answer.status, answer.header.Get("Retry-After"), answer.body)
			case !mustRefuse && answer.status != http.StatusOK && answer.status != http.StatusSeeOther:
				t.Errorf("%s says %d, and does not need the part: %.200s", name, answer.status, answer.body)
			}
			if elapsed := time.Since(started); elapsed > 8*time.Second {
				t.Errorf("%s took %s", name, elapsed)
			}
		})
	}
	group.Wait()
}

// recovered waits until a whole login works, then looks at what the outage
// left behind.
func recovered(t *testing.T, p *prepared, forgets bool) {
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
	if !forgets {
		p.a.code(t, p.b.submit(p.consentForm, map[string]string{"decision": "allow"}))
	}
	if _, err := p.a.exchange(p.a.logIn(t, p.b, "2000000010")); err != nil {
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

func TestLostTransactionLeadsBack(t *testing.T) {
	p := prepare(t)
	if err := errors.Join(shared.rig.Redis.Kill(), shared.rig.Redis.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := shared.awaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The last transaction this browser began is the one of the consent form.
	var answer *document
	answered := func() error {
		answer = p.b.get(p.consentForm.url.String())
		if answer.status == http.StatusServiceUnavailable {
			return errors.New("still 503")
		}
		return nil
	}
	if err := await(t.Context(), 15*time.Second, answered); err != nil {
		t.Fatal(err)
	}
	if answer.status != http.StatusGone || !strings.Contains(answer.body, shared.callback+"?error=temporarily_unavailable") {
		t.Errorf("lost transaction: %d %.900s", answer.status, answer.body)
	}
}

// TestStartsBeforeItsStores starts a provider while everything it needs is
// away, and brings the parts in the worst order, one by one.
func TestStartsBeforeItsStores(t *testing.T) {
	rig := shared.rig
	for _, lose := range []func() error{rig.Postgres.Kill, rig.Redis.Kill, rig.Sentinel.Kill, rig.Etcd.Kill, rig.StopHSM} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
	}
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
	for _, bring := range []func() error{rig.StartHSM, start(rig.Sentinel), start(rig.Redis), start(rig.Etcd), start(rig.Postgres)} {
		if err := bring(); err != nil {
			t.Fatal(err)
		}
	}
	if err := await(ctx, 20*time.Second, func() error { return shared.ops(ctx, config.Ops.Listen, "/readyz") }); err != nil {
		t.Error(err)
	}
	stopped := time.Now()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if took := time.Since(stopped); took > 2*time.Second {
		t.Errorf("stopping took %s, more than 2 s", took)
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
