package ui

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxTyped bounds what a person types into one field, in bytes.
const maxTyped = 128

// secretOf returns a PIN that a person typed, as the provider knows it: Arabic
// and Persian keyboards have digits of their own. What cannot be one counts as
// nothing.
func secretOf(form url.Values, name string) string {
	text := form.Get(name)
	if len(text) > maxTyped || !utf8.ValidString(text) {
		return ""
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c >= '٠' && c <= '٩':
			return '0' + c - '٠'
		case c >= '۰' && c <= '۹':
			return '0' + c - '۰'
		}
		return c
	}, text)
}

// numberOf returns an id or a code that a person typed, as the provider knows
// it: people group digits as their cards and messages do.
func numberOf(form url.Values, name string) string {
	text := strings.TrimSpace(secretOf(form, name))
	number := true
	bare := strings.Map(func(c rune) rune {
		switch {
		case c >= '0' && c <= '9':
			return c
		case strings.ContainsRune(" \t-\u00a0\u200e\u200f\u202f", c):
			return -1
		}
		number = false
		return c
	}, text)
	if number {
		return bare
	}
	return text
}

// codeOf returns a link code that a person typed or that came with a link:
// codes are upper-case letters and digits, in groups when people are to read
// them. It returns "" for what can be none.
func codeOf(text string) string {
	if len(text) > maxTyped {
		return ""
	}
	valid := true
	code := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			return c
		case c == ' ' || c == '-':
			return -1
		}
		valid = false
		return -1
	}, text)
	if !valid {
		return ""
	}
	return code
}

// maxClaims bounds the claims in one consent.
const maxClaims = 64

// ticked returns the claims of a consent form, or false when no page of ours
// can have sent them.
func ticked(form url.Values) ([]string, bool) {
	claims := form["claims"]
	if len(claims) > maxClaims {
		return nil, false
	}
	for _, name := range claims {
		if len(name) > maxTyped || !utf8.ValidString(name) {
			return nil, false
		}
	}
	return claims, true
}
