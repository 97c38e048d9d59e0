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

// language is one that pages can speak.
type language struct {
	Tag, Name, Direction string
}

func languages() []language {
	return []language{{"en", "English", "ltr"}, {"nb", "Norsk", "ltr"}, {"ar", "العربية", "rtl"}}
}

// Languages returns the BCP 47 tags of those that pages can speak, the default
// first.
func Languages() []string {
	var tags []string
	for _, one := range languages() {
		tags = append(tags, one.Tag)
	}
	return tags
}

// Language returns the one of Languages that serves somebody who asks for
// locale, and "" when there is none.
func Language(locale string) string {
	base, _, _ := strings.Cut(locale, "-")
	if strings.EqualFold(base, "no") || strings.EqualFold(base, "nn") {
		base = "nb" // Norwegians read each other's written languages
	}
	for _, one := range languages() {
		if strings.EqualFold(one.Tag, base) {
			return one.Tag
		}
	}
	return ""
}

// words are the texts of one language by key.
type words map[string]string

// catalog is the words of all languages. It never changes; other words are
// another catalog.
type catalog struct {
	byLanguage map[string]words
}

// maxTexts bounds the file of overriding words.
const maxTexts = 64 << 10

// lookEvery is how often the file of overriding words is looked at, at most.
const lookEvery = 500 * time.Millisecond

// Texts are the words of all pages. A file may override them; it is read again
// when it has changed, at the next page that is shown.
type Texts struct {
	builtin *catalog
	file    string
	log     *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	seen    fileMark
	current *catalog
}

// fileMark tells one version of a file from another.
type fileMark struct {
	modified time.Time
	size     int64
}

// NewTexts returns the built-in words; file may override them and may be "".
func NewTexts(file string, log *slog.Logger) (*Texts, error) {
	builtin := &catalog{byLanguage: map[string]words{}}
	for _, tag := range Languages() {
		text, err := textFiles.ReadFile("texts/" + tag + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
		var parsed words
		if err := yaml.Unmarshal(text, &parsed); err != nil {
			return nil, fmt.Errorf("read texts of %s: %w", tag, err)
		}
		builtin.byLanguage[tag] = parsed
	}
	return &Texts{builtin: builtin, file: file, log: log, current: builtin}, nil
}

// choose returns the best language for locales (BCP 47 tags in order of
// preference).
func choose(locales []string) string {
	for _, locale := range locales {
		if found := Language(locale); found != "" {
			return found
		}
	}
	return languages()[0].Tag
}

// refreshed returns the words that hold now.
func (t *Texts) refreshed(now time.Time) *catalog {
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

func (t *Texts) override() (*catalog, error) {
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
func merge(builtin *catalog, text []byte) (*catalog, error) {
	var over words
	if err := yaml.Unmarshal(text, &over); err != nil {
		return nil, fmt.Errorf("parse words: %w", err)
	}
	known := builtin.byLanguage[languages()[0].Tag]
	for _, key := range slices.Sorted(maps.Keys(over)) {
		if _, exists := known[key]; !exists {
			return nil, fmt.Errorf("key %q is no text of the pages", key)
		}
		if strings.Count(over[key], blank) != strings.Count(known[key], blank) {
			return nil, fmt.Errorf("key %q must contain %s as often as %q", key, blank, known[key])
		}
	}
	merged := &catalog{byLanguage: map[string]words{}}
	for tag, original := range builtin.byLanguage {
		merged.byLanguage[tag] = maps.Clone(original)
		maps.Copy(merged.byLanguage[tag], over)
	}
	return merged, nil
}
