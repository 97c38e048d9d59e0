package httpcheck

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// answer is what came back, as far as the promises are about it.
type answer struct {
	host   string
	status int
	header http.Header
	body   []byte
	took   time.Duration
	expiry time.Time
	tls    *tls.ConnectionState
}

// assertion is one promise about an answer; it returns nil where it is kept.
type assertion func(answer) *exchange.Failure

// assertions compiles the promises of e about headers and body.
func (e *Expect) assertions() ([]assertion, error) {
	var all []assertion
	for _, header := range e.Headers {
		compiled, err := header.compile()
		if err != nil {
			return nil, err
		}
		all = append(all, compiled)
	}
	for _, body := range e.Body {
		compiled, err := body.compile()
		if err != nil {
			return nil, err
		}
		all = append(all, compiled)
	}
	if len(e.JSON) > 0 {
		compiled, err := compileJSON(e.JSON)
		if err != nil {
			return nil, err
		}
		all = append(all, compiled)
	}
	return all, nil
}

// statuses are the codes that are expected, as a set of single codes and
// classes.
type statuses []status

type status struct{ from, to int }

func parseStatuses(texts []string) (statuses, error) {
	if len(texts) == 0 {
		return statuses{{200, 299}}, nil
	}
	all := make(statuses, 0, len(texts))
	for _, text := range texts {
		parsed, err := parseStatus(text)
		if err != nil {
			return nil, err
		}
		all = append(all, parsed)
	}
	return all, nil
}

func parseStatus(text string) (status, error) {
	class, isClass := strings.CutSuffix(strings.ToLower(text), "xx")
	code, err := strconv.Atoi(class)
	switch {
	case err == nil && isClass && code >= 1 && code <= 5:
		return status{code * 100, code*100 + 99}, nil
	case err == nil && !isClass && code >= 100 && code <= 599:
		return status{code, code}, nil
	}
	return status{}, fmt.Errorf("%q is no status", text)
}

func (all statuses) has(code int) bool {
	for _, one := range all {
		if code >= one.from && code <= one.to {
			return true
		}
	}
	return false
}

func (h HeaderAssertion) compile() (assertion, error) {
	pattern, err := regexp.Compile(h.Matches)
	if err != nil {
		return nil, fmt.Errorf("header %s: %w", h.Name, err)
	}
	return func(a answer) *exchange.Failure {
		values := a.header.Values(h.Name)
		switch {
		case h.Absent && len(values) > 0:
			return broken("the header %s is there, and must not be", h.Name)
		case h.Absent:
			return nil
		case len(values) == 0:
			return broken("the header %s is missing", h.Name)
		}
		for _, value := range values {
			if h.Equals != nil && value == *h.Equals || h.Equals == nil && pattern.MatchString(value) {
				return nil
			}
		}
		if h.Equals != nil {
			return broken("the header %s is not %q", h.Name, *h.Equals)
		}
		return broken("the header %s does not match %s", h.Name, h.Matches)
	}, nil
}

func (b BodyAssertion) compile() (assertion, error) {
	text, want := b.Matches, true
	if b.Lacks != "" {
		text, want = b.Lacks, false
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return func(a answer) *exchange.Failure {
		switch found := pattern.Match(a.body); {
		case found == want:
			return nil
		case want:
			return broken("nothing in the body matches %s", text)
		default:
			return broken("something in the body matches %s, and must not", text)
		}
	}, nil
}

func broken(format string, values ...any) *exchange.Failure {
	return exchange.Brokenf(verdict.Assertion, format, values...)
}

// decode reads the one JSON value of a body. Numbers become float64, which is
// what JSONPath compares.
func decode(a answer) (any, *exchange.Failure) {
	if len(a.body) == 0 {
		return nil, exchange.Brokenf(verdict.Content, "the answer of %s is empty where JSON is promised", a.host)
	}
	if !utf8.Valid(a.body) {
		return nil, exchange.Brokenf(verdict.Content, "the answer of %s is not JSON: it is not UTF-8 (RFC 8259, section 8.1)", a.host)
	}
	var value any
	if err := json.Unmarshal(a.body, &value); err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the answer of %s is not JSON: %v", a.host, err)
	}
	return value, nil
}
