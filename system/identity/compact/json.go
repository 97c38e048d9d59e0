package compact

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxMembers bounds the members of one object.
const maxMembers = 64

// Members calls take with each member of the JSON object raw, in order. Names
// are compared exactly: encoding/json would take "ALG" for "alg", and the last
// of two members of one name, where another reader takes the first.
func Members(raw []byte, take func(name string, value []byte) error) error {
	raw = bytes.Trim(raw, " \t\r\n")
	if len(raw) == 0 || raw[0] != '{' || !json.Valid(raw) || !utf8.Valid(raw) {
		return ErrMalformed
	}
	var names [maxMembers]string
	count := 0
	at := skipSpace(raw, 1)
	for raw[at] != '}' {
		end := stringEnd(raw, at)
		name, err := String(raw[at:end])
		if err != nil || count == maxMembers || slices.Contains(names[:count], name) {
			return ErrMalformed
		}
		names[count] = name
		count++
		at = skipSpace(raw, skipSpace(raw, end)+1) // the colon
		end = valueEnd(raw, at)
		if err := take(name, raw[at:end:end]); err != nil {
			return err
		}
		at = skipSpace(raw, end)
		if raw[at] == ',' {
			at = skipSpace(raw, at+1)
		}
	}
	return nil
}

// The scanners below run over text that is known to be valid JSON.

func skipSpace(raw []byte, at int) int {
	for raw[at] == ' ' || raw[at] == '\t' || raw[at] == '\n' || raw[at] == '\r' {
		at++
	}
	return at
}

func stringEnd(raw []byte, at int) int {
	for at++; raw[at] != '"'; at++ {
		if raw[at] == '\\' {
			at++
		}
	}
	return at + 1
}

func valueEnd(raw []byte, at int) int {
	depth := 0
	for {
		switch raw[at] {
		case '"':
			at = stringEnd(raw, at)
			if depth == 0 {
				return at
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at // the end of the object that a scalar is the last in
			}
			if depth--; depth == 0 {
				return at + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return at
			}
		}
		at++
	}
}

// String decodes a JSON string.
func String(value []byte) (string, error) {
	if len(value) < 2 || value[0] != '"' {
		return "", ErrMalformed
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), nil
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", ErrMalformed
	}
	return text, nil
}

// Strings decodes a JSON array of at most most strings.
func Strings(value []byte, most int) ([]string, error) {
	var list []*string
	if len(value) == 0 || value[0] != '[' || json.Unmarshal(value, &list) != nil || len(list) > most {
		return nil, ErrMalformed
	}
	texts := make([]string, len(list))
	for i, text := range list {
		if text == nil {
			return nil, ErrMalformed
		}
		texts[i] = *text
	}
	return texts, nil
}

// latest is the last moment of the year 9999: a time beyond it is an error or
// an attempt at overflow.
const latest = 253402300799

// Time decodes a NumericDate (RFC 7519, 2): seconds, possibly with a fraction.
func Time(value []byte) (time.Time, error) {
	seconds, err := strconv.ParseFloat(string(value), 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > latest {
		return time.Time{}, ErrMalformed
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), nil
}
