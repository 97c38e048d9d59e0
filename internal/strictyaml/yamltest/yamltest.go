// Package yamltest reads configurations in tests as files are read in
// operation. Nothing but tests uses it.
package yamltest

import (
	"testing"

	"tocsin/internal/strictyaml"
)

// Checked is a configuration that says what is wrong with it.
type Checked[C any] interface {
	*C
	Check(report strictyaml.Report)
}

// Read reads text as a configuration that stands in plan.yaml, and returns what
// the configuration says is wrong, a line each with its place.
func Read[C any, P Checked[C]](t testing.TB, text string) (cfg C, problems []string) {
	t.Helper()
	document, err := strictyaml.Parse("plan.yaml", []byte(text), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	P(&cfg).Check(func(key, problem, hint string) {
		problems = append(problems, document.Problem(key, problem, hint).Error())
	})
	return cfg, problems
}
