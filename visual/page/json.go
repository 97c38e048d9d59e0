package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Encode writes the page as JSON, an element a line: so that a person who looks
// at the difference of two files sees what differs.
func (p *Page) Encode() ([]byte, error) {
	head := *p
	head.Elements = nil
	encoded, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encode page: %w", err)
	}
	before, after, found := bytes.Cut(encoded, []byte(`"elements":null`))
	if !found {
		return nil, errors.New("encode page: its elements have no place")
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString("\"elements\":[")
	for index := range p.Elements {
		element, err := json.Marshal(p.Elements[index])
		if err != nil {
			return nil, fmt.Errorf("encode element %d of page: %w", index, err)
		}
		if index > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(element)
	}
	out.WriteString("\n]")
	out.Write(after)
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Decode reads a page that Encode wrote. It refuses what no page of this
// version is: other members, elements whose parent stands after them, too many
// or too large.
func Decode(from io.Reader) (*Page, error) {
	encoded, err := io.ReadAll(io.LimitReader(from, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	if len(encoded) > MaxBytes {
		return nil, fmt.Errorf("read page: it is larger than %d bytes", MaxBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	var decoded Page
	if err := decoder.Decode(&decoded); err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	if err := decoded.check(); err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	return &decoded, nil
}

func (p *Page) check() error {
	if p.Version != Version {
		return fmt.Errorf("its version is %d, not %d", p.Version, Version)
	}
	if len(p.Elements) > MaxElements {
		return fmt.Errorf("it has %d elements, more than %d", len(p.Elements), MaxElements)
	}
	paths := make(map[string]bool, len(p.Elements))
	for index, element := range p.Elements {
		switch {
		case index == 0 && element.Parent != -1, index > 0 && (element.Parent < 0 || element.Parent >= index):
			return fmt.Errorf("the parent of element %d is %d", index, element.Parent)
		case element.Path == "" || paths[element.Path]:
			return fmt.Errorf("element %d has the path %q, which is empty or taken", index, element.Path)
		}
		paths[element.Path] = true
	}
	return nil
}
