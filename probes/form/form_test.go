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
			sent := login.Fill("me", "s")
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
		"an error page":           `<h1>Sorry</h1>`,
		"a consent page":          `<form method=post><input name=note><button name=decision value=allow>OK</button></form>`,
		"a password with no name": `<form method=post><input type=password></form>`,
		"a form sent by GET":      `<form><input name=q></form>`,
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
		"by its text":              {`<form method=post><button>Cancel</button><button>Yes, go on</button></form>`, url.Values{}},
		"by the name of an input":  {`<form method=post><input type=submit name=reject value=No><input type=submit name=approve value=Weiter></form>`, url.Values{"approve": {"Weiter"}}},
		"by a choice and a button": {`<form method=post><input type=radio name=decision value=deny checked><input type=radio name=decision value=allow><button name=b value=1>Send</button></form>`, url.Values{"decision": {"allow"}, "b": {"1"}}},
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
	for _, body := range []string{`<form method=post><button value=deny>Do not allow</button></form>`, `<p>allow</p>`, `<form><button>Cancel consent</button></form>`} {
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

func FuzzParse(f *testing.F) {
	f.Add(loginPage)
	f.Add(`<form form=x id=x><input form=x><form><select><option selected>`)
	f.Add(`<base href="%zz"><form action="::"><template><form><input type=password name=p></template>`)
	address := &url.URL{Scheme: "https", Host: "id.example", Path: "/"}
	f.Fuzz(func(t *testing.T, body string) {
		page, err := form.Parse(address, []byte(body))
		if err != nil {
			return
		}
		if login, ok := page.Login(form.Fields{}); ok && login.Fill("me", "s").Action == nil {
			t.Error("a form without an action")
		}
		if sent, ok := page.Consent(); ok && sent.Action == nil {
			t.Error("a form without an action")
		}
	})
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
