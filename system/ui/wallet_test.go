package ui

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/session"
)

func poll(t *testing.T, p *person) polled {
	t.Helper()
	seen := p.open("/ui/login/wallet?tx=" + tx)
	var told polled
	if err := json.Unmarshal([]byte(seen.body), &told); err != nil || seen.status != 200 {
		t.Fatalf("answered %d %s: %v", seen.status, seen.body, err)
	}
	return told
}

func TestLoginByWallet(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	path := "/ui/login?tx=" + tx + "&by=wallet"
	first := p.open(path)
	first.expect(t, 200, "ABCD EFGH IJKL", `<svg class="qr" role="img"`, `data-poll="/ui/login/wallet?tx=`+tx, `http-equiv="refresh"`)
	second := p.open(path)
	second.expect(t, 200, "ABCD EFGH IJKL")
	var begun int
	for _, call := range u.asked() {
		if call == "/login/wallet/begin" {
			begun++
		}
	}
	if begun != 1 {
		t.Errorf("%d codes for one page that was loaded again", begun)
	}
	if told := poll(t, p); told != (polled{}) {
		t.Errorf("while the wallet waits: %+v", told)
	}
	u.set("/login/wallet/status", answer{503, nil})
	if seen := p.open("/ui/login/wallet?tx=" + tx); seen.status != 503 {
		t.Errorf("while the provider is away: %d", seen.status)
	}
	u.set("/login/wallet/status", answer{200, Next{State: "state2", Session: "s2"}})
	if told := poll(t, p); told.Location != "/ui/consent?tx="+tx || p.cookie(session.Cookie) != "s2" {
		t.Errorf("after approval: %+v", told)
	}
	if told := poll(t, p); !told.Again {
		t.Errorf("after it was used: %+v", told)
	}
}

func TestWithoutScriptsThePageGoesOnByItself(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	path := "/ui/login?tx=" + tx + "&by=wallet"
	p.open(path)
	u.set("/login/wallet/status", answer{200, Next{Location: callback}})
	p.open(path).leads(t, callback)
}

func TestWalletCodeThatIsGoneIsReplacedWhenAsked(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	path := "/ui/login?tx=" + tx + "&by=wallet"
	p.open(path)
	u.set("/login/wallet/status", refused(410, "link_gone"))
	if told := poll(t, p); !told.Again {
		t.Errorf("told %+v", told)
	}
	late := p.open(path)
	late.expect(t, 200, "The code has expired", `role="alert"`)
	if strings.Contains(late.body, "data-poll") {
		t.Error("a page without a code asks for its answer")
	}
	p.send(late).leads(t, path)
	u.set("/login/wallet/begin", answer{200, Link{LinkCode: "ZYXW", URI: "https://id.example/w", ExpiresIn: 60}})
	p.open(path).expect(t, 200, "ZYXW")
}

func TestExpiredWalletCodeIsNotAskedFor(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	old, err := (&shownLink{Code: linkCode, URI: "https://id.example/w", Expires: time.Now().Add(-time.Second)}).seal()
	if err != nil {
		t.Fatal(err)
	}
	p.keep(linkCookie+tx, old)
	p.open("/ui/login?tx="+tx+"&by=wallet").expect(t, 200, "The code has expired")
	if told := poll(t, p); !told.Again {
		t.Errorf("told %+v", told)
	}
}

func TestPhone(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	p.open("/ui/wallet").expect(t, 200, "Enter a code")
	p.open("/ui/wallet?code=%3F").expect(t, 422, "Enter the code")
	form := p.open("/ui/wallet?code=abcd+efgh-ijkl+mnop+qrst+uvwx+yz")
	form.expect(t, 200, "Tax Office", "Full name")
	p.send(form, "decision", "approve", "individual_id", "1000000002", "pin", "5454").expect(t, 200, "Approved")
	if got := u.heard(); got.LinkCode != linkCode || got.PIN != "5454" || got.IndividualID != "1000000002" {
		t.Errorf("provider heard %+v", got)
	}
	p.send(form, "decision", "approve", "pin", "5454").expect(t, 422, "Enter your individual ID.")
	u.set("/login/wallet/approve", refused(422, "mismatch"))
	p.send(form, "decision", "approve", "individual_id", "1", "pin", "1").expect(t, 422, "do not match")
	u.set("/login/wallet/approve", refused(423, "locked"))
	p.send(form, "decision", "approve", "individual_id", "1", "pin", "1").expect(t, 403, "IDP-4032")
	u.set("/login/wallet/approve", refused(410, "link_gone"))
	p.send(form, "decision", "approve", "individual_id", "1", "pin", "1").expect(t, 422, "no such code")
	asked := len(u.asked())
	p.send(form, "decision", "decline").expect(t, 200, "Declined")
	if len(u.asked()) != asked {
		t.Error("the provider heard of a refusal")
	}
	u.set("/login/wallet/view", refused(410, "link_gone"))
	p.open("/ui/wallet?code=A").expect(t, 422, "no such code")
}

func TestLogout(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	p.keep(session.Cookie, "s1")
	form := p.open("/ui/logout?request=r1")
	form.expect(t, 200, "Tax Office", "Sign out?")
	p.send(form, "decision", "stay").expect(t, 200, "still signed in")
	p.open("/ui/logout?done=1").expect(t, 200, "still signed in") // a link that lies
	u.set("/logout/confirm", refused(503, "unavailable"))
	p.send(form, "decision", "confirm").expect(t, 503, "IDP-5031")
	if p.cookie(session.Cookie) != "s1" {
		t.Error("the cookie went before the session did")
	}
	u.set("/logout/confirm", answer{200, Next{}})
	p.send(form, "decision", "confirm", "ui_locales", "nb").leads(t, "/ui/logout?done=1&ui_locales=nb")
	if got := u.heard(); got.Request != "r1" || got.Session != "s1" {
		t.Errorf("provider heard %+v", got)
	}
	if p.cookie(session.Cookie) != "" {
		t.Error("the session's cookie is still there")
	}
	p.open("/ui/logout?done=1").expect(t, 200, "You are signed out")
	u.set("/logout/view", answer{200, View{ClientName: "Tax Office"}})
	u.set("/logout/confirm", answer{200, Next{Location: "https://client.example/bye"}})
	p.open("/ui/logout?request=r1").leads(t, "https://client.example/bye")
	u.set("/logout/view", refused(403, "forged"))
	p.open("/ui/logout?request=r1").expect(t, 403, "IDP-4031")
}

func FuzzTyped(f *testing.F) {
	f.Add("1000 000-001")
	f.Add("١٢٣٤٥٦۷۸۹۰")
	f.Add("abcd efgh")
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		form := url.Values{"x": {text}}
		for _, got := range []string{numberOf(form, "x"), secretOf(form, "x"), codeOf(text)} {
			if len(got) > len(text) || len(got) > maxTyped {
				t.Errorf("%q became the longer %q", text, got)
			}
		}
		if number := numberOf(form, "x"); number != numberOf(url.Values{"x": {number}}, "x") {
			t.Errorf("%q is read as another number the second time", text)
		}
		if code := codeOf(text); strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || code != codeOf(code) {
			t.Errorf("%q became code %q", text, code)
		}
	})
}

func FuzzLinkCookie(f *testing.F) {
	good, err := (&shownLink{Code: "A", URI: "https://id.example/w", Expires: time.Now()}).seal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("e30")
	f.Add("bnVsbA")
	f.Fuzz(func(t *testing.T, value string) {
		if link := openLink(value); link != nil && codeOf(link.Code) == "" {
			t.Errorf("%q opened as %+v", value, link)
		}
	})
}
