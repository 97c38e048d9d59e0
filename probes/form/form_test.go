package form_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/probes/form"
)

func parse(t *testing.T, body string) *form.Page {
	t.Helper()
	address, err := url.Parse("https://id.example/ui/login?tx=1")
	if err != nil {
		t.Fatal(err)
	}
	page, err := form.Parse(address, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestTheLoginFormIsFoundAndFilledAsAPersonWould(t *testing.T) {
	cases := map[string]struct {
		body   string
		fields form.Fields
		action string
		want   url.Values
	}{
		"id before password, hidden inputs kept": {
			body:   `<form method=post action="/login"><input type=hidden name=csrf value=x><input name=id><input type=password name=pin><button name=go value=1>Go</button></form>`,
			action: "https://id.example/login", want: url.Values{"csrf": {"x"}, "id": {"me"}, "pin": {"s"}, "go": {"1"}},
		},
		"no action means the page itself": {
			body:   `<form method=post><input type=tel name=id><input type=password name=pin></form>`,
			action: "https://id.example/ui/login?tx=1", want: url.Values{"id": {"me"}, "pin": {"s"}},
		},
		"the base of the page counts": {
			body:   `<base href="/other/"><form method=post action=go><input name=id><input type=password name=pin></form>`,
			action: "https://id.example/other/go", want: url.Values{"id": {"me"}, "pin": {"s"}},
		},
		"a search form before it is left alone": {
			body:   `<form action=/search><input type=search name=q></form><form method=post action=/l><input type=email name=id><input type=password name=pin></form>`,
			action: "https://id.example/l", want: url.Values{"id": {"me"}, "pin": {"s"}},
		},
		"inputs outside the form belong to it by name": {
			body:   `<input form=f name=id><form id=f method=post action=/l><input type=password name=pin></form><button form=f name=b value=c>x</button>`,
			action: "https://id.example/l", want: url.Values{"id": {"me"}, "pin": {"s"}, "b": {"c"}},
		},
		"what a browser does not send is not sent": {
			body:   `<form method=post action=/l><input name=off disabled value=x><input type=checkbox name=stay><input type=checkbox name=safe checked><input type=button name=b value=c><input name=id><input type=password name=pin></form>`,
			action: "https://id.example/l", want: url.Values{"id": {"me"}, "pin": {"s"}, "safe": {"on"}},
		},
		"named fields win over types": {
			body:   `<form method=post action=/l><input name=phone><input name=vid><input name=otp><input type=password name=other></form>`,
			fields: form.Fields{ID: "vid", Secret: "otp"},
			action: "https://id.example/l", want: url.Values{"phone": {""}, "vid": {"me"}, "otp": {"s"}, "other": {""}},
		},
		"a page that asks for the id alone": {
			body:   `<form method=post action=/l><input name=id><button>Next</button></form>`,
			action: "https://id.example/l", want: url.Values{"id": {"me"}},
		},
		"by autocomplete, whatever the names": {
			body:   `<form method=post action=/l><input name=f1 autocomplete=organization><input name=f2 autocomplete="section-a username"><input name=f3><input name=f4 type=password autocomplete=current-password></form>`,
			action: "https://id.example/l", want: url.Values{"f1": {""}, "f2": {"me"}, "f3": {""}, "f4": {"s"}},
		},
		"by labels, where names say nothing": {
			body:   `<form method=post action=/l><label for=a>E-mail address</label><input id=a name=f1><label>PIN <input name=f2 type=tel></label></form>`,
			action: "https://id.example/l", want: url.Values{"f1": {"me"}, "f2": {"s"}},
		},
		"a PIN that is no password field": {
			body:   `<form method=post action=/l><input name=nationalId><input name=userPin inputmode=numeric></form>`,
			action: "https://id.example/l", want: url.Values{"nationalId": {"me"}, "userPin": {"s"}},
		},
		"a one-time code by its promise to browsers": {
			body:   `<form method=post action=/l><input type=hidden name=individual_id value=1><input name=x autocomplete=one-time-code><button>Go</button><button formaction=/again>Resend</button></form>`,
			action: "https://id.example/l", want: url.Values{"individual_id": {"1"}, "x": {"123456"}},
		},
		"a one-time code in six boxes": {
			body:   `<form method=post action=/l><input name=d1 maxlength=1><input name=d2 maxlength=1><input name=d3 maxlength=1><input name=d4 maxlength=1><input name=d5 maxlength=1><input name=d6 maxlength=1></form>`,
			action: "https://id.example/l", want: url.Values{"d1": {"1"}, "d2": {"2"}, "d3": {"3"}, "d4": {"4"}, "d5": {"5"}, "d6": {"6"}},
		},
		"password and code on one page": {
			body:   `<form method=post action=/l><input name=username><input name=password type=password><input name=totp type=password></form>`,
			action: "https://id.example/l", want: url.Values{"username": {"me"}, "password": {"s"}, "totp": {"123456"}},
		},
		"a registration beside it is left alone": {
			body:   `<form method=post action=/signup><input name=email><input type=password name=p></form><form method=post action=/new><input name=email><input type=password name=p><input type=password name=p2></form><form method=post action=/l><input name=email><input type=password name=p><input type=checkbox name=remember value=1></form>`,
			action: "https://id.example/l", want: url.Values{"email": {"me"}, "p": {"s"}},
		},
		"the button that goes on is pressed, to its own address": {
			body:   `<form method=post action=/l><button name=a value=cancel>Cancel</button><input name=id><input type=password name=pin><button name=a value=login formaction=/own>Log in</button></form>`,
			action: "https://id.example/own", want: url.Values{"id": {"me"}, "pin": {"s"}, "a": {"login"}},
		},
		"an id that is fixed keeps its value": {
			body:   `<form method=post action=/l><input name=username value=other readonly><input type=password name=pin></form>`,
			action: "https://id.example/l", want: url.Values{"username": {"other"}, "pin": {"s"}},
		},
		"a fieldset that is disabled is not sent": {
			body:   `<form method=post action=/l><fieldset disabled><input name=x value=1></fieldset><input name=id><input type=password name=pin></form>`,
			action: "https://id.example/l", want: url.Values{"id": {"me"}, "pin": {"s"}},
		},
		"named fields that are not all named": {
			body:   `<form method=post action=/l><input name=a><input name=b type=password></form>`,
			fields: form.Fields{ID: "a"},
			action: "https://id.example/l", want: url.Values{"a": {"me"}, "b": {"s"}},
		},
		"a select is sent as chosen": {
			body:   `<form method=post action=/l><select name=lang><option value=en>E<option value=fr selected>F</select><input name=id><input type=password name=pin></form>`,
			action: "https://id.example/l", want: url.Values{"lang": {"fr"}, "id": {"me"}, "pin": {"s"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			login, ok := parse(t, tc.body).Login(tc.fields)
			if !ok {
				t.Fatal("no login form found")
			}
			sent := login.Fill(form.Answers{ID: "me", Secret: "s", Code: "123456"})
			if sent.Method != http.MethodPost || sent.Action.String() != tc.action {
				t.Errorf("sent by %s to %s", sent.Method, sent.Action)
			}
			if diff := cmp.Diff(tc.want, sent.Values); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPageWithoutLoginHasNone(t *testing.T) {
	for name, body := range map[string]string{
		"an error page":                   `<h1>Sorry</h1>`,
		"a consent page":                  `<form method=post><input name=note><button name=decision value=allow>OK</button></form>`,
		"a password with no name":         `<form method=post><input type=password></form>`,
		"a form sent by GET":              `<form><input name=q></form>`,
		"a newsletter":                    `<form method=post action=/newsletter><input name=subscribe></form>`,
		"a form that makes a new account": `<form method=post><input name=email><input type=password autocomplete=new-password name=p></form>`,
	} {
		t.Run(name, func(t *testing.T) {
			if login, ok := parse(t, body).Login(form.Fields{}); ok {
				t.Errorf("found %+v", login)
			}
		})
	}
}

func TestConsentIsGivenToEverythingAsked(t *testing.T) {
	cases := map[string]struct {
		body string
		want url.Values
	}{
		"by the value of a button, whatever its language": {
			`<form method=post><input type=checkbox name=claims value=name><input type=checkbox name=claims value=birthdate checked><button name=decision value=deny>Nein</button><button name=decision value=allow>Ja</button></form>`,
			url.Values{"claims": {"name", "birthdate"}, "decision": {"allow"}},
		},
		"by its text":             {`<form method=post><button>Cancel</button><button>Yes, go on</button></form>`, url.Values{}},
		"by the name of an input": {`<form method=post><input type=submit name=reject value=No><input type=submit name=approve value=Weiter></form>`, url.Values{"approve": {"Weiter"}}},
		"by the only button, in a language we do not read": {`<form method=post><input type=hidden name=tx value=1><button>Weiter</button></form>`, url.Values{"tx": {"1"}}},
		"by no button, for a script":                       {`<form method=post><input type=hidden name=code value=1></form>`, url.Values{"code": {"1"}}},
		"with what is required":                            {`<form method=post><input type=checkbox required name=terms><button>Continue</button></form>`, url.Values{"terms": {"on"}}},
		"of two forms, by the one that says yes":           {`<form method=post><input type=hidden name=approval value=approve><button><span>Grant Access</span></button></form><form method=post><input type=hidden name=approval value=rejected><button>Cancel</button></form>`, url.Values{"approval": {"approve"}}},
		"by a choice and a button":                         {`<form method=post><input type=radio name=decision value=deny checked><input type=radio name=decision value=allow><button name=b value=1>Send</button></form>`, url.Values{"decision": {"allow"}, "b": {"1"}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sent, ok := parse(t, tc.body).Consent()
			if !ok {
				t.Fatal("no consent form found")
			}
			if diff := cmp.Diff(tc.want, sent.Values); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, body := range []string{`<form method=post action=/logout><button name=logout>Log out</button></form>`, `<form method=post><button value=deny>Do not allow</button></form>`, `<p>allow</p>`, `<form><button>Cancel consent</button></form>`} {
		if sent, ok := parse(t, body).Consent(); ok {
			t.Errorf("%s: consent by %v", body, sent.Values)
		}
	}
}

func TestThePageSaysWhatIsWrong(t *testing.T) {
	page := parse(t, `<title> Log  in </title><p role=alert></p><p class="form-error">The PIN <b>is</b> wrong.<script>x</script></p>`)
	if page.Title != "Log in" || page.Alert != "The PIN is wrong." {
		t.Errorf("title %q, alert %q", page.Title, page.Alert)
	}
}

var loginPage = `<!doctype html><html lang=en><title>Log in</title>` + strings.Repeat(`<div class=card><p>Some words to read.</p></div>`, 40) +
	`<form method=post action="?tx=1"><input type=hidden name=csrf value=x><label>Number<input name=individual_id></label><input type=password name=pin><button>Go</button></form>`

func BenchmarkParseLoginPage(b *testing.B) {
	address := &url.URL{Scheme: "https", Host: "id.example", Path: "/"}
	for b.Loop() {
		page, err := form.Parse(address, []byte(loginPage))
		if err != nil {
			b.Fatal(err)
		}
		if _, ok := page.Login(form.Fields{}); !ok {
			b.Fatal("no login form")
		}
	}
}

func TestAPageThatOffersWaysIsAnswered(t *testing.T) {
	reference := `<nav class=ways><ul><li><a href="/ui/login?tx=AbC" aria-current=page>PIN</a></li><li><a href="/ui/login?tx=AbC&by=otp">Engangskode</a></li></ul></nav>`
	for name, tc := range map[string]struct {
		body   string
		method form.Method
		link   string
		sent   url.Values
	}{
		"a link known by its address":  {reference, form.ByCode, "https://id.example/ui/login?tx=AbC&by=otp", nil},
		"a link known by its text":     {`<a href=/a>Log in with a one-time code</a><a href=/b>Log in with PIN</a>`, form.BySecret, "https://id.example/b", nil},
		"a forgotten password is none": {`<a href=/reset>Forgot your password?</a>`, form.BySecret, "", nil},
		"a button":                     {`<form method=post><button name=m value=pin>PIN</button><button name=m value=otp>Kode</button></form>`, form.ByCode, "", url.Values{"m": {"otp"}}},
		"a radio button":               {`<form method=post><input type=radio name=m value=password><input type=radio name=m value=x id=sms><button>Next</button></form>`, form.ByCode, "", url.Values{"m": {"x"}}},
		"the page itself is no way":    {`<a href=/login/otp aria-current=page>Code</a>`, form.ByCode, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, ok := parse(t, tc.body).Choose(tc.method)
			switch {
			case ok != (tc.link != "" || tc.sent != nil):
				t.Fatalf("found %v: %+v", ok, found)
			case tc.link != "" && found.Link.String() != tc.link:
				t.Errorf("leads to %s", found.Link)
			case tc.sent != nil && !cmp.Equal(tc.sent, found.Form.Values):
				t.Errorf("sends %v", found.Form.Values)
			}
		})
	}
}

func TestAPageThatSendsItsReaderOnIsFollowed(t *testing.T) {
	for body, want := range map[string]string{
		`<meta http-equiv=Refresh content="0; URL='/next?a=1'">`:           "https://id.example/next?a=1",
		`<base href=/b/><meta http-equiv=refresh content="1;url=c">`:       "https://id.example/b/c",
		`<meta http-equiv=refresh content=30>`:                             "",
		`<meta http-equiv=refresh content="600; url=/your-session-ended">`: "",
	} {
		page, got := parse(t, body), ""
		if page.Refresh != nil {
			got = page.Refresh.String()
		}
		if got != want {
			t.Errorf("%s leads to %q", body, got)
		}
	}
}

// FuzzParse reads what a hostile page could send: nothing may panic, and what is
// sent goes to an address that has a host.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`<form method=post><input name=a><input type=password name=b></form>`,
		`<base href="//x"><form action=%zz id=f></form><button form=f formaction=:>`,
		`<form><form><input form=><select name=s><option><label for=x><fieldset disabled><input maxlength=-1>`,
		`<meta http-equiv=refresh content="0;url=javascript:1"><a href="https://[::1">otp</a>`,
	} {
		f.Add(seed)
	}
	address := &url.URL{Scheme: "https", Host: "id.example", Path: "/login"}
	f.Fuzz(func(t *testing.T, body string) {
		page, err := form.Parse(address, []byte(body))
		if err != nil {
			return
		}
		var sent []form.Submission
		if login, ok := page.Login(form.Fields{}); ok {
			sent = append(sent, login.Fill(form.Answers{ID: "me", Secret: "s", Code: "1"}))
		}
		if consent, ok := page.Consent(); ok {
			sent = append(sent, consent)
		}
		for _, method := range []form.Method{form.BySecret, form.ByCode} {
			if choice, ok := page.Choose(method); ok && choice.Form != nil {
				sent = append(sent, *choice.Form)
			}
		}
		for _, submission := range sent {
			if submission.Action == nil || submission.Values == nil || submission.Method == "" {
				t.Errorf("%q is sent as %+v", body, submission)
			}
		}
	})
}
