package ui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tocsin/system/page"
)

// maxLocales bounds the languages that are looked at in one request.
const maxLocales = 16

// asked returns the language that somebody chose with the switch of a page; a
// form that was posted keeps it.
func asked(r *http.Request) string {
	choice := r.URL.Query().Get("ui_locales")
	if r.PostForm.Has("ui_locales") {
		choice = r.PostForm.Get("ui_locales")
	}
	// It is a list of BCP 47 tags (OpenID Connect Core, 3.1.2.1).
	for tag := range strings.FieldsSeq(choice) {
		if language := page.Language(tag); language != "" {
			return language
		}
	}
	return ""
}

// locales are the language chosen on the page, those the client asked for, and
// those the browser prefers, in this order.
func locales(r *http.Request, chosen string, requested []string) []string {
	var all []string
	if chosen != "" {
		all = append(all, chosen)
	}
	all = append(all, requested[:min(len(requested), maxLocales)]...)
	return append(all, accepted(r)...)
}

// accepted returns the languages of Accept-Language in the order given, which
// browsers keep sorted by preference.
func accepted(r *http.Request) []string {
	var languages []string
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		language, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		if language != "" && len(languages) < maxLocales {
			languages = append(languages, language)
		}
	}
	return languages
}

// here returns the page's own address for the language switch, without what
// the switch itself sets; "" when it would lead to another host.
func here(r *http.Request) string {
	if strings.HasPrefix(r.URL.Path, "//") {
		return ""
	}
	query := r.URL.Query()
	query.Del("ui_locales")
	if len(query) == 0 {
		return r.URL.Path
	}
	return r.URL.Path + "?" + query.Encode()
}

// openFrame is the frame of a page outside of a login.
func openFrame(r *http.Request, requested []string) page.Frame {
	chosen := asked(r)
	return page.Frame{Locales: locales(r, chosen, requested), Here: here(r), Asked: chosen}
}

// logo returns the path of a client's logo if it is on the host that r asked,
// and "" otherwise: an image from anywhere else would tell that place who is
// about to log in, and a page could not stand without it.
func logo(r *http.Request, address string) string {
	parsed, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(parsed.Path, "/") || strings.HasPrefix(parsed.Path, "//") {
		return ""
	}
	own := parsed.Host == "" || parsed.Scheme == "https" && strings.EqualFold(parsed.Host, r.Host)
	if !own || !slices.Contains([]string{"", "https"}, parsed.Scheme) {
		return ""
	}
	return parsed.EscapedPath()
}
