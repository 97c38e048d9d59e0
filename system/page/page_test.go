package page

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func newSet(t testing.TB, file string) *Set {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	texts, err := NewTexts(file, log)
	if err != nil {
		t.Fatal(err)
	}
	set, err := NewSet("/ui", texts, log)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// markup is what a client might call itself.
const markup = `<b onclick="x">Tax</b>`

func frame(language string) Frame {
	return Frame{Locales: []string{language}, Here: "/ui/login?tx=t&by=pin", Asked: language, FormTarget: "https://c.example"}
}

func step(language string) Step {
	return Step{
		Frame: frame(language), Client: markup, Transaction: "t", CSRF: "c",
		Ways: []Way{{ByPIN, "/ui/login?tx=t&by=pin", true}, {ByOTP, "/ui/login?tx=t&by=otp", false}, {ByWallet, "/ui/login?tx=t&by=wallet", false}},
	}
}

// everyPage writes each page, in each state that looks different.
func everyPage(t testing.TB, set *Set, language string) map[string]*httptest.ResponseRecorder {
	t.Helper()
	drawn, err := NewQR("https://id.example/ui/wallet?code=ABCD-EFGH")
	if err != nil {
		t.Fatal(err)
	}
	wrong := Person{IndividualID: "1000000001", Problem: WrongPIN}
	asked := []Claim{{"name", true}, {"birthdate", false}, {"unheard_of", false}}
	answers := map[string]*httptest.ResponseRecorder{}
	for name, write := range map[string]func(http.ResponseWriter){
		"pin":       func(w http.ResponseWriter) { set.PIN(w, 200, &PIN{Step: step(language)}) },
		"pin wrong": func(w http.ResponseWriter) { set.PIN(w, 422, &PIN{Step: step(language), Person: wrong}) },
		"otp":       func(w http.ResponseWriter) { set.OTP(w, 200, &OTP{Step: step(language)}) },
		"otp without": func(w http.ResponseWriter) {
			set.OTP(w, 422, &OTP{Step: step(language), Person: Person{Problem: NoID}})
		},
		"code": func(w http.ResponseWriter) { set.Code(w, 200, &Code{Step: step(language), Email: "k***@example.org"}) },
		"code wrong": func(w http.ResponseWriter) {
			set.Code(w, 422, &Code{Step: step(language), Person: Person{Problem: WrongOTP}})
		},
		"wallet": func(w http.ResponseWriter) {
			set.Wallet(w, &Wallet{Step: step(language), LinkCode: "ABCD-EFGH", QR: drawn, Remaining: 90 * time.Second, Poll: "/ui/login/wallet?tx=t"})
		},
		"wallet late": func(w http.ResponseWriter) { set.Wallet(w, &Wallet{Step: step(language), Expired: true}) },
		"phone empty": func(w http.ResponseWriter) { set.Phone(w, 200, &Phone{Frame: frame(language)}) },
		"phone": func(w http.ResponseWriter) {
			set.Phone(w, 200, &Phone{Frame: frame(language), Code: "A", Client: markup, Claims: asked})
		},
		"phone done": func(w http.ResponseWriter) {
			set.Phone(w, 200, &Phone{Frame: frame(language), Done: true, Approved: true})
		},
		"consent": func(w http.ResponseWriter) {
			set.Consent(w, &Consent{Step: step(language), Claims: asked, Credentials: []string{markup}})
		},
		"consent empty": func(w http.ResponseWriter) { set.Consent(w, &Consent{Step: step(language)}) },
		"logout":        func(w http.ResponseWriter) { set.Logout(w, &Logout{Frame: frame(language), Client: markup}) },
		"logout done": func(w http.ResponseWriter) {
			set.Logout(w, &Logout{Frame: frame(language), Decided: true})
		},
	} {
		answers[name] = httptest.NewRecorder()
		write(answers[name])
	}
	for _, kind := range Kinds() {
		w := httptest.NewRecorder()
		set.Error(w, kind.Status(), language, Failure{Kind: kind, Detail: markup, Back: "https://c.example/cb?error=x", Retry: "/ui/login?tx=t", Trace: "4bf9", Wait: time.Minute, Here: "/ui/error"})
		answers["error "+string(kind)] = w
	}
	return answers
}

// TestPagesAreSoundInEveryLanguage is what holds for each page and state: it
// says its language, has one heading, a name for every field, and nothing in it
// that runs.
func TestPagesAreSoundInEveryLanguage(t *testing.T) {
	set := newSet(t, "")
	for _, lang := range languages() {
		for name, answer := range everyPage(t, set, lang.Tag) {
			t.Run(lang.Tag+" "+name, func(t *testing.T) {
				body := answer.Body.String()
				for _, forbidden := range []string{"<style", "<b ", "%!", "%s", "[[", "ZgotmplZ", "no value"} {
					if strings.Contains(body, forbidden) {
						t.Errorf("contains %q", forbidden)
					}
				}
				if strings.Count(body, "<script") != strings.Count(body, `<script src="/ui/assets/`) {
					t.Error("a script is not from a file of ours")
				}
				if !strings.Contains(body, `<html lang="`+lang.Tag+`" dir="`+lang.Direction+`">`) {
					t.Error("language or direction is not said")
				}
				outline(t, body)
				hardened(t, answer.Header())
			})
		}
	}
}

// outline checks headings, labels and ids.
func outline(t *testing.T, body string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	headings, labelled, ids, described := 0, map[string]bool{}, map[string]bool{}, []string{}
	var fields []string
	for node := range root.Descendants() {
		has := map[string]string{}
		for _, attribute := range node.Attr {
			has[attribute.Key] = attribute.Val
			if attribute.Key == "style" || strings.HasPrefix(attribute.Key, "on") {
				t.Errorf("%s has attribute %s", node.Data, attribute.Key)
			}
		}
		if ids[has["id"]] {
			t.Errorf("id %q twice", has["id"])
		}
		ids[has["id"]] = has["id"] != ""
		described = append(described, strings.Fields(has["aria-describedby"]+" "+has["aria-labelledby"])...)
		switch node.Data {
		case "h1":
			headings++
		case "label":
			labelled[has["for"]] = true
		case "input":
			if kind := has["type"]; kind != "hidden" && kind != "checkbox" {
				fields = append(fields, has["id"])
			}
		}
	}
	if headings != 1 {
		t.Errorf("%d headings of the first level", headings)
	}
	for _, field := range fields {
		if !labelled[field] {
			t.Errorf("field %q has no label", field)
		}
	}
	for _, id := range described {
		if !ids[id] {
			t.Errorf("description %q is not there", id)
		}
	}
}

func hardened(t *testing.T, header http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	csp := header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, directive) {
			t.Errorf("policy %q lacks %s", csp, directive)
		}
	}
	if header.Get("Permissions-Policy") == "" {
		t.Error("no permissions policy")
	}
}

func TestWrongPINLeadsToTheField(t *testing.T) {
	w := httptest.NewRecorder()
	newSet(t, "").PIN(w, 422, &PIN{Step: step("en"), Person: Person{IndividualID: "1000000001", Problem: WrongPIN}})
	body := w.Body.String()
	for _, want := range []string{
		"<title>Error: Sign in", `role="alert" id="problem"`, `value="1000000001" aria-describedby="individual_id_hint problem" aria-invalid="true">`,
		`aria-invalid="true" aria-describedby="problem" autofocus>`, `autocomplete="username"`, `autocomplete="current-password"`,
		`inputmode="numeric"`, `action="/ui/login"`, `name="ui_locales" value="en"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if strings.Count(body, "autofocus") != 1 {
		t.Error("more than one field wants the focus")
	}
}

func TestConsentTicksOnlyWhatIsRequired(t *testing.T) {
	w := httptest.NewRecorder()
	newSet(t, "").Consent(w, &Consent{Step: step("en"), Claims: []Claim{{"name", true}, {"birthdate", false}, {"unheard_of", false}}})
	body := w.Body.String()
	for _, want := range []string{
		`value="name" checked required> <span>Full name</span> <span class="tag">Required</span>`,
		`value="birthdate"> <span>Date of birth</span></label>`,
		`<span>unheard_of</span>`,
		`value="deny" class="quiet" formnovalidate>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}

func TestScriptIsAllowedOnlyWhereThereIsOne(t *testing.T) {
	for name, answer := range everyPage(t, newSet(t, ""), "en") {
		has := strings.Contains(answer.Body.String(), "<script")
		allows := strings.Contains(answer.Header().Get("Content-Security-Policy"), "script-src")
		if has && !allows || allows && !strings.HasPrefix(name, "wallet") {
			t.Errorf("%s: script %t, allowed %t", name, has, allows)
		}
	}
}

func TestErrorPages(t *testing.T) {
	codes := map[string]Kind{}
	for _, kind := range Kinds() {
		code := kind.Code()
		if other, taken := codes[code]; taken {
			t.Errorf("%s and %s are both %s", kind, other, code)
		}
		codes[code] = kind
		if !strings.HasPrefix(code, "IDP-"+strconv.Itoa(kind.Status())) {
			t.Errorf("%s: code %s, status %d", kind, code, kind.Status())
		}
		w := httptest.NewRecorder()
		newSet(t, "").Error(w, kind.Status(), "xx nb", Failure{Kind: kind, Trace: "4bf92f3577b34da6a3ce929d0e0e4736"})
		body := w.Body.String()
		if w.Code != kind.Status() || !strings.Contains(body, `data-error="`+code+`"`) || !strings.Contains(body, "4bf92f3577b34da6a3ce929d0e0e4736") {
			t.Errorf("%s answers %d %s", kind, w.Code, body)
		}
		if retry := w.Header().Get("Retry-After"); (retry != "") != (kind == Unavailable) {
			t.Errorf("%s: Retry-After %q", kind, retry)
		}
	}
}

func TestLinksLeadOnlyToPagesAndApps(t *testing.T) {
	for address, want := range map[string]string{
		"https://c.example/cb?error=x": "https://c.example/cb?error=x",
		"http://localhost:8080/cb":     "http://localhost:8080/cb",
		"org.example.app:/cb":          "org.example.app:/cb",
		"javascript:alert(1)":          "", "data:text/html,x": "", "/local": "", "": "", "https://[": "", "JaVaScript:x": "",
	} {
		if got := link(address); string(got) != want {
			t.Errorf("%q leads to %q, want %q", address, got, want)
		}
	}
}

func TestPolicyTakesNoForeignDirectives(t *testing.T) {
	if got := policy("https://c.example", false); !strings.Contains(got, "form-action 'self' https://c.example;") {
		t.Errorf("policy %q", got)
	}
	for _, target := range []string{"https://c.example; script-src *", "https://a b", "https://a,b", "nonsense", "", "https://*"} {
		if got := policy(target, false); !strings.Contains(got, "form-action 'self';") {
			t.Errorf("policy for %q: %s", target, got)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add("https://c.example; script-src *")
	f.Add("org.example.app:")
	f.Fuzz(func(t *testing.T, target string) {
		got := policy(target, false)
		if strings.Count(got, ";") != 5 || strings.ContainsAny(got, ",\r\n") || strings.Count(got, "'none'") != 3 {
			t.Errorf("policy for %q: %s", target, got)
		}
	})
}

func TestTemplatesAreAllPages(t *testing.T) {
	entries, err := fs.ReadDir(templateFiles, "templates")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(entries), len(pageNames())+2; got != want {
		t.Errorf("%d template files, want %d", got, want)
	}
}
