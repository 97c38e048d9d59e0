package explain

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tocsin/visual/page"
)

// Errors are those that a page shows to people, without another page to compare
// with.
func Errors(now *page.Page) []Change {
	if now == nil {
		return nil
	}
	d := &difference{before: newTree(&page.Page{}), now: newTree(now)}
	d.errors()
	return d.changes
}

// errors finds what went wrong in the eyes of a person: codes such as IDP-3200,
// error codes of OAuth 2.0, the pages of servers and gateways, and alerts. What
// the page showed before, it is meant to show.
func (d *difference) errors() {
	before := map[string]bool{}
	for _, found := range findErrors(d.before) {
		before[found.code+found.text] = true
	}
	for _, found := range findErrors(d.now) {
		if before[found.code+found.text] {
			continue
		}
		c := Change{Kind: Error, Code: found.code, Path: found.element.Path, Box: found.element.Box, Now: quote(found.text), prominent: found.code != ""}
		if found.code == "" {
			d.add(c, "an error is shown: %s", c.Now)
			continue
		}
		d.add(c, "error %s is shown: %s", found.code, c.Now)
	}
}

// coded is how products number their errors.
var coded = regexp.MustCompile(`\b[A-Z]{2,8}-\d{3,5}\b`)

type shownError struct {
	code, text string
	element    *page.Element
}

// findErrors returns the errors that a page shows, each once.
func findErrors(t *tree) (found []shownError) {
	add := func(code, text string, e *page.Element) {
		known := slices.ContainsFunc(found, func(s shownError) bool { return s.code == code && code != "" || s.text == text })
		if !known {
			found = append(found, shownError{code, text, e})
		}
	}
	for i := range t.page.Elements {
		e := t.at(i)
		if e.Masked {
			continue
		}
		if code := coded.FindString(e.Text); code != "" {
			add(code, sentence(t, i, len(code)+beside), e)
		} else if code := serverError(e.Text); code != "" && (e.Tag == "h1" || e.Tag == "title") {
			add(code, e.Text, e)
		} else if code := oauthError(e.Text); code != "" {
			add(code, sentence(t, i, len(code)+beside), e)
		} else if (e.Role == "alert" || e.Role == "alertdialog") && t.text(i) != "" && !coded.MatchString(t.text(i)) {
			add("", t.text(i), e)
		}
	}
	return found
}

// beside is how much must stand beside a code to say what went wrong: more than
// "Reference:" or "Your error code is".
const beside = 24

// sentence is what stands with a code: on error pages, that is what a person
// reads, and the code is for the help desk.
func sentence(t *tree, i, long int) string {
	for at := i; at > 0; at = t.at(at).Parent {
		if text := t.text(at); len(redact(text)) >= long && strings.ContainsRune(text, ' ') {
			return text
		}
	}
	return t.text(i)
}

// serverError recognises the pages of proxies and servers, such as 502 Bad Gateway.
func serverError(text string) string {
	if len(text) < 3 {
		return ""
	}
	status, err := strconv.Atoi(text[:3])
	if err != nil || status < 400 || http.StatusText(status) == "" {
		return ""
	}
	if strings.HasPrefix(strings.TrimSpace(text[3:]), http.StatusText(status)) {
		return text[:3]
	}
	return ""
}

// oauthError finds an error code of RFC 6749 or OpenID Connect Core that stands
// as a word of its own.
func oauthError(text string) string {
	known := []string{
		"invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope", "server_error",
		"temporarily_unavailable", "invalid_client", "invalid_grant", "unsupported_grant_type", "invalid_request_uri",
		"interaction_required", "login_required", "consent_required", "account_selection_required",
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		if slices.Contains(known, word) {
			return word
		}
	}
	return ""
}
