package explain

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"tocsin/visual/page"
)

// longest text that is quoted, in characters.
const longest = 80

// name is how a change calls an element: as briefly as it is still found.
func (t *tree) name(e *page.Element) string {
	switch {
	case e.ID != "":
		return "`#" + e.ID + "`"
	case e.Role == "button" || e.Role == "link" || e.Role == "textbox" || e.Role == "img":
		if e.Name != "" {
			return e.Role + " " + quote(e.Name)
		}
	}
	if t.tags[e.Tag] == 1 {
		return "`" + e.Tag + "`"
	}
	return "`" + shorten(e.Path) + "`"
}

// prominent elements are what people read first and what they act on.
func prominent(e *page.Element) bool {
	switch e.Role {
	case "alert", "alertdialog", "button", "checkbox", "dialog", "heading", "link", "radio", "status", "textbox":
		return true
	}
	return e.Tag == "h1" || e.Tag == "h2"
}

func quote(text string) string { return "“" + shorten(redact(text)) + "”" }

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func shorten(text string) string {
	if utf8.RuneCountInString(text) <= longest {
		return text
	}
	return string([]rune(text)[:longest-1]) + "…"
}

// What may tell who somebody is, or let somebody in: addresses, numbers of six
// digits and more, and long words with digits in them.
var (
	address  = regexp.MustCompile(`[\pL\pN._%+-]+@[\pL\pN-]+(\.[\pL\pN-]+)+`)
	number   = regexp.MustCompile(`\d([ -]?\d){5,}`)
	longWord = regexp.MustCompile(`[A-Za-z0-9_+/=.-]{24,}`)
)

// redact covers what is nobody's business.
func redact(text string) string {
	const covered = "•••"
	text = address.ReplaceAllString(text, covered)
	text = longWord.ReplaceAllStringFunc(text, func(word string) string {
		if strings.ContainsAny(word, "0123456789") {
			return covered
		}
		return word
	})
	return number.ReplaceAllString(text, covered)
}
