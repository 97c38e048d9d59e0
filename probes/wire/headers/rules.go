package headers

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is what a rule judges.
type answer struct {
	https  bool
	status int
	header http.Header
	body   []byte
	// token is true where the plan says that the answer has a secret in it.
	token bool
}

// Violation is one rule that one answer breaks.
type Violation struct {
	// Rule is the name to write into except.
	Rule   string
	Header string
	Why    string
}

func (v Violation) String() string { return v.Header + " " + v.Why }

// rule judges one header of an answer; each string it returns is a violation.
type rule struct {
	name   string
	header string
	judge  func(Limits, answer) []string
}

// rules of the policy strict, in the order they are reported.
func rules() []rule {
	return []rule{
		{"hsts", "Strict-Transport-Security", judgeHSTS},
		{"csp", "Content-Security-Policy", func(_ Limits, a answer) []string {
			if !a.isPage() {
				return nil
			}
			return judgeCSP(a.header.Values("Content-Security-Policy"))
		}},
		{"nosniff", "X-Content-Type-Options", judgeNosniff},
		{"content-type", "Content-Type", judgeContentType},
		{"referrer", "Referrer-Policy", judgeReferrer},
		{"permissions", "Permissions-Policy", judgePermissions},
		{"cookies", "Set-Cookie", judgeCookies},
		{"cache", "Cache-Control", judgeCache},
		{"server", "Server", judgeServer},
	}
}

func ruleNames() []string {
	var names []string
	for _, r := range rules() {
		names = append(names, r.name)
	}
	return names
}

// judge returns every violation of one answer, but those of rules in except.
func judge(limits Limits, a answer, except []string) []Violation {
	var all []Violation
	for _, r := range rules() {
		if slices.Contains(except, r.name) {
			continue
		}
		for _, why := range r.judge(limits, a) {
			all = append(all, Violation{r.name, r.header, why})
		}
	}
	return all
}

func (a answer) isPage() bool {
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	return err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
}

// judgeHSTS reads RFC 6797, section 6.1. Over plain HTTP the header means
// nothing (section 7.2).
func judgeHSTS(limits Limits, a answer) []string {
	if !a.https {
		return nil
	}
	values := a.header.Values("Strict-Transport-Security")
	if len(values) == 0 {
		return []string{"is missing"}
	}
	var wrong []string
	if len(values) > 1 {
		wrong = append(wrong, fmt.Sprintf("is sent %d times; browsers obey the first only", len(values)))
	}
	directives := directivesOf(values[0])
	age, err := strconv.ParseInt(directives["max-age"], 10, 64)
	least := int64(limits.HSTSMaxAge / time.Second)
	switch {
	case err != nil || age < 0:
		return append(wrong, fmt.Sprintf("has no usable max-age: %q", values[0]))
	case age < least:
		wrong = append(wrong, fmt.Sprintf("has max-age=%d, less than %d (%d days)", age, least, least/86400))
	}
	if _, set := directives["includesubdomains"]; !set && !limits.HSTSHostOnly {
		wrong = append(wrong, "lacks includeSubDomains")
	}
	return wrong
}

// directivesOf reads "a=1; b", names in lower case, quotes taken off.
func directivesOf(value string) map[string]string {
	read := map[string]string{}
	for part := range strings.SplitSeq(value, ";") {
		name, text, _ := strings.Cut(part, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := read[name]; name != "" && !twice {
			read[name] = strings.Trim(strings.TrimSpace(text), `"`)
		}
	}
	return read
}

func judgeNosniff(_ Limits, a answer) []string {
	value := strings.Join(a.header.Values("X-Content-Type-Options"), ", ")
	// Only the first value counts (Fetch standard, "determine nosniff").
	first, _, _ := strings.Cut(value, ",")
	switch {
	case len(a.body) == 0 || strings.EqualFold(strings.TrimSpace(first), "nosniff"):
		return nil
	case value == "":
		return []string{"is missing"}
	}
	return []string{fmt.Sprintf("is %q instead of nosniff", value)}
}

func judgeContentType(_ Limits, a answer) []string {
	if len(a.body) > 0 && a.header.Get("Content-Type") == "" {
		return []string{"is missing, so browsers guess what the body is"}
	}
	return nil
}

// judgeReferrer lets no path or query go to another site: queries carry codes.
func judgeReferrer(_ Limits, a answer) []string {
	if !a.isPage() {
		return nil
	}
	values := a.header.Values("Referrer-Policy")
	if len(values) == 0 {
		return []string{"is missing on a page"}
	}
	known := []string{
		"no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
		"origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url",
	}
	// The last one a browser knows counts (Referrer Policy, section 8.1).
	effective := ""
	for word := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if word = strings.ToLower(strings.TrimSpace(word)); slices.Contains(known, word) {
			effective = word
		}
	}
	switch effective {
	case "no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin":
		return nil
	case "":
		return []string{fmt.Sprintf("has no known value: %q", strings.Join(values, ", "))}
	}
	return []string{fmt.Sprintf("is %s, which tells other sites or plain HTTP where a person was", effective)}
}

func judgePermissions(limits Limits, a answer) []string {
	if limits.Permissions && a.isPage() && a.header.Get("Permissions-Policy") == "" {
		return []string{"is missing on a page"}
	}
	return nil
}

// judgeCache wants that nothing with a secret in it is kept (RFC 6749, section
// 5.1; RFC 9111, section 5.2.2.5).
func judgeCache(_ Limits, a answer) []string {
	var why string
	switch {
	case a.token:
		why = "an answer with a secret in it"
	case hasToken(a.body):
		why = "an answer that has a token in it"
	case strings.Contains(a.header.Get("Location"), "code="):
		why = "a redirect that carries a code"
	default:
		return nil
	}
	for directive := range strings.SplitSeq(strings.Join(a.header.Values("Cache-Control"), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(directive), "no-store") {
			return nil
		}
	}
	return []string{fmt.Sprintf("is %q and not no-store on %s", a.header.Get("Cache-Control"), why)}
}

// hasToken reports whether body is a JSON object with a member that is a
// credential.
func hasToken(body []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return false
	}
	for _, name := range []string{"access_token", "id_token", "refresh_token", "client_secret", "pre-authorized_code"} {
		if value, set := members[name]; set && len(value) > 0 && value[0] == '"' {
			return true
		}
	}
	return false
}

func judgeServer(_ Limits, a answer) []string {
	// A version is a number with a dot in it, or after a slash.
	version := regexp.MustCompile(`[0-9]+\.[0-9]|/[0-9]`)
	var wrong []string
	for _, name := range []string{"Server", "X-Powered-By", "X-AspNet-Version", "X-AspNetMvc-Version", "X-Generator", "Via"} {
		value := a.header.Get(name)
		if name == "Via" {
			// "1.1 proxy" is the version of HTTP, and required (RFC 9110,
			// section 7.6.3).
			_, value, _ = strings.Cut(value, " ")
		}
		if version.MatchString(value) {
			wrong = append(wrong, fmt.Sprintf("tells the version of the software (%s: %s)", name, value))
		}
	}
	return wrong
}
