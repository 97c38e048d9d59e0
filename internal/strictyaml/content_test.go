package strictyaml_test

import (
	"slices"
	"testing"

	"tocsin/internal/strictyaml"
)

func TestContentChangesOnlyWithWhatIsSaid(t *testing.T) {
	type file struct {
		Checks []struct {
			Name string   `yaml:"name"`
			Tags []string `yaml:"tags"`
		} `yaml:"checks"`
	}
	read := func(text string) string {
		t.Helper()
		var into file
		document, err := strictyaml.Parse("plan.yaml", []byte(text), &into)
		if err != nil {
			t.Fatal(err)
		}
		return document.Content("checks[0]")
	}
	first := read("checks:\n  - name: a\n    tags: [x, y]\n")
	for name, tc := range map[string]struct {
		text string
		same bool
	}{
		"comments, places and quotes":  {"# new\n\nchecks: [{name: 'a', tags: [\"x\", y]}] # there\n", true},
		"another entry after it":       {"checks:\n  - name: a\n    tags: [x, y]\n  - name: b\n", true},
		"another value":                {"checks: [{name: a, tags: [x, z]}]", false},
		"the same words cut otherwise": {"checks: [{name: a, tags: ['x, y']}]", false},
		"another key":                  {"checks: [{name: a}]", false},
	} {
		if got := read(tc.text); (got == first) != tc.same {
			t.Errorf("%s: %s beside %s", name, got, first)
		}
	}
}

func TestFilesAreFoundByTheirKeys(t *testing.T) {
	type inner struct {
		Key   string `yaml:"key_file"`
		Rules string `yaml:"rules_file"`
	}
	value := struct {
		Inner   inner             `yaml:"inner"`
		Pointer *inner            `yaml:"pointer"`
		Nothing *inner            `yaml:"nothing"`
		List    []inner           `yaml:"list"`
		Headers map[string]string `yaml:"header_files"`
		Profile string            `yaml:"profile"`
		Empty   string            `yaml:"empty_file"`
	}{
		Inner: inner{Key: "a", Rules: "no"}, Pointer: &inner{Key: "b"}, List: []inner{{Key: "c"}},
		Headers: map[string]string{"X": "e", "A": "d"}, Profile: "no",
	}
	if got := strictyaml.Files(&value, "rules_file"); !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("%q", got)
	}
}
