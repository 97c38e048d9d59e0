package ui

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/session"
	"tocsin/system/identity/transaction"
)

func TestLoginByPIN(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	form := p.open("/ui/login?tx=" + tx)
	form.expect(t, 200, "Tax Office", `value="1000000001"`, `aria-current="page">PIN</a>`, `by=wallet`)
	if csp := form.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://client.example;") {
		t.Errorf("policy %q", csp)
	}
	p.send(form, "individual_id", "1000 000 002", "pin", "٥٤٥٤").leads(t, "/ui/consent?tx="+tx)
	if got := u.heard(); got.State != "state1" || got.IndividualID != "1000000002" || got.PIN != "5454" {
		t.Errorf("provider heard %+v", got)
	}
	if p.cookie(transaction.CookiePrefix+tx) != "state2" || p.cookie(session.Cookie) != "s2" {
		t.Error("new state and session are not kept")
	}
	u.set("/login/pin", answer{200, Next{Location: callback}})
	done := p.send(form, "individual_id", "1000000002", "pin", "5454")
	done.leads(t, callback)
	if kept := done.header.Get("Set-Cookie"); !strings.Contains(kept, "Max-Age=60;") || !strings.Contains(kept, "HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("a finished login keeps %q", kept)
	}
}

func TestWrongInputIsAskedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		id, pin, says string
		focus         string
	}{
		"what does not match": {"1000000002", "1", "do not match", `id="pin"`},
		"no id":               {" ", "1", "Enter your individual ID.", `id="individual_id"`},
		"no PIN":              {"1000000002", "", "Enter your PIN.", `id="pin"`},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream()
			u.set("/login/pin", refused(422, "mismatch"))
			p := newPerson(t, u)
			again := p.send(p.open("/ui/login?tx="+tx), "individual_id", test.id, "pin", test.pin)
			again.expect(t, 422, test.says, `role="alert"`, "<title>Error: ")
			if at := again.body[:strings.Index(again.body, " autofocus")]; !strings.Contains(at[strings.LastIndex(at, "<input"):], test.focus) {
				t.Errorf("focus is not at %s", test.focus)
			}
			if strings.Contains(again.body, `value="`+test.pin+`"`) && test.pin != "" {
				t.Error("the PIN is in the page")
			}
		})
	}
}

func TestLoginByOneTimeCode(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	form := p.open("/ui/login?tx=" + tx + "&by=otp&ui_locales=nb")
	form.expect(t, 200, "Send en kode")
	code := p.send(form, "individual_id", "1000000002")
	code.expect(t, 200, "k***@example.org", "*** 12 34", `autocomplete="one-time-code"`, `lang="nb"`)
	if p.cookie(transaction.CookiePrefix+tx) != "state2" {
		t.Error("new state is not kept")
	}
	u.set("/login/otp", refused(422, "mismatch"))
	again := p.send(code, "otp", "111 222")
	again.expect(t, 422, "k***@example.org", `role="alert"`)
	if got := u.asked(); got[len(got)-2] != "/login/otp" {
		t.Errorf("provider was asked %v", got)
	}
	u.set("/login/otp", answer{200, Next{Location: callback}})
	p.send(again, "otp", "111 333").leads(t, callback)
	if got := u.heard(); got.OTP != "111333" || got.IndividualID != "1000000002" || got.State != "state2" {
		t.Errorf("provider heard %+v", got)
	}
	p.send(code, "otp", "").expect(t, 422, "Skriv inn koden")
	p.send(form, "individual_id", "").expect(t, 422, "Skriv inn personnummeret")
}

func TestOnlyOfferedWaysAreShown(t *testing.T) {
	u := newUpstream()
	view := login()
	view.Factors = []string{"OTP", "BIO"}
	u.set("/login/view", answer{200, view})
	p := newPerson(t, u)
	only := p.open("/ui/login?tx=" + tx + "&by=pin")
	only.expect(t, 200, "Send a code")
	if strings.Contains(only.body, `class="ways"`) {
		t.Error("a choice of one")
	}
	view.Factors = []string{"BIO"}
	p.open("/ui/login?tx="+tx).expect(t, 404, "IDP-4042")
}

func TestConsent(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	p.open("/ui/consent?tx="+tx).leads(t, "/ui/login?tx="+tx)
	view := login()
	view.Authenticated = true
	view.Credentials = []string{"Identity card"}
	u.set("/login/view", answer{200, view})
	form := p.open("/ui/consent?tx=" + tx)
	form.expect(t, 200, "Full name", "Date of birth", "Identity card", `value="name" checked required`)
	p.post("/ui/consent", url.Values{"tx": {tx}, "csrf": form.fields["csrf"], "decision": {"allow"}, "claims": {"name", "email"}}).leads(t, callback)
	if got := u.heard(); got.Decision != "allow" || !slices.Equal(got.Claims, []string{"name", "email"}) {
		t.Errorf("provider heard %+v", got)
	}
	p.send(form, "decision", "deny").leads(t, callback)
	p.send(form, "decision", "dance").expect(t, 400, "IDP-4001")
	u.set("/login/consent", refused(409, "not_authenticated"))
	p.send(form, "decision", "allow").leads(t, "/ui/login?tx="+tx)
}

// TestFormsOfOthersChangeNothing: a form that no page of ours showed to this
// browser gets nowhere near the provider.
func TestFormsOfOthersChangeNothing(t *testing.T) {
	for _, path := range []string{"/ui/login", "/ui/login/otp/send", "/ui/login/otp", "/ui/login/wallet", "/ui/consent", "/ui/wallet", "/ui/logout"} {
		for name, csrf := range map[string]string{
			"no token":             "",
			"a token for another":  token("browser", "tx", "69207c00ZZZZZZZZZZZZZZZZ"),
			"another browser's":    token("other", "tx", tx),
			"a token for no field": token("browser", "", ""),
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				u := newUpstream()
				p := newPerson(t, u)
				p.keep(browserCookie, "browser")
				form := url.Values{
					"tx": {tx}, "code": {linkCode}, "request": {"r"}, "csrf": {csrf},
					"individual_id": {"1"}, "pin": {"1"}, "otp": {"1"}, "decision": {"allow"},
				}
				p.post(path, form).expect(t, 403, "IDP-4031")
				if calls := u.asked(); len(calls) > 0 {
					t.Errorf("provider was asked %v", calls)
				}
			})
		}
	}
}

func TestVerdictsOfTheProviderBecomePages(t *testing.T) {
	for problem, test := range map[string]struct {
		from, status int
		code, says   string
	}{
		"gone":        {410, 410, "IDP-4101", `href="https://client.example/cb?error=x"`},
		"forged":      {403, 403, "IDP-4031", "start again"},
		"locked":      {423, 403, "IDP-4032", "Too many attempts"},
		"unsupported": {404, 404, "IDP-4042", "another way"},
		"invalid":     {400, 400, "IDP-4001", "does not work"},
		"unavailable": {503, 503, "IDP-5031", "Try again"},
		"unheard of":  {418, 503, "IDP-5031", "Try again"},
	} {
		t.Run(problem, func(t *testing.T) {
			u := newUpstream()
			p := newPerson(t, u)
			form := p.open("/ui/login?tx=" + tx)
			u.set("/login/pin", refused(test.from, problem))
			u.set("/login/view", refused(test.from, problem))
			for _, seen := range []*screen{p.send(form, "pin", "1"), p.open("/ui/login?tx=" + tx), p.open("/ui/consent?tx=" + tx)} {
				seen.expect(t, test.status, test.code, test.says)
				if retry := seen.header.Get("Retry-After"); (retry != "") != (test.status == 503) {
					t.Errorf("Retry-After %q", retry)
				}
			}
		})
	}
}

func TestPagesOfNoLogin(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	for path, test := range map[string]struct {
		status int
		code   string
	}{
		"/ui/login?tx=69207c00ZZZZZZZZZZZZZZZZ": {410, "IDP-4102"}, // begun in another browser, or long ago
		"/ui/login":                             {400, "IDP-4001"},
		"/ui/login?tx=a%3Bb":                    {400, "IDP-4001"},
		"/ui/consent?tx=none":                   {400, "IDP-4001"},
		"/ui/login/wallet?tx=none":              {400, "IDP-4001"},
		"/ui/nope":                              {404, "IDP-4041"},
		"/":                                     {404, "IDP-4041"},
		"/ui/assets/none.css":                   {404, "IDP-4041"},
		"/ui/error?kind=unavailable":            {503, "IDP-5031"},
		"/ui/error?kind=nonsense":               {400, "IDP-4001"},
	} {
		seen := p.open(path, "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		seen.expect(t, test.status, test.code)
		if !strings.HasPrefix(path, "/ui/assets") && !strings.Contains(seen.body, "4bf92f3577b34da6a3ce929d0e0e4736") {
			t.Errorf("%s does not name its trace", path)
		}
	}
	if calls := u.asked(); len(calls) > 0 {
		t.Errorf("provider was asked %v", calls)
	}
}

func TestLanguage(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	path := "/ui/login?tx=" + tx
	p.open(path, "Accept-Language", "fr, ar;q=0.8, en;q=0.1").expect(t, 200, `<html lang="ar" dir="rtl">`)
	view := login()
	view.Locales = []string{"nb-NO"}
	u.set("/login/view", answer{200, view})
	p.open(path, "Accept-Language", "ar").expect(t, 200, `<html lang="nb" dir="ltr">`)
	chosen := p.open(path+"&ui_locales=ar", "Accept-Language", "en")
	chosen.expect(t, 200, `<html lang="ar"`, `href="/ui/login?tx=`+tx+`&amp;by=pin&amp;ui_locales=nb"`, `&amp;by=otp&amp;ui_locales=ar"`)
	p.send(chosen, "pin", "1").leads(t, "/ui/consent?tx="+tx+"&ui_locales=ar")
	u.set("/login/pin", refused(423, "locked"))
	p.send(chosen, "pin", "1").expect(t, 403, `<html lang="ar"`)
	p.open("/ui/error?kind=gone&ui_locales=xx+nb").expect(t, 410, `<html lang="nb"`, `href="/ui/error?kind=gone&amp;ui_locales=ar"`)
}

// silent takes requests and never answers, like a zone that lost its power.
func silent(t *testing.T) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		// A server notices that its client has gone only once the body is read.
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
		case <-t.Context().Done():
		}
	})
}

func TestAnotherZoneAnswers(t *testing.T) {
	broken := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	for name, test := range map[string]struct {
		first http.Handler
		limit time.Duration
	}{
		"when the first is silent":         {silent(t), 3 * time.Second},
		"when the first says it is unwell": {broken, 1500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPerson(t, test.first, newUpstream())
			started := time.Now()
			p.open("/ui/login?tx="+tx).expect(t, 200, "Tax Office")
			if took := time.Since(started); took > test.limit {
				t.Errorf("took %s, want %s at most", took, test.limit)
			}
		})
	}
}

func TestNoZoneAnswers(t *testing.T) {
	p := newPerson(t, silent(t), silent(t), silent(t))
	started := time.Now()
	seen := p.open("/ui/login?tx=" + tx)
	seen.expect(t, 503, "IDP-5031", `href="/ui/login?tx=`+tx)
	if took := time.Since(started); took > stepTimeout+time.Second || seen.header.Get("Retry-After") != "1" {
		t.Errorf("took %s, Retry-After %q", took, seen.header.Get("Retry-After"))
	}
}

func TestDefectsBecomeAPage(t *testing.T) {
	p := newPages(t, newUpstream())
	w, r := newRecorder(), newRequest(t, "/ui/login")
	p.guarded(func(http.ResponseWriter, *http.Request) { panic("oops") }).ServeHTTP(w, r)
	if w.Code != 500 || !strings.Contains(w.Body.String(), "IDP-5001") || strings.Contains(w.Body.String(), "oops") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

func TestLogoIsFromThisHostOnly(t *testing.T) {
	r := newRequest(t, "https://id.example/ui/login")
	for address, want := range map[string]string{
		"/logos/tax.svg":                    "/logos/tax.svg",
		"https://id.example/logos/tax.svg":  "/logos/tax.svg",
		"https://elsewhere.example/tax.svg": "",
		"http://id.example/tax.svg":         "",
		"//elsewhere.example/tax.svg":       "",
		"https://id.example//evil/tax.svg":  "",
		"data:image/svg+xml,x":              "",
		"javascript:alert(1)":               "",
		"":                                  "",
	} {
		if got := logo(r, address); got != want {
			t.Errorf("logo %q is shown from %q, want %q", address, got, want)
		}
	}
}

func TestEveryAnswerIsHardened(t *testing.T) {
	u := newUpstream()
	p := newPerson(t, u)
	form := p.open("/ui/login?tx=" + tx)
	p.open("/ui/login?tx=" + tx + "&by=wallet")
	for name, seen := range map[string]*screen{
		"a page": form, "a redirect": p.send(form, "pin", "1"), "an error": p.open("/ui/nope"),
		"an asset": p.open("/ui/assets/style.css"), "a missing asset": p.open("/ui/assets/x"),
		"a poll": p.open("/ui/login/wallet?tx=" + tx), "the wallet": p.open("/ui/wallet"), "a logout": p.open("/ui/logout"),
	} {
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := seen.header.Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		if name != "a redirect" && !strings.Contains(seen.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: policy %q", name, seen.header.Get("Content-Security-Policy"))
		}
		if name != "an asset" && seen.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control %q", name, seen.header.Get("Cache-Control"))
		}
	}
}
