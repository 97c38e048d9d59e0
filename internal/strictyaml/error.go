package strictyaml

import (
	"fmt"
	"strings"
)

// Error is one thing that is wrong with a YAML file. Line and Column count
// from 1; 0 means that the place is not known. Key is the dotted path of the
// value, such as zones[1].url.
type Error struct {
	File    string
	Line    int
	Column  int
	Key     string
	Problem string
	// Hint is what to write instead, without punctuation around it.
	Hint string
}

// Error renders e on one line: file:line:col: key "x.y": problem; hint.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&text, ":%d:%d", e.Line, e.Column)
	}
	text.WriteString(": ")
	if e.Key != "" {
		fmt.Fprintf(&text, "key %q: ", e.Key)
	}
	text.WriteString(e.Problem)
	if e.Hint != "" {
		text.WriteString("; ")
		text.WriteString(e.Hint)
	}
	return text.String()
}
