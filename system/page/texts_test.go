package page

import (
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/system/identity/claim"
)

func TestEveryLanguageHasEveryText(t *testing.T) {
	all := newSet(t, "").texts.builtin.byLanguage
	want := slices.Sorted(maps.Keys(all["en"]))
	for _, tag := range Languages() {
		if keys := slices.Sorted(maps.Keys(all[tag])); !slices.Equal(keys, want) {
			t.Errorf("%s has keys %v, en has %v", tag, keys, want)
		}
		for key, text := range all[tag] {
			if text == "" || strings.Count(text, blank) != strings.Count(all["en"][key], blank) {
				t.Errorf("%s of %s: %q", key, tag, text)
			}
			if tag == "ar" && text == all["en"][key] {
				t.Errorf("%s is not translated: %q", key, text)
			}
		}
	}
}

func TestEveryTextIsUsed(t *testing.T) {
	used := map[string]bool{}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := fs.ReadFile(templateFiles, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range references().FindAllString(string(source), -1) {
			used[strings.Fields(strings.Trim(match, "[]"))[0]] = true
		}
	}
	for _, kind := range Kinds() {
		used["error."+string(kind)+".heading"], used["error."+string(kind)+".text"] = true, true
	}
	for _, way := range []string{ByPIN, ByOTP, ByWallet} {
		used["login.by."+way] = true
	}
	for _, problem := range Problems() {
		used["problem."+string(problem)] = true
	}
	for _, name := range claim.Supported() {
		used["claim."+name] = true
	}
	texts := newSet(t, "").texts.builtin.byLanguage["en"]
	for key := range texts {
		if !used[key] {
			t.Errorf("text %q is used nowhere", key)
		}
	}
	for key := range used {
		if prefix, _, _ := strings.Cut(key, "."); texts[key] == "" && !slices.Contains([]string{"base", "asset", "language"}, prefix) {
			t.Errorf("text %q does not exist", key)
		}
	}
}

func TestLanguageIsTheFirstThatIsSpoken(t *testing.T) {
	for locales, want := range map[string]string{
		"": "en", "fr": "en", "nb-NO": "nb", "no": "nb", "nn en": "nb", "fr AR-eg nb": "ar", "EN-GB nb": "en", "- ar": "ar",
	} {
		if got := choose(strings.Fields(locales)); got != want {
			t.Errorf("%q gives %s, want %s", locales, got, want)
		}
	}
}

func TestOverriddenWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "texts.yaml")
	texts := newSet(t, file).texts
	now := time.Now()
	heading := func() string {
		now = now.Add(time.Second)
		return texts.refreshed(now).byLanguage["en"]["login.heading"]
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

// TestWordsChangeWhilePagesAreShown: nobody sees half of a change.
func TestWordsChangeWhilePagesAreShown(t *testing.T) {
	set := newSet(t, "")
	other, err := merge(set.texts.builtin, []byte("login.heading: Log on\nlogin.submit: Log on\n"))
	if err != nil {
		t.Fatal(err)
	}
	var people sync.WaitGroup
	for range 4 {
		people.Go(func() {
			for range 50 {
				w := httptest.NewRecorder()
				set.PIN(w, 200, &PIN{Step: step("en")})
				body := w.Body.String()
				if strings.Contains(body, "<h1>Log on") != strings.Contains(body, `"submit">Log on`) {
					t.Error("old and new words on one page")
				}
			}
		})
	}
	for i := range 4 {
		set.texts.mu.Lock()
		set.texts.current = []*catalog{other, set.texts.builtin}[i%2]
		set.texts.mu.Unlock()
		set.PIN(httptest.NewRecorder(), 200, &PIN{Step: step("nb")})
	}
	people.Wait()
}

// FuzzOverriddenWords: whatever words an operator gives, the pages compile and
// the words are words, not markup or template actions.
func FuzzOverriddenWords(f *testing.F) {
	f.Add("Log on", "to %s")
	f.Add(`{{.Page.CSRF}}`, `<script>%s</script>`)
	f.Add(`[[login.pin]]{{define "layout"}}`, `{{end}}%s"`)
	set := newSet(f, "")
	f.Fuzz(func(t *testing.T, heading, to string) {
		if strings.Count(heading, blank) != 0 || strings.Count(to, blank) != 1 {
			t.Skip()
		}
		over := &catalog{byLanguage: map[string]words{}}
		for tag, original := range set.texts.builtin.byLanguage {
			over.byLanguage[tag] = maps.Clone(original)
			over.byLanguage[tag]["login.heading"], over.byLanguage[tag]["login.to"] = heading, to
		}
		made, err := set.compile(over)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := made.byLanguage["en"].pages["pin"].Execute(&out, &view{Client: "Tax"}); err != nil {
			t.Fatal(err)
		}
		if body := out.String(); strings.Contains(body, "<script") || strings.Contains(heading, "{{.") && !strings.Contains(body, "&#123;") {
			t.Errorf("words %q, %q became %s", heading, to, body)
		}
	})
}

// FuzzTexts: a file of words is taken whole or not at all.
func FuzzTexts(f *testing.F) {
	f.Add([]byte("login.heading: x\n"))
	f.Add([]byte("login.to: '%s %d'\n"))
	texts := newSet(f, "").texts
	f.Fuzz(func(t *testing.T, text []byte) {
		merged, err := merge(texts.builtin, text)
		if err == nil && len(merged.byLanguage["en"]) != len(texts.builtin.byLanguage["en"]) {
			t.Error("words were added or lost")
		}
	})
}
