package page

import (
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed texts/*.yaml
var textFiles embed.FS

// Languages returns those that pages can speak, the default first.
func Languages() []string { return []string{"en", "nb"} }

// words are the texts of one language by key.
type words map[string]string

// maxTexts bounds the file of overriding words.
const maxTexts = 64 << 10

// lookEvery is how often the file of overriding words is looked at, at most.
const lookEvery = 500 * time.Millisecond

// Texts are the words of all pages. A file may override them; it is read again
// when it has changed, at the next page that is shown.
type Texts struct {
	builtin map[string]words
	file    string
	log     *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	seen    fileMark
	current map[string]words
}

// fileMark tells one version of a file from another.
type fileMark struct {
	modified time.Time
	size     int64
}

// NewTexts returns the built-in words; file may override them and may be "".
func NewTexts(file string, log *slog.Logger) (*Texts, error) {
	texts := &Texts{builtin: map[string]words{}, file: file, log: log}
	for _, language := range Languages() {
		text, err := textFiles.ReadFile("texts/" + language + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
		var parsed words
		if err := yaml.Unmarshal(text, &parsed); err != nil {
			return nil, fmt.Errorf("read texts of %s: %w", language, err)
		}
		texts.builtin[language] = parsed
	}
	texts.current = texts.builtin
	return texts, nil
}

// choose returns the best language for locales (BCP 47 tags in order of
// preference) with its words.
func (t *Texts) choose(locales []string) (string, words) {
	all := t.refreshed(time.Now())
	for _, locale := range locales {
		base, _, _ := strings.Cut(strings.ToLower(locale), "-")
		if base == "no" {
			base = "nb"
		}
		if found, known := all[base]; known {
			return base, found
		}
	}
	return Languages()[0], all[Languages()[0]]
}

func (t *Texts) refreshed(now time.Time) map[string]words {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == "" || now.Sub(t.looked) < lookEvery {
		return t.current
	}
	t.looked = now
	var mark fileMark
	if info, err := os.Stat(t.file); err == nil {
		mark = fileMark{modified: info.ModTime(), size: info.Size()}
	}
	if mark == t.seen {
		return t.current
	}
	t.seen = mark
	if mark == (fileMark{}) {
		t.current = t.builtin
		t.log.Info("overriding words are gone", "file", t.file)
		return t.current
	}
	overridden, err := t.override()
	if err != nil {
		t.log.Error("overriding words not taken; the last good ones stay", "file", t.file, "error", err)
		return t.current
	}
	t.current = overridden
	t.log.Info("overriding words taken", "file", t.file)
	return t.current
}

func (t *Texts) override() (map[string]words, error) {
	text, err := os.ReadFile(t.file)
	if err != nil {
		return nil, err
	}
	if len(text) > maxTexts {
		return nil, errors.New("file is too large")
	}
	return merge(t.builtin, text)
}

// merge returns builtin with the words in text put over those of every language.
func merge(builtin map[string]words, text []byte) (map[string]words, error) {
	var over words
	if err := yaml.Unmarshal(text, &over); err != nil {
		return nil, fmt.Errorf("parse words: %w", err)
	}
	known := builtin[Languages()[0]]
	for _, key := range slices.Sorted(maps.Keys(over)) {
		if _, exists := known[key]; !exists {
			return nil, fmt.Errorf("key %q is no text of the pages", key)
		}
		if strings.Count(over[key], "%s") != strings.Count(known[key], "%s") {
			return nil, fmt.Errorf("key %q must contain %%s as often as %q", key, known[key])
		}
	}
	merged := map[string]words{}
	for language, original := range builtin {
		merged[language] = maps.Clone(original)
		maps.Copy(merged[language], over)
	}
	return merged, nil
}
