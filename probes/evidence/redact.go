package evidence

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// shortestSecret is the shortest text that is looked for everywhere. Anything
// shorter would be found in half of all words; it is still taken out of the
// parameters and fields that carry secrets.
const shortestSecret = 4

// Redactor takes secrets out of text. What it knows by value it finds in every
// common encoding; the rest it finds by where it stands and how it looks.
type Redactor struct {
	known *strings.Replacer
}

// NewRedactor makes a redactor that knows secrets by value.
func NewRedactor(secrets []string) *Redactor {
	var pairs []string
	seen := map[string]bool{}
	for _, secret := range secrets {
		for _, form := range encodings(secret) {
			if len(form) >= shortestSecret && !seen[form] {
				seen[form] = true
				pairs = append(pairs, form)
			}
		}
	}
	// The replacer prefers what is listed first: long forms before those that
	// are part of them.
	slices.SortStableFunc(pairs, func(a, b string) int { return len(b) - len(a) })
	replacements := make([]string, 0, 2*len(pairs))
	for _, form := range pairs {
		replacements = append(replacements, form, "[redacted]")
	}
	return &Redactor{known: strings.NewReplacer(replacements...)}
}

// encodings are the forms in which a secret travels.
func encodings(secret string) []string {
	if len(secret) < shortestSecret {
		return nil
	}
	quoted, err := json.Marshal(secret)
	if err != nil {
		quoted = nil // no text is refused by Marshal
	}
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
}

var (
	// compactJOSE is a JWS or JWE in compact form (RFC 7515, RFC 7516). Its
	// header begins with {" in base64url.
	compactJOSE = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){1,4}(?:~[A-Za-z0-9_.~-]*)?`)
	longWord    = regexp.MustCompile(`[A-Za-z0-9_+=-]{20,}`)
	inputValue  = regexp.MustCompile(`(?i)(<input\b[^>]*\bvalue\s*=\s*)("[^"]*"|'[^']*'|[^\s>]+)`)
	parameter   = regexp.MustCompile(`([?&](?:amp;)?)([A-Za-z0-9_.~-]+)=([^&#"'<>\s]*)`)
)

// Text takes secrets out of any text.
func (r *Redactor) Text(text string) string {
	text = r.known.Replace(text)
	text = compactJOSE.ReplaceAllStringFunc(text, describeJOSE)
	text = parameter.ReplaceAllStringFunc(text, func(found string) string {
		part := parameter.FindStringSubmatch(found)
		return part[1] + part[2] + "=" + parameterValue(part[2], part[3])
	})
	return longWord.ReplaceAllStringFunc(text, func(word string) string {
		if !opaque(word) {
			return word
		}
		return redacted(word)
	})
}

// sentence takes secrets out of what a probe said, which may quote a page. What
// only looks random stays: it may be the name of a key that is wrong.
func (r *Redactor) sentence(text string) string {
	text = compactJOSE.ReplaceAllStringFunc(r.known.Replace(text), describeJOSE)
	return parameter.ReplaceAllStringFunc(text, func(found string) string {
		part := parameter.FindStringSubmatch(found)
		return part[1] + part[2] + "=" + parameterValue(part[2], part[3])
	})
}

func redacted(value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf("[redacted, %d characters]", len(value))
}

// describeJOSE keeps the protected header of a token, which says how it was
// made, and drops what it says and its signature.
func describeJOSE(token string) string {
	first, _, _ := strings.Cut(token, ".")
	header, err := base64.RawURLEncoding.DecodeString(first)
	var fields struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
		KeyID     string `json:"kid"`
	}
	if err != nil || json.Unmarshal(header, &fields) != nil {
		return redacted(token)
	}
	return fmt.Sprintf("[redacted %s, alg %s, kid %s, %d characters]", orNone(fields.Type), orNone(fields.Algorithm), orNone(fields.KeyID), len(token))
}

func orNone(text string) string {
	if text == "" {
		return "-"
	}
	const longest = 64
	return text[:min(len(text), longest)]
}

// opaque guesses whether a word is a random value: long, and a mixture that no
// language has.
func opaque(word string) bool {
	var upper, lower, digits int
	for _, r := range word {
		switch {
		case r >= 'A' && r <= 'Z':
			upper++
		case r >= 'a' && r <= 'z':
			lower++
		case r >= '0' && r <= '9':
			digits++
		}
	}
	switch {
	case digits >= 2 && upper >= 2 && lower >= 2:
		return true // base64url, base62
	case digits >= 2 && upper >= 12 && lower == 0:
		return true // base32
	case digits >= 6 && lower+digits >= 32 && upper == 0:
		return true // hex
	case len(word) >= 40 && upper >= 4 && lower >= 4:
		return true
	}
	return false
}

// plainParameters are the parameters of a request or response that say what is
// asked for, and no secret. Every other value is taken out: a provider may
// carry its session in a parameter of any name.
var plainParameters = map[string]bool{
	"response_type": true, "client_id": true, "redirect_uri": true, "scope": true, "prompt": true, "max_age": true,
	"acr_values": true, "ui_locales": true, "display": true, "response_mode": true, "code_challenge_method": true,
	"grant_type": true, "client_assertion_type": true, "token_type_hint": true, "resource": true, "audience": true,
	"error": true, "error_description": true, "error_uri": true, "iss": true, "post_logout_redirect_uri": true,
	"credential_configuration_id": true, "module": true, "target": true, "lang": true, "locale": true,
}

func parameterValue(name, value string) string {
	if plainParameters[name] {
		return value
	}
	return redacted(value)
}

// URL takes secrets out of an address.
func (r *Redactor) URL(address string) string {
	// Parsing may write a secret in yet another way, so it goes first.
	address = r.known.Replace(address)
	parsed, err := url.Parse(address)
	if err != nil {
		return r.Text(address)
	}
	if parsed.User != nil {
		parsed.User = url.User("redacted")
	}
	query := r.form(parsed.RawQuery)
	parsed.RawQuery, parsed.Fragment = "", ""
	text := r.Text(parsed.String())
	if query != "" {
		text += "?" + query
	}
	return text
}

// form takes secrets out of urlencoded parameters and keeps their order.
func (r *Redactor) form(encoded string) string {
	parts := strings.Split(encoded, "&")
	for index, part := range parts {
		name, value, found := strings.Cut(part, "=")
		if found {
			parts[index] = name + "=" + parameterValue(name, value)
		}
	}
	return r.known.Replace(strings.Join(parts, "&"))
}
