package page

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"regexp"
	"strings"
)

//go:embed templates/*.html
var templateFiles embed.FS

// blank is where a text has a value in it.
const blank = "%s"

// edition is all pages in one language.
type edition struct {
	language
	words words
	pages map[string]*template.Template
}

// compile makes the pages of one language. A template says [[key]] for a text,
// and [[key .Value]] for one with a value in it: the words are put in before
// the template is parsed, so that showing a page costs only what differs from
// one to the next. fixed holds what is the same in all languages, by key.
func compile(lang language, chosen words, fixed map[string]string) (*edition, error) {
	known := maps.Clone(chosen)
	maps.Copy(known, fixed)
	maps.Copy(known, map[string]string{"language.tag": lang.Tag, "language.direction": lang.Direction})
	shared, err := template.New("").Parse(languageSwitch(lang))
	if err != nil {
		return nil, fmt.Errorf("parse language switch: %w", err)
	}
	shared, err = parse(shared, known, "layout", "parts")
	if err != nil {
		return nil, err
	}
	made := &edition{language: lang, words: chosen, pages: map[string]*template.Template{}}
	for _, name := range pageNames() {
		base, err := shared.Clone()
		if err != nil {
			return nil, fmt.Errorf("copy shared templates: %w", err)
		}
		whole, err := parse(base, known, name)
		if err != nil {
			return nil, err
		}
		made.pages[name] = whole.Lookup("layout")
	}
	return made, nil
}

// languageSwitch defines the template of the links to the other languages,
// without a loop: what they are is known here.
func languageSwitch(shown language) string {
	var items strings.Builder
	for _, lang := range languages() {
		item := `<a href="{{.Here}}ui_locales=%[1]s" lang="%[1]s" hreflang="%[1]s" dir="%[2]s">%[3]s</a>`
		if lang == shown {
			item = `<span aria-current="true" lang="%[1]s" dir="%[2]s">%[3]s</span>`
		}
		fmt.Fprintf(&items, "<li>"+item+"</li>\n", lang.Tag, lang.Direction, lang.Name)
	}
	return `{{define "languages"}}` + items.String() + `{{end}}`
}

// pageNames returns the pages, each a template file of its own.
func pageNames() []string {
	return []string{"pin", "otp", "code", "wallet", "phone", "consent", "logout", "error"}
}

func parse(into *template.Template, known map[string]string, names ...string) (*template.Template, error) {
	for _, name := range names {
		source, err := fs.ReadFile(templateFiles, "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("read template: %w", err)
		}
		text, err := expand(string(source), known)
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		if _, err := into.Parse(text); err != nil {
			return nil, fmt.Errorf("parse template %s: %w", name, err)
		}
	}
	return into, nil
}

// expand puts texts into the source of a template. Texts are words, not
// markup, and cannot become template actions; their values are isolated, so
// that a Latin name does not disturb Arabic around it.
func expand(source string, known map[string]string) (string, error) {
	var problem error
	text := references().ReplaceAllStringFunc(source, func(match string) string {
		fields := strings.Fields(strings.Trim(match, "[]"))
		key, values := fields[0], fields[1:]
		raw, found := known[key]
		if !found {
			problem = fmt.Errorf("there is no text %q", key)
			return ""
		}
		pieces := strings.Split(template.HTMLEscapeString(raw), blank)
		if len(pieces) != len(values)+1 {
			problem = fmt.Errorf("text %q has %d values, its use %d", key, len(pieces)-1, len(values))
			return ""
		}
		var out strings.Builder
		for i, piece := range pieces {
			out.WriteString(strings.ReplaceAll(piece, "{", "&#123;"))
			if i < len(values) {
				out.WriteString("<bdi>{{" + values[i] + "}}</bdi>")
			}
		}
		return out.String()
	})
	return text, problem
}

// references finds the places of texts in the source of a template.
func references() *regexp.Regexp {
	return regexp.MustCompile(`\[\[[a-z0-9_.]+( [.$A-Za-z]+)*\]\]`)
}
