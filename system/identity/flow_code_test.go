package identity_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"tocsin/system/identity"
)

func TestACodeReplayedInTheOtherZoneEndsWhatItGave(t *testing.T) {
	t.Parallel()
	p, b := newParty(t, clientID), newBrowser(t)
	a := p.ask("openid profile")
	code := a.code(b.logIn(b.get(a.at(there())), "2000000110"))
	got := a.redeemed(here(), code)
	renewed := p.refresh(there(), got.Refresh)
	p.mustLive(got.Access, renewed.Access)
	if again := a.redeem(there(), code); again.Error != "invalid_grant" || again.answer.status != http.StatusBadRequest {
		t.Errorf("replay: %d %s", again.answer.status, again.answer.body)
	}
	p.mustDie(got.Access, renewed.Access, renewed.Refresh)
	if again := p.refresh(here(), renewed.Refresh); again.Error != "invalid_grant" {
		t.Errorf("refresh after the replay: %d %s", again.answer.status, again.answer.body)
	}
}

func TestACodeIsOnlyOfUseToWhomItWasGiven(t *testing.T) {
	t.Parallel()
	p := newParty(t, clientID)
	a := p.ask("openid")
	b := newBrowser(t)
	code := a.code(b.logIn(b.get(a.at(here())), "2000000111"))
	other := newParty(t, "other")
	for name, test := range map[string]struct {
		got  *tokens
		want string
	}{
		"another client":         {other.token(there(), a.grant(code)...), "invalid_grant"},
		"another verifier":       {p.token(there(), append(a.grant(code), "code_verifier", strings.Repeat("v", 43))...), "invalid_grant"},
		"no verifier":            {p.token(there(), append(a.grant(code), "code_verifier", "")...), "invalid_grant"},
		"another redirect URI":   {p.token(there(), append(a.grant(code), "redirect_uri", shared.callback+"/x")...), "invalid_grant"},
		"a changed code":         {p.token(there(), append(a.grant(code), "code", code[1:])...), "invalid_grant"},
		"no authentication":      {p.token(there(), append(a.grant(code), "client_assertion", "")...), "invalid_client"},
		"another one's password": {p.token(there(), append(a.grant(code), "client_assertion", assertion("other", nil))...), "invalid_client"},
	} {
		if test.got.Error != test.want {
			t.Errorf("%s: %d %s, want %s", name, test.got.answer.status, test.got.answer.body, test.want)
		}
	}
	a.redeemed(there(), code) // none of them used it up
}

func TestACodeBoundToAKeyNeedsThatKey(t *testing.T) {
	t.Parallel()
	p, b := proving(t, clientID), newBrowser(t)
	a := p.ask("openid", "dpop_jkt", p.thumbprint())
	code := a.code(b.logIn(b.get(a.at(here())), "2000000112"))
	thief := proving(t, clientID)
	if got := thief.token(there(), a.grant(code)...); got.Error != "invalid_grant" {
		t.Errorf("another key: %d %s", got.answer.status, got.answer.body)
	}
	if got := newParty(t, clientID).token(here(), a.grant(code)...); got.Error != "invalid_grant" {
		t.Errorf("no key: %d %s", got.answer.status, got.answer.body)
	}
	got := a.redeemed(there(), code)
	if got.Type != "DPoP" || claims(t, got.Access)["cnf"].(map[string]any)["jkt"] != p.thumbprint() {
		t.Errorf("%s token for %v", got.Type, claims(t, got.Access)["cnf"])
	}
	p.mustLive(got.Access)
	if answer := thief.fetch(http.MethodGet, here(), "/userinfo", got.Access, ""); !refusedToken(answer, "invalid_token") {
		t.Errorf("userinfo with another key: %d %s", answer.status, answer.body)
	}
	if answer := p.authorized(http.MethodGet, there()+"/userinfo", got.Access, ""); !refusedToken(answer, "invalid_token") {
		t.Errorf("userinfo as a bearer token: %d %s", answer.status, answer.body)
	}
	stale := p.proof(http.MethodGet, "/userinfo", got.Access+"x")
	if answer := p.fetchProof(http.MethodGet, there(), "/userinfo", got.Access, "", stale); !refusedToken(answer, "invalid_dpop_proof") {
		t.Errorf("userinfo with a proof for another token: %d %s", answer.status, answer.body)
	}
}

// refusedToken reports whether a resource refused with 401 and a challenge that
// says why (RFC 6750, 3; RFC 9449, 7.1).
func refusedToken(answer *document, kind string) bool {
	challenge := strings.Join(answer.header.Values("WWW-Authenticate"), ", ")
	return answer.status == http.StatusUnauthorized && strings.Contains(challenge, `error="`+kind+`"`)
}

func TestOneProofInBothZonesIsTakenOnce(t *testing.T) {
	t.Parallel()
	p := proving(t, clientID)
	access := p.obtain("openid", "2000000113").Access
	proof := p.proof(http.MethodGet, "/userinfo", access)
	answers := make([]*document, 50)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			answers[i] = p.fetchProof(http.MethodGet, gateways()[i%2], "/userinfo", access, "", proof)
		})
	}
	group.Wait()
	taken := 0
	for _, answer := range answers {
		if answer.status == http.StatusOK {
			taken++
			continue
		}
		if !refusedToken(answer, "invalid_dpop_proof") && !honest(answer) {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	}
	if taken != 1 {
		t.Errorf("one proof was taken %d times", taken)
	}
	atToken := p.proof(http.MethodPost, "/token", "")
	for i, want := range []string{"", "invalid_dpop_proof"} {
		form := p.form("grant_type", "client_credentials", "scope", "grant_management_query")
		if got := tokensIn(t, p.sendProof(gateways()[i], "/token", form, atToken)); got.Error != want {
			t.Errorf("use %d of a proof at the token endpoint: %d %s", i, got.answer.status, got.answer.body)
		}
	}
}

func TestAProviderMayRequireNoncesInProofs(t *testing.T) {
	t.Parallel()
	strict := startProvider(t, "n", func(config *identity.Config) { config.DPoP.RequireNonce = true })
	p, b := proving(t, clientID), newBrowser(t)
	a := p.ask("openid")
	code := a.code(b.logIn(b.get(a.at(here())), "2000000114"))
	first := a.redeem(strict, code)
	if first.Error != "use_dpop_nonce" || first.answer.status != http.StatusBadRequest || first.answer.header.Get("DPoP-Nonce") == "" {
		t.Fatalf("without a nonce: %d %s", first.answer.status, first.answer.body)
	}
	p.nonce = "invented"
	if got := a.redeem(strict, code); got.Error != "use_dpop_nonce" {
		t.Errorf("with a nonce that nobody gave out: %d %s", got.answer.status, got.answer.body)
	}
	p.nonce = first.answer.header.Get("DPoP-Nonce")
	got := a.redeemed(strict, code)
	p.nonce = ""
	answer := p.fetch(http.MethodGet, strict, "/userinfo", got.Access, "")
	if !refusedToken(answer, "use_dpop_nonce") || answer.header.Get("DPoP-Nonce") == "" {
		t.Errorf("userinfo without a nonce: %d %s", answer.status, answer.body)
	}
	p.nonce = answer.header.Get("DPoP-Nonce")
	for _, gateway := range append(gateways(), strict) {
		if answer := p.fetch(http.MethodGet, gateway, "/userinfo", got.Access, ""); answer.status != http.StatusOK {
			t.Errorf("userinfo with a nonce at %s: %d %s", gateway, answer.status, answer.body)
		}
	}
}
