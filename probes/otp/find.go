package otp

import (
	"fmt"
	"regexp"
	"strings"

	"tocsin/internal/target"
)

// maxMessage bounds a message, in bytes.
const maxMessage = 256 << 10

// anyCode is four to eight digits that stand alone.
const anyCode = `(?:^|[^\w])(\d{4,8})(?:$|[^\w])`

// finder finds codes in messages.
type finder struct {
	pattern              *regexp.Regexp
	from, subject, match string
}

func newFinder(o target.OTP) (finder, error) {
	text := o.Pattern
	if text == "" {
		text = anyCode
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return finder{}, fmt.Errorf("pattern for one-time codes: %w", err)
	}
	return finder{pattern: pattern, from: strings.ToLower(o.From), subject: strings.ToLower(o.Subject), match: o.Match}, nil
}

// message is what came, in plain text.
type message struct{ from, subject, body string }

// code of a message, "" if it is not the one that is waited for.
func (f finder) code(m message) string {
	switch {
	case !strings.Contains(strings.ToLower(m.from), f.from), !strings.Contains(strings.ToLower(m.subject), f.subject):
		return ""
	case !strings.Contains(m.subject+"\n"+m.body, f.match):
		return ""
	}
	for _, text := range []string{m.body, m.subject} {
		found := f.pattern.FindStringSubmatch(text)
		switch {
		case found == nil:
		case len(found) > 1:
			return found[1]
		default:
			return found[0]
		}
	}
	return ""
}

// tally counts what came and was no code, for the person who has to find out
// why there is none.
type tally struct{ others int }

func (t *tally) about() string {
	if t.others == 0 {
		return ": no message came at all"
	}
	return fmt.Sprintf(": %d messages came, none of them from whom, about whom and with the code that is waited for", t.others)
}
