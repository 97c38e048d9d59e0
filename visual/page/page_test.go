package page

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func sample() *Page {
	return &Page{
		Version: Version, Title: "Log in", Language: "en", Direction: "ltr",
		Elements: []Element{
			{Path: "html", Parent: -1, Tag: "html", Style: map[string]string{"color": "rgb(0, 0, 0)", "background-color": "rgb(255, 255, 255)"}},
			{Path: "body", Parent: 0, Tag: "body"},
			{
				Path: "#login", Parent: 1, Tag: "button", ID: "login", Role: "button", Name: "Log in", States: []string{"focused"},
				Text: "Log in", Box: Box{X: 40, Y: 60.5, Width: 80, Height: 24}, Style: map[string]string{"color": "rgb(255, 0, 0)"},
			},
			{Path: "body > p:nth-of-type(1)", Parent: 1, Tag: "p", Masked: true},
		},
	}
}

func TestPageIsReadAsItWasWritten(t *testing.T) {
	encoded, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Decode(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(decoded, sample()) {
		t.Errorf("read %+v", decoded)
	}
	if lines := bytes.Count(encoded, []byte("\n")); lines != len(sample().Elements)+2 {
		t.Errorf("%d lines, want one for each element:\n%s", lines, encoded)
	}
}

func TestStyleIsTheComputedOne(t *testing.T) {
	page := sample()
	for _, c := range []struct {
		path, property, want string
	}{
		{"#login", "color", "rgb(255, 0, 0)"},
		{"body > p:nth-of-type(1)", "color", "rgb(0, 0, 0)"},
		{"body", "background-color", "rgba(0, 0, 0, 0)"},
		{"html", "background-color", "rgb(255, 255, 255)"},
		{"#login", "opacity", "1"},
		{"#login", "z-index", ""},
	} {
		if got := page.Style(page.Find(c.path), c.property); got != c.want {
			t.Errorf("%s of %s is %q, want %q", c.property, c.path, got, c.want)
		}
	}
	if page.Find("#nothing") != -1 {
		t.Error("found what is not there")
	}
}

func TestWhatIsNoPageIsRefused(t *testing.T) {
	many := &Page{Version: Version, Elements: []Element{{Path: "html", Parent: -1}}}
	for index := range MaxElements {
		many.Elements = append(many.Elements, Element{Path: fmt.Sprintf("p:nth-of-type(%d)", index)})
	}
	tooMany, err := many.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, says string }{
		"nothing":             {"", "EOF"},
		"another version":     {`{"version":2,"elements":[]}`, "version is 2"},
		"a member too many":   {`{"version":1,"elements":[],"more":1}`, `"more"`},
		"a parent that comes": {`{"version":1,"elements":[{"path":"a","parent":-1},{"path":"b","parent":1}]}`, "parent of element 1"},
		"a second root":       {`{"version":1,"elements":[{"path":"a","parent":-1},{"path":"b","parent":-1}]}`, "parent of element 1"},
		"a path twice":        {`{"version":1,"elements":[{"path":"a","parent":-1},{"path":"a","parent":0}]}`, "taken"},
		"too many elements":   {string(tooMany), "more than 5000"},
		"too many bytes":      {`{"version":1,"title":"` + strings.Repeat("x", MaxBytes) + `"}`, "larger than"},
	} {
		if _, err := Decode(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
}

func FuzzDecode(f *testing.F) {
	encoded, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Fuzz(func(t *testing.T, data []byte) {
		decoded, err := Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := decoded.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(bytes.NewReader(again)); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		for index := range decoded.Elements {
			decoded.Style(index, "color")
		}
	})
}
