package explain

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/visual/page"
)

// node is an element with what is in it.
type node struct {
	page.Element
	inside []node
}

func element(tag, text string, inside ...node) node {
	return node{page.Element{Tag: tag, Text: text, Box: page.Box{Width: 100, Height: 20}}, inside}
}

func (n node) id(id string) node      { n.ID = id; return n }
func (n node) role(role string) node  { n.Role, n.Name = role, n.Text; return n }
func (n node) named(name string) node { n.Name = name; return n }
func (n node) at(x, y float64) node   { n.Box.X, n.Box.Y = x, y; return n }
func (n node) wide(w float64) node    { n.Box.Width = w; return n }
func (n node) masked() node           { n.Masked, n.Text = true, ""; return n }
func (n node) states(s ...string) node {
	n.States = s
	return n
}
func (n node) style(property, value string) node {
	n.Style = map[string]string{property: value}
	return n
}

// written is a page with these elements in its body.
func written(inside ...node) *page.Page {
	p := &page.Page{Version: page.Version, Title: "Log in", Language: "en", Direction: "ltr"}
	root := element("html", "", element("body", "", inside...)).style("color", "rgb(0, 0, 0)")
	p.Elements = flat(nil, root, -1, "", 1)
	return p
}

func flat(elements []page.Element, n node, parent int, above string, nth int) []page.Element {
	e := n.Element
	e.Parent, e.Path = parent, fmt.Sprintf("%s > %s:nth-child(%d)", above, e.Tag, nth)
	switch {
	case e.ID != "":
		e.Path = "#" + e.ID
	case e.Tag == "h1" || e.Tag == "html" || e.Tag == "body":
		e.Path = e.Tag
	}
	elements = append(elements, e)
	self := len(elements) - 1
	for i, child := range n.inside {
		elements = flat(elements, child, self, e.Path, i+1)
	}
	return elements
}

func sentences(t *testing.T, before, now *page.Page) []string {
	t.Helper()
	var told []string
	for _, change := range Pages(before, now).Changes {
		told = append(told, change.Sentence)
	}
	return told
}

func TestChangesAreToldInWords(t *testing.T) {
	heading, button := element("h1", "Log in"), element("button", "Next").role("button").id("login").at(40, 60)
	item := func(text string, y float64) node { return element("li", text).at(0, y) }
	cases := map[string]struct {
		before, now []node
		want        []string
	}{
		"nothing":           {[]node{heading, button}, []node{heading, button}, nil},
		"a text":            {[]node{heading}, []node{element("h1", "Log on")}, []string{"text of `h1` changed from “Log in” to “Log on”"}},
		"a move":            {[]node{button}, []node{button.at(40, 72)}, []string{"`#login` moved 12 px down"}},
		"a move up and off": {[]node{button}, []node{button.at(43, 59)}, []string{"`#login` moved 3 px right and 1 px up"}},
		"a colour": {[]node{button.style("background-color", "rgb(26, 95, 180)")}, []node{button.style("background-color", "rgb(165, 29, 45)")},
			[]string{"background colour of `#login` changed from #1a5fb4 to #a51d2d"}},
		"an inherited colour is told once": {
			[]node{element("main", "", element("p", "a"), element("p", "b")).style("color", "rgb(1, 1, 1)")},
			[]node{element("main", "", element("p", "a"), element("p", "b")).style("color", "rgb(9, 9, 9)")},
			[]string{"text colour of `main` changed from #010101 to #090909"}},
		"an element in between": {
			[]node{element("ul", "", item("one", 0), item("two", 20), item("three", 40))},
			[]node{element("ul", "", item("one", 0), item("new", 20), item("two", 40), item("three", 60))},
			[]string{"`body > ul:nth-child(1) > li:nth-child(2)` appeared: “new”", "`body > ul:nth-child(1) > li:nth-child(3)` and 1 more moved 20 px down"}},
		"an element that is gone": {[]node{heading, button}, []node{heading}, []string{"`#login` disappeared: “Next”"}},
		"another size":            {[]node{button}, []node{button.wide(130)}, []string{"size of `#login` changed from 100×20 to 130×20"}},
		"a text explains a size":  {[]node{heading}, []node{element("h1", "Log on").wide(130)}, []string{"text of `h1` changed from “Log in” to “Log on”"}},
		"a name for assistive technology": {[]node{element("input", "").role("textbox").id("pin").named("PIN")}, []node{element("input", "").role("textbox").id("pin")},
			[]string{"accessible name of `#pin` changed from “PIN” to “”"}},
		"a state": {[]node{button}, []node{button.states("disabled")}, []string{"state of `#login` changed from none to disabled"}},
		"what is masked may differ": {
			[]node{element("div", "", element("p", "12:00")).masked()}, []node{element("div", "", element("p", "12:01"), element("p", "x")).masked()}, nil},
		"an error with a code comes first": {
			[]node{heading, button},
			[]node{element("h1", "Something went wrong"), element("p", "Please try again in a minute.", element("code", "IDP-3200"))},
			[]string{"error IDP-3200 is shown: “Please try again in a minute. IDP-3200”", "text of `h1` changed from “Log in” to “Something went wrong”",
				"`p` appeared: “Please try again in a minute. IDP-3200”", "`#login` disappeared: “Next”"}},
		"the page of a gateway": {[]node{heading}, []node{element("h1", "502 Bad Gateway")},
			[]string{"error 502 is shown: “502 Bad Gateway”", "text of `h1` changed from “Log in” to “502 Bad Gateway”"}},
		"an error of OAuth 2.0": {[]node{heading}, []node{heading, element("p", "error: invalid_request")},
			[]string{"error invalid_request is shown: “error: invalid_request”", "`p` appeared: “error: invalid_request”"}},
		"an alert": {[]node{heading}, []node{heading, element("p", "Wrong PIN").role("alert")},
			[]string{"an error is shown: “Wrong PIN”", "`p` appeared: “Wrong PIN”"}},
		"an error that was approved": {[]node{element("p", "Gone IDP-4101")}, []node{element("p", "Gone IDP-4101")}, nil},
		"secrets": {[]node{heading}, []node{element("h1", "Hello ola@example.org, 1234 567 890, eyJhbGciOiJFUzI1NiJ9.eyJzdWIi")},
			[]string{"text of `h1` changed from “Log in” to “Hello •••, •••, •••”"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, sentences(t, written(c.before...), written(c.now...))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChangesOfTheDocumentAreTold(t *testing.T) {
	now := written()
	now.Title, now.Language, now.Direction = "تسجيل الدخول", "ar", "rtl"
	want := []string{"title of the page changed from “Log in” to “تسجيل الدخول”", "language of the page changed from en (ltr) to ar (rtl)"}
	if diff := cmp.Diff(want, sentences(t, written(), now)); diff != "" {
		t.Error(diff)
	}
}

func TestExplanationIsBounded(t *testing.T) {
	var before, now []node
	for i := range 500 {
		before = append(before, element("p", fmt.Sprintf("a %d", i)).id(fmt.Sprintf("p%d", i)))
		now = append(now, element("p", strings.Repeat("long ", 200)).id(fmt.Sprintf("p%d", i)))
	}
	told := Pages(written(before...), written(now...))
	if len(told.Changes) != MaxChanges || told.Omitted != 500-MaxChanges {
		t.Errorf("%d told, %d omitted", len(told.Changes), told.Omitted)
	}
	if n := len([]rune(told.Changes[0].Sentence)); n > 150 {
		t.Errorf("a sentence of %d characters", n)
	}
	cut := written()
	cut.Omitted = 1
	if !Pages(cut, written()).Partial {
		t.Error("a page that was cut is not said to be partial")
	}
}

func FuzzPages(f *testing.F) {
	for _, p := range []*page.Page{written(), written(element("h1", "x").id("a"), element("p", "IDP-1234", element("b", "y")))} {
		encoded, err := p.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded, encoded)
	}
	f.Fuzz(func(t *testing.T, before, now []byte) {
		a, err := page.Decode(bytes.NewReader(before))
		if err != nil {
			return
		}
		b, err := page.Decode(bytes.NewReader(now))
		if err != nil {
			return
		}
		if told := Pages(a, b); len(told.Changes) > MaxChanges {
			t.Errorf("%d changes", len(told.Changes))
		}
		if told := Pages(a, a); len(told.Changes) != 0 {
			t.Errorf("a page differs from itself: %v", told.Changes)
		}
	})
}

func BenchmarkPages(b *testing.B) {
	var before, now []node
	for i := range page.MaxElements / 2 {
		before = append(before, element("p", fmt.Sprint("a ", i)))
		now = append(now, element("p", fmt.Sprint("a ", i+i%7)))
	}
	first, second := written(before...), written(now...)
	for b.Loop() {
		Pages(first, second)
	}
}
