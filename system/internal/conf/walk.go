package conf

import (
	"encoding"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// walker goes through a YAML tree and the Go value it fills side by side, so
// that every problem is found with its place, not only the first.
type walker struct {
	file, dir string
	problems  []error
}

func (w *walker) report(at *yaml.Node, key, problem, hint string) {
	w.problems = append(w.problems, &Error{
		File: w.file, Line: at.Line, Column: at.Column, Key: key, Problem: problem, Hint: hint,
	})
}

func (w *walker) value(node *yaml.Node, into reflect.Value, key string) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	_, isText := into.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case isText:
		w.text(node, into, key)
	case into.Kind() == reflect.Struct:
		w.mapping(node, into, key)
	case into.Kind() == reflect.Slice:
		w.sequence(node, into, key)
	default:
		w.scalar(node, into, key)
	}
}

func (w *walker) mapping(node *yaml.Node, into reflect.Value, key string) {
	if node.Kind != yaml.MappingNode {
		w.report(node, key, "must be a mapping of keys", "")
		return
	}
	fields := map[string]int{}
	for i := range into.NumField() {
		fields[into.Type().Field(i).Tag.Get("yaml")] = i
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		path := name.Value
		if key != "" {
			path = key + "." + name.Value
		}
		field, known := fields[name.Value]
		switch {
		case !known:
			w.report(name, path, "unknown key", nearest(name.Value, fields))
		case seen[name.Value]:
			w.report(name, path, "given twice", "")
		default:
			w.value(value, into.Field(field), path)
		}
		seen[name.Value] = true
	}
}

func (w *walker) sequence(node *yaml.Node, into reflect.Value, key string) {
	if node.Kind != yaml.SequenceNode {
		w.report(node, key, "must be a list", "")
		return
	}
	list := reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		w.value(item, list.Index(i), fmt.Sprintf("%s[%d]", key, i))
	}
	into.Set(list)
}

func (w *walker) text(node *yaml.Node, into reflect.Value, key string) {
	if node.Kind != yaml.ScalarNode {
		w.report(node, key, "must be a single value", "")
		return
	}
	err := into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(node.Value))
	if err != nil {
		w.report(node, key, err.Error(), "")
	}
}

func (w *walker) scalar(node *yaml.Node, into reflect.Value, key string) {
	if node.Kind != yaml.ScalarNode {
		w.report(node, key, "must be a single value", "")
		return
	}
	if into.Kind() == reflect.String && node.Tag != "!!str" {
		w.report(node, key, "must be text; put it in quotes", "")
		return
	}
	err := node.Decode(into.Addr().Interface())
	if err != nil {
		w.report(node, key, fmt.Sprintf("%q is not %s", node.Value, noun(into.Kind())), "")
		return
	}
	if into.String() != "" && (into.Type() == reflect.TypeFor[Path]() || into.Type() == reflect.TypeFor[File]()) {
		w.path(node, into, key)
	}
}

func (w *walker) path(node *yaml.Node, into reflect.Value, key string) {
	path := into.String()
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.dir, path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		w.report(node, key, err.Error(), "")
		return
	}
	into.SetString(absolute)
	if into.Type() != reflect.TypeFor[File]() {
		return
	}
	info, err := os.Stat(absolute)
	switch {
	case err != nil:
		w.report(node, key, fmt.Sprintf("cannot read the file: %v", err), "")
	case info.IsDir():
		w.report(node, key, fmt.Sprintf("%s is a folder, not a file", absolute), "")
	}
}

func noun(kind reflect.Kind) string {
	switch kind {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint16:
		return "a whole number"
	default:
		return "a " + kind.String()
	}
}

// nearest returns the field that takes the fewest edits to reach from name, or
// "" when none is similar enough to be what was meant.
func nearest(name string, fields map[string]int) string {
	names := make([]string, 0, len(fields))
	for field := range fields {
		names = append(names, field)
	}
	slices.Sort(names)
	best, bestEdits := "", len(name)/2+1
	for _, field := range names {
		if edits := distance(strings.ToLower(name), field); edits < bestEdits {
			best, bestEdits = field, edits
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
