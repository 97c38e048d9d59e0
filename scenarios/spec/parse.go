package spec

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tocsin/internal/strictyaml"
)

// formatVersion is the version of the file format that is read.
const formatVersion = 1

// ErrParameter says that a parameter that was set is wrong.
var ErrParameter = errors.New("wrong parameter")

var (
	use = regexp.MustCompile(`\$\{([^}]*)\}`)
	// A value must not be able to change the structure of the file it is put into.
	harmless = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// Parse reads a scenario. File only names data in errors, which are those of
// strictyaml: all that is wrong at once, with line and key. Values replace the
// defaults of the file's parameters.
func Parse(file string, data []byte, values map[string]string) (*Scenario, map[string]string, error) {
	var loose struct {
		Parameters map[string]Parameter `yaml:"parameters"`
	}
	// What is wrong with the form is reported by the strict reading below; this
	// one only finds the parameters.
	if err := yaml.Unmarshal(data, &loose); err != nil {
		loose.Parameters = nil
	}
	chosen, err := choose(loose.Parameters, values)
	if err != nil {
		return nil, nil, err
	}
	filled, unknown := fill(data, chosen)
	var scenario Scenario
	document, err := strictyaml.Parse(file, filled, &scenario)
	if err != nil {
		return nil, nil, err
	}
	if len(unknown) > 0 {
		return nil, nil, document.Problem("parameters", fmt.Sprintf("lacks ${%s}, which the file uses", strings.Join(unknown, "}, ${")), "")
	}
	check := checker{document: document}
	check.scenario(&scenario)
	if err := errors.Join(check.problems...); err != nil {
		return nil, nil, err
	}
	scenario.defaults()
	return &scenario, chosen, nil
}

// choose joins defaults and given values.
func choose(parameters map[string]Parameter, values map[string]string) (map[string]string, error) {
	chosen := make(map[string]string, len(parameters))
	for name, parameter := range parameters {
		chosen[name] = parameter.Default
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		parameter, ok := parameters[name]
		if !ok {
			names := slices.Sorted(maps.Keys(parameters))
			return nil, fmt.Errorf("%w: the scenario has no %q, only %s", ErrParameter, name, strings.Join(names, ", "))
		}
		if len(parameter.OneOf) > 0 && !slices.Contains(parameter.OneOf, value) {
			return nil, fmt.Errorf("%w: %s=%q is none of %s", ErrParameter, name, value, strings.Join(parameter.OneOf, ", "))
		}
		if !harmless.MatchString(value) {
			return nil, fmt.Errorf("%w: %s=%q has other characters than letters, digits, dot, dash and underscore", ErrParameter, name, value)
		}
		chosen[name] = value
	}
	return chosen, nil
}

// fill puts values in the place of every ${name}, which keeps lines where they
// are, and lists the names that have no value.
func fill(data []byte, values map[string]string) (filled []byte, unknown []string) {
	filled = use.ReplaceAllFunc(data, func(match []byte) []byte {
		name := string(match[2 : len(match)-1])
		value, ok := values[name]
		if !ok {
			unknown = append(unknown, name)
			return match
		}
		return []byte(value)
	})
	slices.Sort(unknown)
	return filled, slices.Compact(unknown)
}

func (s *Scenario) defaults() {
	for i := range s.SteadyState {
		if probe := s.SteadyState[i].Probe; probe != nil {
			probe.Runs = max(probe.Runs, 1)
		}
	}
	for i := range s.Expect {
		if recovered := s.Expect[i].Recovered; recovered != nil && recovered.InARow == 0 {
			recovered.InARow = 2
		}
	}
}
