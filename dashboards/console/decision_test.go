package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/dashboards/console"
)

// decision is a form that is complete.
func decision(name string) url.Values {
	return url.Values{"decision": {"approve"}, "by": {"Kari Nordmann"}, "reason": {"new\n words"}, "run_id": {"run-2"}, "sha256": {"sha-of-" + name}, "seen": {"1"}}
}

func (b *bench) post(name string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	b.t.Helper()
	request := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9464/visual/"+name+"/decision", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range change {
		c(request)
	}
	recorder := httptest.NewRecorder()
	b.console.ServeHTTP(recorder, request)
	return recorder
}

func with(form url.Values, key, value string) url.Values {
	form.Set(key, value)
	return form
}

func TestADecisionNeedsAPersonAReasonAndThePictureThatWasSeen(t *testing.T) {
	cases := map[string]struct {
		picture string
		form    url.Values
		code    int
		says    string
	}{
		"nobody":                   {"consent", with(decision("consent"), "by", " "), http.StatusBadRequest, "who decides"},
		"no reason":                {"consent", with(decision("consent"), "reason", ""), http.StatusBadRequest, "why the page looks different"},
		"a first one rejected":     {"otp", with(with(decision("otp"), "reason", ""), "decision", "reject"), http.StatusBadRequest, "what is wrong"},
		"neither":                  {"consent", with(decision("consent"), "decision", "maybe"), http.StatusBadRequest, "decision=approve"},
		"no picture named":         {"consent", with(decision("consent"), "sha256", ""), http.StatusBadRequest, "which picture"},
		"no run named":             {"consent", with(decision("consent"), "run_id", ""), http.StatusBadRequest, "which picture"},
		"a name without end":       {"consent", with(decision("consent"), "by", strings.Repeat("a", 101)), http.StatusBadRequest, "100 characters"},
		"a reason without end":     {"consent", with(decision("consent"), "reason", strings.Repeat("a", 501)), http.StatusBadRequest, "500 characters"},
		"control characters":       {"consent", with(decision("consent"), "reason", "a\x1b[2Jb"), http.StatusBadRequest, "no text"},
		"nothing to approve":       {"wallet", decision("wallet"), http.StatusBadRequest, "answered 503"},
		"another picture":          {"nobody", decision("nobody"), http.StatusNotFound, "/visual"},
		"a body without end":       {"consent", with(decision("consent"), "more", strings.Repeat("a", 20<<10)), http.StatusRequestEntityTooLarge, "shorten"},
		"a newer picture":          {"consent", with(decision("consent"), "sha256", "another"), http.StatusConflict, "this is the newer picture"},
		"decided by somebody else": {"consent", with(decision("consent"), "seen", "0"), http.StatusConflict, "Abebe approved a picture of this page"},
	}
	b, f := reviewing(t, true)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := b.post(c.picture, c.form)
			if got.Code != c.code || !strings.Contains(got.Body.String(), c.says) {
				t.Errorf("%d %.300s", got.Code, got.Body)
			}
			if kind := got.Header().Get("Content-Type"); c.code != http.StatusConflict && !strings.HasPrefix(kind, "text/plain") {
				t.Errorf("%s", kind)
			}
			if len(f.decisions()) != 0 {
				t.Errorf("decided %+v", f.decisions())
			}
		})
	}
}

func TestWhatWasTypedOutlivesANewerPicture(t *testing.T) {
	b, _ := reviewing(t, true)
	body := b.post("consent", with(decision("consent"), "sha256", "another")).Body.String()
	for _, want := range []string{`value="Kari Nordmann"`, `value="new words"`, `value="sha-of-consent"`, `role="alert"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, `value="approve" required checked`) {
		t.Error("it is decided beforehand about a picture that nobody has seen")
	}
	if got := b.get("/visual/consent/decision"); got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/visual/consent" {
		t.Errorf("reloaded, it answers %d", got.Code)
	}
}

func TestADecisionIsRecordedAndLeadsToTheNextPicture(t *testing.T) {
	b, f := reviewing(t, true)
	got := b.post("consent", decision("consent"))
	if at := got.Header().Get("Location"); got.Code != http.StatusSeeOther || at != "/visual/"+wrongPIN+"?decided=consent" {
		t.Fatalf("%d to %q: %s", got.Code, at, got.Body)
	}
	want := console.Decision{Picture: "consent", RunID: "run-2", SHA256: "sha-of-consent", Approve: true, By: "Kari Nordmann", Reason: "new words"}
	if all := f.decisions(); len(all) != 1 || all[0] != want {
		t.Errorf("%+v", all)
	}
	body := b.get(got.Header().Get("Location")).Body.String()
	if !strings.Contains(body, "approved by Kari Nordmann") || !strings.Contains(body, "“new words”") {
		t.Error("the next page does not say what was decided")
	}
	if !strings.Contains(body, `<option value="new words"></option><option value="as agreed"></option>`) || strings.Contains(body, `<option value="first">`) {
		t.Error("the next page does not offer the reasons of today, the newest first")
	}
	got = b.post(wrongPIN, with(decision(wrongPIN), "decision", "reject"))
	if at := got.Header().Get("Location"); at != "/visual/otp?decided="+wrongPIN {
		t.Errorf("to %q", at)
	}
	// Approving a first picture needs no reason.
	got = b.post("otp", with(with(decision("otp"), "reason", ""), "seen", "0"))
	if at := got.Header().Get("Location"); at != "/visual?decided=otp" {
		t.Errorf("to %q: %s", at, got.Body)
	}
	if all := f.decisions(); len(all) != 3 || all[1].Approve || !all[2].Approve {
		t.Errorf("%+v", all)
	}
	if g := b.gallery("/api/v1/visual"); g.Counts.Decide != 0 || g.Counts.Rejected != 2 || g.Counts.Approved != 3 {
		t.Errorf("%+v", g.Counts)
	}
}

func TestALaterRunWithTheSamePictureIsTheSamePicture(t *testing.T) {
	b, f := reviewing(t, true)
	f.change("consent", func(p *console.Picture) { p.RunID = "run-3" })
	if got := b.post("consent", decision("consent")); got.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	if all := f.decisions(); len(all) != 1 || all[0].RunID != "run-3" {
		t.Errorf("%+v", all)
	}
}

func TestOnlyAPersonAtTheConsoleDecides(t *testing.T) {
	b, f := reviewing(t, true)
	for name, change := range map[string]func(*http.Request){
		"a form of another site":            func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"an old browser, from another site": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"a name that was made to lead here": func(r *http.Request) { r.Host = "evil.example:9464" },
	} {
		got := b.post("consent", decision("consent"), change)
		if got.Code != http.StatusForbidden || !strings.HasPrefix(got.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
	if len(f.decisions()) != 0 {
		t.Errorf("decided %+v", f.decisions())
	}
	// Else a browser names no origin with the form, where it is not at localhost.
	if policy := b.get("/visual/consent").Header().Get("Referrer-Policy"); policy != "same-origin" {
		t.Errorf("referrer policy %q", policy)
	}
	for _, host := range []string{"localhost:9464", "[::1]:9464", "10.0.0.7"} {
		if got := b.post("consent", decision("consent"), func(r *http.Request) { r.Host = host }); got.Code == http.StatusForbidden {
			t.Errorf("%s: %s", host, got.Body)
		}
	}
}

func TestAConsoleThatOnlyShowsNamesTheCommand(t *testing.T) {
	b, f := reviewing(t, false)
	got := b.post("consent", decision("consent"))
	if got.Code != http.StatusForbidden || !strings.Contains(got.Body.String(), "tocsin visual approve") || len(f.decisions()) != 0 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	body := b.get("/visual/consent").Body.String()
	if strings.Contains(body, `<form method="post"`) || !strings.Contains(body, "tocsin visual reject consent --from run-2 --reason") {
		t.Error("the page lets decide, or does not say how")
	}
}

func TestWhatTheStoreRefusesIsToldAsItIs(t *testing.T) {
	for err, want := range map[error]int{
		fmt.Errorf("decide: %w", console.ErrNewerPicture):               http.StatusConflict,
		fmt.Errorf("%w: the picture is broken", console.ErrUndecidable): http.StatusBadRequest,
		fmt.Errorf("decide: %w", console.ErrNoPicture):                  http.StatusNotFound,
		http.ErrServerClosed: http.StatusServiceUnavailable,
	} {
		b, f := reviewing(t, true)
		b.showing(refusing{f, err}, true)
		if got := b.post("consent", decision("consent")); got.Code != want {
			t.Errorf("%v: %d %.200s", err, got.Code, got.Body)
		}
	}
}

// refusing decides nothing.
type refusing struct {
	*folderOfPictures
	err error
}

func (r refusing) Decide(context.Context, console.Decision) error { return r.err }

func TestTheVersionChangesWithWhatThereIsToSee(t *testing.T) {
	b, f := reviewing(t, true)
	before := b.gallery("/api/v1/visual").Version
	f.change("consent", func(p *console.Picture) { p.At, p.RunID = time.Now(), "run-9" })
	if b.gallery("/api/v1/visual").Version != before {
		t.Error("another run that saw the same is something new")
	}
	f.change("consent", func(p *console.Picture) { p.SHA256 = "new" })
	if b.gallery("/api/v1/visual").Version == before {
		t.Error("a new picture is nothing new")
	}
}
