package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Error is one problem at one place of a configuration file.
type Error struct {
	File         string
	Line, Column int
	Key, Problem string
	// Hint is the right key that is nearest to a wrong one; may be empty.
	Hint string
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s:%d:%d: ", e.File, e.Line, e.Column)
	if e.Key != "" {
		text += fmt.Sprintf("key %q: ", e.Key)
	}
	text += e.Problem
	if e.Hint != "" {
		text += fmt.Sprintf("; did you mean %q?", e.Hint)
	}
	return text
}

// Load reads file into the struct that into points to. Values already there
// are the defaults. All problems come back at once, each an *Error.
func Load(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	return Decode(file, text, into)
}

// Decode is Load for text that is already read; file gives the name for errors
// and the folder relative paths start at.
func Decode(file string, text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return &Error{File: file, Line: 1, Column: 1, Problem: "the file is empty"}
	}
	if err != nil {
		return &Error{File: file, Line: 1, Column: 1, Problem: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return &Error{File: file, Line: 1, Column: 1, Problem: "more than one YAML document"}
	}
	w := &walker{file: file, dir: filepath.Dir(file)}
	w.value(document.Content[0], reflect.ValueOf(into).Elem(), "")
	return errors.Join(w.problems...)
}
