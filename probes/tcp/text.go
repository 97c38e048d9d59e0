package tcpcheck

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// reference is ${name} in what is sent.
var reference = regexp.MustCompile(`\$\{(\w+)\}`)

// references lists the groups that a text refers to.
func references(text string) []string {
	var names []string
	for _, found := range reference.FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	return names
}

// substitute puts groups in their places.
func substitute(text string, groups map[string]string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	return reference.ReplaceAllStringFunc(text, func(found string) string { return groups[found[2:len(found)-1]] })
}

// named are groups by number and by name.
func named(expression *regexp.Regexp, groups []string) map[string]string {
	if len(groups) == 1 {
		return map[string]string{"0": groups[0]}
	}
	all := make(map[string]string, 2*len(groups))
	for index, name := range expression.SubexpNames() {
		all[strconv.Itoa(index)] = groups[index]
		if name != "" {
			all[name] = groups[index]
		}
	}
	return all
}

// hidden stands for what came out of a file.
const hidden = "[from a file]"

// secretsOf are the words of a file that must not be shown: a server may repeat
// any of them. Verbs of a protocol, such as AUTH, are none.
func secretsOf(text string) []string {
	secrets := []string{text}
	for _, word := range strings.Fields(text) {
		if !verb.MatchString(word) {
			secrets = append(secrets, word)
		}
	}
	return secrets
}

// verb is a word of a protocol, or too short to be told from one.
var verb = regexp.MustCompile(`^([A-Z]{1,10}|.{1,3})$`)

const (
	maxQuoted     = 120
	maxTranscript = 64 << 10
)

func (t *talk) masked(text string) string {
	for _, secret := range t.secrets {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	return text
}

// quote is a piece of an answer, for a sentence.
func (t *talk) quote(text string) string {
	text = t.masked(text)
	if len(text) > maxQuoted {
		return strconv.Quote(text[:maxQuoted]) + "…"
	}
	return strconv.Quote(text)
}

// note writes down what was said.
func (t *talk) note(direction, text string) {
	if text == "" || t.transcript.Len() > maxTranscript {
		return
	}
	fmt.Fprintf(&t.transcript, "%s %q\n", direction, t.masked(text))
}
