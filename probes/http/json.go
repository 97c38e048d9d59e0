package httpcheck

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"

	"github.com/theory/jsonpath"
	"go.yaml.in/yaml/v3"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// promise is what must hold of the values that a path selects.
type promise struct {
	path  *jsonpath.Path
	holds func(selected []any) *exchange.Failure
}

// compileJSON compiles promises about one JSON body, which is then read once.
func compileJSON(all []JSONAssertion) (assertion, error) {
	promises := make([]promise, 0, len(all))
	for _, one := range all {
		path, err := jsonpath.Parse(one.Path)
		if err != nil {
			return nil, fmt.Errorf("path %s: %w", one.Path, err)
		}
		holds, err := one.compile()
		if err != nil {
			return nil, fmt.Errorf("path %s: %w", one.Path, err)
		}
		promises = append(promises, promise{path, holds})
	}
	return func(a answer) *exchange.Failure {
		value, failure := decode(a)
		if failure != nil {
			return failure
		}
		for _, one := range promises {
			if failure := one.holds(one.path.Select(value)); failure != nil {
				return failure
			}
		}
		return nil
	}, nil
}

func (j JSONAssertion) compile() (func([]any) *exchange.Failure, error) {
	switch {
	case j.Exists != nil:
		return j.existence(), nil
	case j.Count != nil:
		return func(selected []any) *exchange.Failure {
			if len(selected) != *j.Count {
				return broken("%s selects %d values, want %d", j.Path, len(selected), *j.Count)
			}
			return nil
		}, nil
	case j.Matches != "":
		return j.pattern()
	case j.Min != nil || j.Max != nil:
		return j.forEach(j.inRange), nil
	}
	want, err := plain(&j.Equals)
	if err != nil {
		return nil, err
	}
	return j.forEach(func(value any) string {
		if reflect.DeepEqual(value, want) {
			return ""
		}
		return fmt.Sprintf("%s is %s, want %s", j.Path, short(value), short(want))
	}), nil
}

func (j JSONAssertion) existence() func([]any) *exchange.Failure {
	return func(selected []any) *exchange.Failure {
		switch found := len(selected) > 0; {
		case found == *j.Exists:
			return nil
		case found:
			return broken("%s is there, and must not be", j.Path)
		default:
			return broken("%s is missing", j.Path)
		}
	}
}

// pattern does not show what did not match: it may be a secret.
func (j JSONAssertion) pattern() (func([]any) *exchange.Failure, error) {
	pattern, err := regexp.Compile(j.Matches)
	if err != nil {
		return nil, fmt.Errorf("matches: %w", err)
	}
	return j.forEach(func(value any) string {
		text, ok := value.(string)
		switch {
		case !ok:
			return fmt.Sprintf("%s is %s, want text that matches %s", j.Path, kind(value), j.Matches)
		case !pattern.MatchString(text):
			return fmt.Sprintf("%s does not match %s", j.Path, j.Matches)
		}
		return ""
	}), nil
}

func (j JSONAssertion) inRange(value any) string {
	number, ok := value.(float64)
	switch {
	case !ok:
		return fmt.Sprintf("%s is %s, want a number", j.Path, kind(value))
	case j.Min != nil && number < *j.Min:
		return fmt.Sprintf("%s is %v, less than %v", j.Path, number, *j.Min)
	case j.Max != nil && number > *j.Max:
		return fmt.Sprintf("%s is %v, more than %v", j.Path, number, *j.Max)
	}
	return ""
}

// forEach demands that a path selects something and that all of it is right: a
// promise about nothing is not kept.
func (j JSONAssertion) forEach(wrong func(any) string) func([]any) *exchange.Failure {
	return func(selected []any) *exchange.Failure {
		if len(selected) == 0 {
			return broken("%s is missing", j.Path)
		}
		for _, value := range selected {
			if problem := wrong(value); problem != "" {
				return exchange.Brokenf(verdict.Assertion, "%s", problem)
			}
		}
		return nil
	}
}

// plain turns a value of YAML into what a JSON decoder would make of it.
func plain(node *yaml.Node) (any, error) {
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return asJSON(value)
}

func asJSON(value any) (any, error) {
	switch value := value.(type) {
	case nil, bool, string, float64:
		return value, nil
	case int:
		return float64(value), nil
	case []any:
		list := make([]any, len(value))
		for index, item := range value {
			converted, err := asJSON(item)
			if err != nil {
				return nil, err
			}
			list[index] = converted
		}
		return list, nil
	case map[string]any:
		mapping := make(map[string]any, len(value))
		for key, item := range value {
			converted, err := asJSON(item)
			if err != nil {
				return nil, err
			}
			mapping[key] = converted
		}
		return mapping, nil
	}
	return nil, errors.New("is nothing that JSON has; put text in quotes")
}

// short shows a value in few characters.
func short(value any) string {
	const most = 60
	text := fmt.Sprintf("%v", value)
	if quoted, ok := value.(string); ok {
		text = fmt.Sprintf("%q", quoted)
	}
	if value == nil {
		text = "null"
	}
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "text"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}
