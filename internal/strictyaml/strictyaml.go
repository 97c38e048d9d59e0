package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSize bounds a file, in bytes. Configuration written by people is far
// smaller; a larger file is the wrong file.
const maxSize = 4 << 20

// Document remembers where every key of a decoded file stands, so that a
// finding about a value can name its line.
type Document struct {
	file   string
	places map[string]*yaml.Node
}

// Parse reads the one YAML document in data into the struct that into points
// to, whose fields carry `yaml:"…"` tags. File only names data in errors. All
// that is wrong is reported at once: every part of the joined error is an
// *Error. When there is an error, into holds nothing to rely on.
func Parse(file string, data []byte, into any) (*Document, error) {
	if len(data) > maxSize {
		return nil, &Error{File: file, Problem: fmt.Sprintf("file has %d bytes, the limit is %d", len(data), maxSize)}
	}
	root, err := parseOne(file, data)
	if err != nil {
		return nil, err
	}
	walk := walker{file: file, places: make(map[string]*yaml.Node)}
	walk.value(root, reflect.TypeOf(into), "")
	if len(walk.problems) > 0 {
		return nil, errors.Join(walk.problems...)
	}
	if err := root.Decode(into); err != nil {
		return nil, &Error{File: file, Problem: plain(err)}
	}
	return &Document{file: file, places: walk.places}, nil
}

// Report is told what is wrong with the value at a key, and what to write
// instead. The key is relative to what is being checked.
type Report = func(key, problem, hint string)

// Under reports what is relative to the value at key to a report that the value
// itself is relative to.
func Under(key string, report Report) Report {
	return func(below, problem, hint string) {
		report(strings.TrimSuffix(key+"."+below, "."), problem, hint)
	}
}

// Problem describes what is wrong with the value at key. A key that the file
// lacks is reported at the nearest part of its path that the file has.
func (d *Document) Problem(key, problem, hint string) *Error {
	found := &Error{File: d.file, Key: key, Problem: problem, Hint: hint}
	for path := key; ; path = parent(path) {
		if node, ok := d.places[path]; ok {
			found.Line, found.Column = node.Line, node.Column
			return found
		}
		if path == "" {
			return found
		}
	}
}

// Has reports whether the file sets key.
func (d *Document) Has(key string) bool {
	_, ok := d.places[key]
	return ok
}

func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func parseOne(file string, data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0 {
		return nil, &Error{File: file, Line: 1, Column: 1, Problem: "file is empty"}
	}
	if err != nil {
		return nil, syntaxError(file, err)
	}
	var second yaml.Node
	err = decoder.Decode(&second)
	if err == nil {
		return nil, &Error{File: file, Line: second.Line, Column: 1, Problem: "a second YAML document starts here", Hint: "put it into a file of its own"}
	}
	if !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, err)
	}
	return document.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// syntaxError lifts the line out of the parser's message.
func syntaxError(file string, err error) *Error {
	text := plain(err)
	found := &Error{File: file, Problem: text}
	match := yamlLine.FindStringSubmatch(text)
	if match == nil {
		return found
	}
	line, convErr := strconv.Atoi(match[1])
	if convErr != nil {
		return found
	}
	found.Line, found.Column = line, 1
	found.Problem = strings.TrimPrefix(text, match[0])
	return found
}

// plain is the parser's message without its prefix, on one line.
func plain(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n")
	return strings.Join(strings.Fields(text), " ")
}
