package identity_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	acrPIN    = "mosip:idp:acr:static-code"
	acrOTP    = "mosip:idp:acr:generated-code"
	acrWallet = "mosip:idp:acr:linked-wallet"
)

func TestWithoutAPageTheClientHearsWhatIsMissing(t *testing.T) {
	t.Parallel()
	p, other, b := newParty(t, clientID), newParty(t, "other"), newBrowser(t)
	if told := p.silent(b, here(), "openid profile"); told != "login_required" {
		t.Errorf("nobody has logged in: %q", told)
	}
	p.ask("openid profile").obtain(b, "2000000140")
	both := p.ask("openid", "prompt", "none login")
	if told := both.callback(b.get(both.at(there()))).Get("error"); told != "invalid_request" {
		t.Errorf("no page and a login page: %q", told)
	}
	for _, gateway := range gateways() {
		for name, test := range map[string]struct{ got, want string }{
			"known consent":        {p.silent(b, gateway, "openid profile"), ""},
			"less than known":      {p.silent(b, gateway, "openid"), ""},
			"a wider scope":        {p.silent(b, gateway, "openid profile email"), "consent_required"},
			"a client never seen":  {other.silent(b, gateway, "openid profile"), "consent_required"},
			"a session too old":    {p.silent(b, gateway, "openid", "max_age", "0"), "login_required"},
			"a session young":      {p.silent(b, gateway, "openid", "max_age", "600"), ""},
			"a factor not shown":   {p.silent(b, gateway, "openid", "acr_values", acrOTP), "login_required"},
			"the factor shown":     {p.silent(b, gateway, "openid", "acr_values", acrPIN), ""},
			"a factor of no use":   {p.silent(b, gateway, "openid", "acr_values", "unknown"), ""},
			"another browser":      {p.silent(newBrowser(t), gateway, "openid"), "login_required"},
			"an essential acr":     {p.silent(b, gateway, "openid", "claims", `{"id_token":{"acr":{"essential":true,"values":["`+acrOTP+`"]}}}`), "login_required"},
			"an acr nobody offers": {p.silent(b, gateway, "openid", "claims", `{"id_token":{"acr":{"essential":true,"value":"gold"}}}`), "unmet_authentication_requirements"},
		} {
			if test.got != test.want {
				t.Errorf("%s at %s: %q, want %q", name, gateway, test.got, test.want)
			}
		}
	}
}

func TestASessionIsRenewedWhenTheClientWantsAFreshLogin(t *testing.T) {
	t.Parallel()
	p, b := newParty(t, clientID), newBrowser(t)
	before := claims(t, p.ask("openid", "max_age", "600").obtain(b, "2000000141").ID)
	if age := time.Since(time.Unix(int64(before["auth_time"].(float64)), 0)); age < 0 || age > time.Minute {
		t.Errorf("logged in %s ago", age)
	}
	same := p.ask("openid", "max_age", "600")
	kept := claims(t, same.redeemed(there(), same.code(b.get(same.at(there())))).ID)
	if kept["auth_time"] != before["auth_time"] || kept["sid"] != before["sid"] {
		t.Errorf("without a login the session changed: %v, was %v", kept, before)
	}
	for name, pairs := range map[string][]string{"prompt=login": {"prompt", "login"}, "max_age=0": {"max_age", "0"}} {
		again := p.ask("openid", pairs...)
		page := b.get(again.at(there()))
		if !page.fields.Has("pin") {
			t.Errorf("%s shows no login page: %d %s %q", name, page.status, page.url, page.location)
			continue
		}
		seen := b.submit(page, map[string]string{"individual_id": "2000000141", "pin": pin})
		renewed := claims(t, again.redeemed(here(), again.code(seen)).ID)
		if renewed["sid"] == before["sid"] || renewed["sub"] != before["sub"] {
			t.Errorf("%s: session %v, was %v", name, renewed, before)
		}
	}
}

func TestALoginIsAboutThePersonOfTheHint(t *testing.T) {
	t.Parallel()
	p, b := newParty(t, clientID), newBrowser(t)
	own := p.ask("openid").obtain(b, "2000000142").ID
	foreign := p.obtain("openid", "2000000143").ID
	pairwise := newParty(t, "sector-one").obtain("openid", "2000000142").ID
	for name, test := range map[string]struct{ hint, want string }{
		"their own":              {own, ""},
		"of somebody else":       {foreign, "login_required"},
		"of another client":      {pairwise, "login_required"},
		"that is no ID token":    {"x", "login_required"},
		"with another signature": {own[:len(own)-4] + "AAAA", "login_required"},
	} {
		for _, gateway := range gateways() {
			if got := p.silent(b, gateway, "openid", "id_token_hint", test.hint); got != test.want {
				t.Errorf("a hint %s at %s: %q, want %q", name, gateway, got, test.want)
			}
		}
	}
	a := p.ask("openid", "id_token_hint", foreign)
	page := b.get(a.at(there()))
	if !page.fields.Has("pin") {
		t.Fatalf("no login page for somebody else: %d %q", page.status, page.location)
	}
	wrong := b.submit(page, map[string]string{"individual_id": "2000000142", "pin": pin})
	if told := a.callback(wrong); told.Get("error") != "login_required" {
		t.Errorf("the wrong person logged in: %v", told)
	}
	right := a.redeemed(here(), a.code(b.logIn(b.get(a.at(there())), "2000000143")))
	if claims(t, right.ID)["sub"] != claims(t, foreign)["sub"] {
		t.Error("the right person logged in and is another")
	}
	subject := claims(t, own)["sub"].(string)
	if got := p.silent(b, here(), "openid", "claims", `{"id_token":{"sub":{"value":"`+subject+`"}}}`); got != "login_required" {
		t.Errorf("a value of sub that is not who is logged in now: %q", got)
	}
}

func TestAClientOffersTheFactorsItAsksFor(t *testing.T) {
	t.Parallel()
	p, b := newParty(t, clientID), newBrowser(t)
	p.ask("openid").obtain(b, "2000000144")
	a := p.ask("openid", "acr_values", acrOTP)
	page := b.get(a.at(there()))
	if page.fields.Has("pin") || !strings.HasSuffix(page.action, "/otp/send") || page.status != http.StatusOK {
		t.Fatalf("the page does not ask for a one-time code: %d %s", page.status, page.action)
	}
	got := claims(t, a.redeemed(here(), a.code(b.byOTP(page, "2000000144"))).ID)
	if got["acr"] != acrOTP || got["amr"].([]any)[0] != "otp" {
		t.Errorf("logged in by code: acr %v, amr %v", got["acr"], got["amr"])
	}
	for acr, want := range map[string]string{acrOTP: "", acrPIN: "login_required", acrPIN + " " + acrOTP: ""} {
		if told := p.silent(b, there(), "openid", "acr_values", acr); told != want {
			t.Errorf("asked for %s: %q, want %q", acr, told, want)
		}
	}
}
