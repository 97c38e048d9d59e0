package page

import (
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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

func TestEveryLanguageHasEveryText(t *testing.T) {
	texts := newSet(t, "").texts
	want := slices.Sorted(maps.Keys(texts.builtin["en"]))
	for _, language := range Languages() {
		got := texts.builtin[language]
		if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, want) {
			t.Errorf("%s has keys %v, en has %v", language, keys, want)
		}
		for key, text := range got {
			if text == "" || strings.Count(text, "%s") != strings.Count(texts.builtin["en"][key], "%s") {
				t.Errorf("%s of %s: %q", key, language, text)
			}
		}
	}
}

func TestPagesHoldNothingThatRuns(t *testing.T) {
	set := newSet(t, "")
	answers := map[string]*httptest.ResponseRecorder{}
	for name, write := range map[string]func(*httptest.ResponseRecorder){
		"login": func(w *httptest.ResponseRecorder) {
			set.Login(w, 200, Login{Client: "<b>Tax</b>", FormTarget: "https://c.example"})
		},
		"consent": func(w *httptest.ResponseRecorder) {
			set.Consent(w, Consent{Client: "<b>Tax</b>", Claims: []string{"name", "birthdate"}})
		},
		"error": func(w *httptest.ResponseRecorder) {
			set.Error(w, 400, "", Failure{Kind: BadRequest, Detail: "<b>x</b>"})
		},
	} {
		answers[name] = httptest.NewRecorder()
		write(answers[name])
	}
	for name, answer := range answers {
		body := answer.Body.String()
		for _, forbidden := range []string{"<script", "<style", " style=", " onclick", "<b>", "http:", "https:"} {
			if strings.Contains(body, forbidden) {
				t.Errorf("%s contains %q", name, forbidden)
			}
		}
		for _, header := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control"} {
			if answer.Header().Get(header) == "" {
				t.Errorf("%s lacks header %s", name, header)
			}
		}
	}
	if policy := answers["login"].Header().Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https://c.example;") {
		t.Errorf("policy %q", policy)
	}
}

func TestPolicyTakesNoForeignDirectives(t *testing.T) {
	for _, target := range []string{"https://c.example; script-src *", "https://a b", "nonsense", ""} {
		if got := policy(target); !strings.Contains(got, "form-action 'self';") {
			t.Errorf("policy for %q: %s", target, got)
		}
	}
}

func TestOverriddenWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "texts.yaml")
	texts := newSet(t, file).texts
	now := time.Now()
	heading := func() string {
		now = now.Add(time.Second)
		return texts.refreshed(now)["en"]["login.heading"]
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"without a file the own words", func() {}, "Sign in"},
		{"a file that appears is taken", func() { write("login.heading: Log on\n") }, "Log on"},
		{"a change is taken", func() { write("login.heading: Log on here\n") }, "Log on here"},
		{"an unknown key changes nothing", func() { write("login.headin: Oops\n") }, "Log on here"},
		{"broken YAML changes nothing", func() { write(": [\n") }, "Log on here"},
		{"a lost place for the client changes nothing", func() { write("login.to: nowhere to go\n") }, "Log on here"},
		{"a file that vanishes gives the own words back", func() {
			if err := os.Remove(file); err != nil {
				t.Error(err)
			}
		}, "Sign in"},
	} {
		step.do()
		if got := heading(); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}

func FuzzOverriddenWords(f *testing.F) {
	f.Add([]byte("login.heading: x\n"))
	f.Add([]byte("login.to: '%s %d'\n"))
	texts := newSet(f, "").texts
	f.Fuzz(func(t *testing.T, text []byte) {
		merged, err := merge(texts.builtin, text)
		if err == nil && len(merged["en"]) != len(texts.builtin["en"]) {
			t.Error("words were added or lost")
		}
	})
}

func BenchmarkLogin(b *testing.B) {
	set := newSet(b, "")
	for b.Loop() {
		set.Login(httptest.NewRecorder(), 200, Login{Client: "Tax Office", Transaction: "t", CSRF: "c"})
	}
}
