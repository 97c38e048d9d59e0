package esignet

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
)

func (p *page) code(request map[string]any) string {
	p.t.Helper()
	got := p.post("/authorization/auth-code", request)
	var response struct{ Nonce, State, Code, RedirectURI string }
	if err := json.Unmarshal(got.response, &response); err != nil || got.status != 200 {
		p.t.Fatalf("auth-code: %d %s", got.status, got.body)
	}
	if response.Nonce != "n-1" || response.State != "s-1" || response.RedirectURI != redirect {
		p.t.Errorf("auth-code gave %+v", response)
	}
	return response.Code
}

func (p *page) action(got *reply) string {
	p.t.Helper()
	var response struct{ TransactionID, ConsentAction string }
	if err := json.Unmarshal(got.response, &response); err != nil || got.status != 200 || response.TransactionID != p.key {
		p.t.Fatalf("authenticate: %d %s", got.status, got.body)
	}
	return response.ConsentAction
}

func TestLogin(t *testing.T) {
	g := newRig(t)
	p := visit(t, g)
	var shown details
	if err := json.Unmarshal(p.begin(), &shown); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(shown.EssentialClaims, "name") || !slices.Contains(shown.VoluntaryClaims, "email") {
		t.Errorf("claims %v, %v", shown.EssentialClaims, shown.VoluntaryClaims)
	}
	if len(shown.AuthFactors) != 2 || shown.AuthFactors[0][0].Type != "OTP" {
		t.Errorf("factors %v: not those asked for, in their order", shown.AuthFactors)
	}
	if shown.ClientName["@none"] != "Relying Party" || shown.ClientName["nob"] != "Kunde" {
		t.Errorf("names %v", shown.ClientName)
	}
	if !slices.Equal(shown.AuthorizeScopes, []string{"records"}) {
		t.Errorf("scopes %v", shown.AuthorizeScopes)
	}

	sent := p.post("/authorization/send-otp", map[string]any{"transactionId": p.key, "individualId": "1001", "otpChannels": []string{"email"}})
	if sent.status != 200 || !strings.Contains(string(sent.response), `"maskedMobile":"***12"`) {
		t.Fatalf("send-otp: %d %s", sent.status, sent.body)
	}
	otp := map[string]any{"transactionId": p.key, "individualId": "1001", "challengeList": []map[string]string{
		{"authFactorType": "OTP", "challenge": "111111", "format": "alpha-numeric"},
	}}
	if action := p.action(p.post("/authorization/v3/authenticate", otp)); action != "CAPTURE" {
		t.Errorf("first login: %s", action)
	}
	status := p.send(p.request("GET", "/authorization/claim-details", ""))
	if !strings.Contains(string(status.response), `{"claim":"name","verified":false,"available":true}`) || !strings.Contains(string(status.response), `{"claim":"gender","verified":false,"available":false}`) {
		t.Errorf("claim-details: %d %s", status.status, status.body)
	}
	allow := map[string]any{"transactionId": p.key, "acceptedClaims": []string{"name", "email"}}
	first, again := p.code(allow), p.code(allow)
	one, err := g.codes.Open(first)
	if err != nil {
		t.Fatal(err)
	}
	other, err := g.codes.Open(again)
	if err != nil || one.ID != other.ID {
		t.Errorf("asked again, the step gave another code: %v", err)
	}
	if one.ACR != "mosip:idp:acr:generated-code" || one.CodeChallenge != pkce || slices.Contains(one.Scopes, "records") || slices.Contains(one.Allowed, "gender") || !slices.Contains(one.Allowed, "email") {
		t.Errorf("code for %+v", one)
	}
}

func TestKnownConsentIsNotAskedForAgain(t *testing.T) {
	g := newRig(t)
	for i, want := range []string{"CAPTURE", "NOCAPTURE"} {
		p := visit(t, g)
		p.begin()
		if action := p.action(p.post("/authorization/v2/authenticate", p.auth("1001", "111111"))); action != want {
			t.Fatalf("login %d: %s", i, action)
		}
		allow := map[string]any{"transactionId": p.key}
		if want == "CAPTURE" {
			allow["acceptedClaims"], allow["permittedAuthorizeScopes"] = []string{"name"}, []string{"records"}
		}
		opened, err := g.codes.Open(p.code(allow))
		if err != nil || !slices.Contains(opened.Scopes, "records") {
			t.Errorf("login %d: code for %+v, %v", i, opened, err)
		}
	}
}

func TestFirstVersionTellsNoAction(t *testing.T) {
	p := visit(t, newRig(t))
	p.begin()
	if got := p.post("/authorization/authenticate", p.auth("1001", "111111")); got.status != 200 || strings.Contains(got.body, "consentAction") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestPushedRequestBeginsALogin(t *testing.T) {
	p := visit(t, newRig(t))
	good := p.post("/authorization/par-oauth-details", map[string]any{"clientId": "rp", "requestUri": "urn:ietf:params:oauth:request_uri:good"})
	if good.status != 200 || !strings.Contains(good.body, `"redirectUri":"https://rp.example/cb"`) {
		t.Errorf("%d %s", good.status, good.body)
	}
	for _, uri := range []string{"urn:ietf:params:oauth:request_uri:bad", "https://rp.example/request", ""} {
		if got := p.post("/authorization/par-oauth-details", map[string]any{"clientId": "rp", "requestUri": uri}); got.status != 400 || got.code != "invalid_request" {
			t.Errorf("%q: %d %s", uri, got.status, got.code)
		}
	}
}

func TestResponseIsHashedAsItIsSent(t *testing.T) {
	p := visit(t, newRig(t))
	response := p.begin()
	if !strings.Contains(string(response), `"logoUrl":"https://rp.example/logo?a=1&b=<2>"`) {
		t.Errorf("a page that writes %s again would hash something else", response)
	}
	p.hash += "="
	if got := p.post("/authorization/v2/authenticate", p.auth("1001", "111111")); got.status != 200 {
		t.Errorf("a hash with padding: %d %s", got.status, got.code)
	}
}

func TestAttemptsEnd(t *testing.T) {
	g := newRig(t)
	p := visit(t, g)
	p.begin()
	for range 3 {
		if got := p.post("/authorization/v3/authenticate", p.auth("1001", "0000")); got.status != 422 || got.code != "auth_failed" || got.response != nil {
			t.Fatalf("wrong PIN: %d %s", got.status, got.body)
		}
	}
	got := p.post("/authorization/v3/authenticate", p.auth("1001", "111111"))
	if got.status != 429 || got.code != "no_attempts_left" || got.header.Get("Retry-After") == "" {
		t.Errorf("fourth attempt: %d %s", got.status, got.code)
	}
	p.begin()
	if got := p.post("/authorization/v3/authenticate", p.auth("1001", "111111")); got.status != 429 || got.code != "individual_id_blocked" {
		t.Errorf("same id in another transaction: %d %s", got.status, got.code)
	}
	send := map[string]any{"transactionId": p.key, "individualId": "1001", "otpChannels": []string{"phone"}}
	if got := p.post("/authorization/send-otp", send); got.status != 429 || got.code != "individual_id_blocked" {
		t.Errorf("code for the blocked id: %d %s", got.status, got.code)
	}
	if got := p.post("/authorization/v3/authenticate", p.auth("1002", "111111")); got.status != 200 {
		t.Errorf("another id: %d %s", got.status, got.code)
	}
}

func TestCodesSentEnd(t *testing.T) {
	p := visit(t, newRig(t))
	p.begin()
	send := map[string]any{"transactionId": p.key, "individualId": "1001", "otpChannels": []string{"phone"}}
	for range 3 {
		if got := p.post("/authorization/send-otp", send); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.code)
		}
	}
	if got := p.post("/authorization/send-otp", send); got.status != 429 || got.code != "no_attempts_left" {
		t.Errorf("fourth: %d %s", got.status, got.code)
	}
}

func TestGuessesInParallelAreCounted(t *testing.T) {
	g := newRig(t)
	p := visit(t, g)
	p.begin()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { p.post("/authorization/v3/authenticate", p.auth("1001", "0000")) })
	}
	all.Wait()
	if g.judged > 3 {
		t.Errorf("%d guesses were judged", g.judged)
	}
}

// BenchmarkAuthenticate is the login step of somebody who has consented before,
// with stores in memory.
func BenchmarkAuthenticate(b *testing.B) {
	g := newRig(b)
	p := visit(b, g)
	p.begin()
	p.action(p.post("/authorization/v3/authenticate", p.auth("1001", "111111")))
	p.code(map[string]any{"transactionId": p.key, "acceptedClaims": []string{"name"}})
	b.ReportAllocs()
	for b.Loop() {
		if got := p.post("/authorization/v3/authenticate", p.auth("1001", "111111")); got.status != 200 {
			b.Fatalf("%d %s", got.status, got.body)
		}
	}
}
