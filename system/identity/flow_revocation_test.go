package identity_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/session"
)

func TestIntrospectionInTheOtherZoneTellsWhatATokenIs(t *testing.T) {
	t.Parallel()
	p := proving(t, clientID)
	got := p.obtain("openid profile", "2000000130")
	var told struct {
		Active       bool
		Issuer       string            `json:"iss"`
		Subject      string            `json:"sub"`
		Client       string            `json:"client_id"`
		Scope        string            `json:"scope"`
		Type         string            `json:"token_type"`
		Expires      int64             `json:"exp"`
		Issued       int64             `json:"iat"`
		Confirmation map[string]string `json:"cnf"`
	}
	other := newParty(t, "other")
	answer := other.send(there(), "/introspect", other.form("token", got.Access))
	decode(t, answer, &told)
	switch sub := claims(t, got.ID)["sub"]; {
	case !told.Active || told.Subject != sub || told.Client != clientID || told.Scope != "openid profile" || told.Issuer != shared.issuer,
		told.Type != "DPoP" || told.Confirmation["jkt"] != p.thumbprint() || told.Expires-told.Issued != 300:
		t.Errorf("introspection: %d %s", answer.status, answer.body)
	}
	if other.active(there(), got.Refresh) || !p.active(there(), got.Refresh) {
		t.Error("a refresh token is for its client alone")
	}
	if p.active(here(), got.ID) || p.active(here(), "nothing") {
		t.Error("what is no access or refresh token is active")
	}
	wallet := newParty(t, "wallet")
	for name, form := range map[string]url.Values{
		"a client that cannot authenticate": wallet.form("token", got.Access),
		"nobody":                            {"token": {got.Access}},
	} {
		if answer := p.post(here()+"/introspect", form); answer.status < 400 || answer.status >= 500 {
			t.Errorf("%s: %d %s", name, answer.status, answer.body)
		}
	}
}

func TestARevokedAccessTokenIsDeadInTheOtherZoneAndNothingElse(t *testing.T) {
	t.Parallel()
	p := newParty(t, clientID)
	got := p.obtain("openid", "2000000131")
	renewed := p.refresh(here(), got.Refresh)
	p.mustLive(got.Access, renewed.Access)
	p.revoke(there(), got.Access)
	p.mustDie(got.Access)
	p.mustLive(renewed.Access)
	if again := p.refresh(there(), renewed.Refresh); again.Access == "" {
		t.Errorf("refresh: %d %s", again.answer.status, again.answer.body)
	}
}

func (p *party) revoke(gateway, token string) {
	p.t.Helper()
	if answer := p.send(gateway, "/revoke", p.form("token", token)); answer.status != http.StatusOK {
		p.t.Fatalf("revoke: %d %s", answer.status, answer.body)
	}
}

func TestARevokedRefreshTokenTakesItsFamilyWithIt(t *testing.T) {
	t.Parallel()
	p, other := newParty(t, clientID), newParty(t, "other")
	got := p.obtain("openid", "2000000132")
	renewed := p.refresh(here(), got.Refresh)
	for _, token := range []string{got.Access, renewed.Refresh} {
		answer := other.send(there(), "/revoke", other.form("token", token))
		if answer.status != http.StatusBadRequest || !strings.Contains(answer.body, "invalid_grant") {
			t.Errorf("revoked by another client: %d %s", answer.status, answer.body)
		}
	}
	p.revoke(there(), "nothing") // RFC 7009, 2.2
	p.mustLive(got.Access, renewed.Access)
	p.revoke(there(), renewed.Refresh)
	p.revoke(here(), renewed.Refresh)
	p.mustDie(got.Access, renewed.Access, renewed.Refresh)
	if again := p.refresh(here(), renewed.Refresh); again.Error != "invalid_grant" {
		t.Errorf("refresh: %d %s", again.answer.status, again.answer.body)
	}
}

// sessionCookie is the session that a browser has, or nil.
func (b *browser) sessionCookie() *http.Cookie {
	b.t.Helper()
	address, err := url.Parse(shared.issuer)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, cookie := range b.client.Jar.Cookies(address) {
		if cookie.Name == session.Cookie {
			return &http.Cookie{Name: cookie.Name, Value: cookie.Value, Path: "/", Secure: true}
		}
	}
	return nil
}

// keep puts a cookie back, as a browser does that never heard of a logout.
func (b *browser) keep(cookie *http.Cookie) {
	b.t.Helper()
	address, err := url.Parse(shared.issuer)
	if err != nil {
		b.t.Fatal(err)
	}
	b.client.Jar.SetCookies(address, []*http.Cookie{cookie})
}

// silent asks a zone for a code without a page and returns what the client is
// told: the error, or "" for a code.
func (p *party) silent(b *browser, gateway, scope string, pairs ...string) string {
	p.t.Helper()
	a := p.ask(scope, append(pairs, "prompt", "none")...)
	return a.callback(b.get(a.at(gateway))).Get("error")
}

func TestLogoutEndsTheSessionInBothZonesAndItsTokens(t *testing.T) {
	t.Parallel()
	p, other, b := newParty(t, clientID), newParty(t, "other"), newBrowser(t)
	got, elsewhere := p.ask("openid").obtain(b, "2000000133"), other.ask("openid").obtain(b, "2000000133")
	if claims(t, got.ID)["sid"] != claims(t, elsewhere.ID)["sid"] {
		t.Fatal("two clients of one browser have different sessions")
	}
	otherBrowser := p.obtain("openid", "2000000133")
	offline := p.ask("openid offline_access").obtain(b, "2000000133")
	cookie := b.sessionCookie()
	if cookie == nil || p.silent(b, there(), "openid") != "" {
		t.Fatal("there is no session to end")
	}
	seen := b.get(there() + "/logout?" + url.Values{
		"id_token_hint": {got.ID}, "post_logout_redirect_uri": {shared.callback}, "state": {"bye"},
	}.Encode())
	if seen.status != http.StatusSeeOther || seen.location != shared.callback+"?state=bye" || b.sessionCookie() != nil {
		t.Fatalf("logout: %d %q", seen.status, seen.location)
	}
	b.keep(cookie)
	ended := func() error {
		for _, gateway := range gateways() {
			if told := p.silent(b, gateway, "openid"); told != "login_required" {
				return fmt.Errorf("%s still knows the session: %q", gateway, told)
			}
		}
		return nil
	}
	if err := await(t.Context(), time.Second, ended); err != nil {
		t.Error(err)
	}
	p.mustDie(got.Access, got.Refresh)
	other.mustDie(elsewhere.Access, elsewhere.Refresh)
	if again := p.refresh(there(), got.Refresh); again.Error != "invalid_grant" {
		t.Errorf("refresh: %d %s", again.answer.status, again.answer.body)
	}
	p.mustLive(otherBrowser.Access)
	// Offline access is for when the person is not there.
	p.mustLive(offline.Access)
	if again := p.refresh(there(), offline.Refresh); again.Error != "" || again.Refresh == "" {
		t.Errorf("refresh of offline access: %d %s", again.answer.status, again.answer.body)
	}
}

func TestLogoutWithoutAnIDTokenAsksThePerson(t *testing.T) {
	t.Parallel()
	p, b := newParty(t, clientID), newBrowser(t)
	got := p.ask("openid").obtain(b, "2000000134")
	page := b.get(there() + "/logout?client_id=" + clientID)
	if page.status != http.StatusOK || !strings.Contains(page.body, "Tax Office") {
		t.Fatalf("question: %d %.300s", page.status, page.body)
	}
	stayed := b.submit(page, map[string]string{"decision": "stay"})
	if stayed.status != http.StatusOK || p.silent(b, here(), "openid") != "" {
		t.Errorf("a person who stays is signed out: %d %.300s", stayed.status, stayed.body)
	}
	done := b.submit(page, map[string]string{"decision": "confirm"})
	if done.status != http.StatusOK || !strings.HasSuffix(done.url.String(), "/ui/logout?done=1") {
		t.Errorf("confirmed: %d %s", done.status, done.url)
	}
	if told := p.silent(b, here(), "openid"); told != "login_required" {
		t.Errorf("after the logout: %q", told)
	}
	p.mustDie(got.Access, got.Refresh)
}
