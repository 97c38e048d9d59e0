package strictyaml

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// walker compares a parsed document with the Go type it shall become.
type walker struct {
	file     string
	problems []error
	places   map[string]*yaml.Node
}

var (
	unmarshalerType     = reflect.TypeFor[yaml.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	durationType        = reflect.TypeFor[time.Duration]()
	nodeType            = reflect.TypeFor[yaml.Node]()
)

func (w *walker) report(node *yaml.Node, path, problem, hint string) {
	w.problems = append(w.problems, &Error{
		File: w.file, Line: node.Line, Column: node.Column,
		Key: path, Problem: problem, Hint: hint,
	})
}

func (w *walker) value(node *yaml.Node, want reflect.Type, path string) {
	w.places[path] = node
	// An anchor would make one value appear at two places, and an error about
	// it point to the wrong one; aliases also multiply a small file into a
	// huge one.
	if node.Kind == yaml.AliasNode || node.Anchor != "" {
		w.report(node, path, "anchors and aliases are not allowed", "write the value out")
		return
	}
	for want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	if node.Tag == "!!null" && path != "" || want == nodeType || want.Kind() == reflect.Interface {
		return
	}
	if decodesItself(want) {
		w.scalar(node, want, path)
		return
	}
	switch want.Kind() {
	case reflect.Struct:
		w.structure(node, want, path)
	case reflect.Map:
		w.mapping(node, want, path)
	case reflect.Slice, reflect.Array:
		w.sequence(node, want, path)
	default:
		w.scalar(node, want, path)
	}
}

func decodesItself(want reflect.Type) bool {
	pointer := reflect.PointerTo(want)
	return want == durationType || pointer.Implements(unmarshalerType) || pointer.Implements(textUnmarshalerType)
}

func (w *walker) structure(node *yaml.Node, want reflect.Type, path string) {
	if !w.expect(node, yaml.MappingNode, "a mapping of keys to values", path) {
		return
	}
	fields := fieldsOf(want)
	for _, pair := range w.pairs(node, path) {
		field, ok := fields[pair.key.Value]
		if !ok {
			w.unknownKey(pair.key, pair.path, fields)
			continue
		}
		w.value(pair.value, field, pair.path)
	}
}

func (w *walker) unknownKey(key *yaml.Node, path string, fields map[string]reflect.Type) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	hint := ""
	if near := Nearest(key.Value, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	w.report(key, path, "unknown key", hint)
}

func (w *walker) mapping(node *yaml.Node, want reflect.Type, path string) {
	if !w.expect(node, yaml.MappingNode, "a mapping of keys to values", path) {
		return
	}
	for _, pair := range w.pairs(node, path) {
		w.value(pair.value, want.Elem(), pair.path)
	}
}

func (w *walker) sequence(node *yaml.Node, want reflect.Type, path string) {
	if !w.expect(node, yaml.SequenceNode, "a list", path) {
		return
	}
	for index, item := range node.Content {
		w.value(item, want.Elem(), fmt.Sprintf("%s[%d]", path, index))
	}
}

func (w *walker) scalar(node *yaml.Node, want reflect.Type, path string) {
	err := node.Decode(reflect.New(want).Interface())
	// The decoder would cut 1.5 down to 1.
	if err == nil && !(isInteger(want) && node.ShortTag() == "!!float") {
		return
	}
	if decodesItself(want) && want != durationType {
		w.report(node, path, plain(err), "")
		return
	}
	w.report(node, path, fmt.Sprintf("wants %s, has %s", wanted(want), shown(node)), "")
}

func isInteger(want reflect.Type) bool {
	return want != durationType && want.Kind() >= reflect.Int && want.Kind() <= reflect.Uint64
}

// pair is one key of a mapping with its value.
type pair struct {
	key, value *yaml.Node
	path       string
}

// pairs lists the keys of a mapping and reports those that are no plain word
// or appear twice.
func (w *walker) pairs(node *yaml.Node, path string) []pair {
	found := make([]pair, 0, len(node.Content)/2)
	lines := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		next := pair{key: key, value: node.Content[i+1], path: joined(path, key.Value)}
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			w.report(key, path, "a key must be a plain word", "")
			continue
		}
		if line, ok := lines[key.Value]; ok {
			w.report(key, next.path, fmt.Sprintf("key is already set at line %d", line), "")
			continue
		}
		lines[key.Value] = key.Line
		found = append(found, next)
	}
	return found
}

func (w *walker) expect(node *yaml.Node, kind yaml.Kind, name, path string) bool {
	if node.Kind == kind {
		return true
	}
	w.report(node, path, fmt.Sprintf("wants %s, has %s", name, shown(node)), "")
	return false
}

func joined(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fieldsOf lists the YAML keys of a struct, those of inlined structs included.
func fieldsOf(structure reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type, structure.NumField())
	for index := range structure.NumField() {
		field := structure.Field(index)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		if strings.Contains(options, "inline") {
			for inner, kind := range fieldsOf(field.Type) {
				fields[inner] = kind
			}
			continue
		}
		if name == "" {
			name = strings.ToLower(field.Name)
		}
		fields[name] = field.Type
	}
	return fields
}

func wanted(want reflect.Type) string {
	if want == durationType {
		return "a duration such as 30s"
	}
	switch want.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return want.String()
	}
}

// shown names what the file has, with the text of a scalar cut short.
func shown(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	const longest = 40
	text := []rune(node.Value)
	if len(text) > longest {
		return fmt.Sprintf("%q…", string(text[:longest]))
	}
	return fmt.Sprintf("%q", node.Value)
}
