package form

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Page is what matters of an HTML page.
type Page struct {
	Title string
	Forms []Form
	Links []Link
	// Alert is the text of the first element that announces an error.
	Alert string
	// Refresh is where the page sends its reader by itself, nil if nowhere.
	Refresh *url.URL
}

// Form is one HTML form.
type Form struct {
	// Ref is what the reader of a page that is on a screen knows the form by;
	// empty for one that was parsed.
	Ref    string
	Method string
	// Action is absolute.
	Action *url.URL
	Inputs []Input
	// Submits are its buttons, in document order.
	Submits []Input
	// Words are those of its own id, name and class.
	Words string
	// Search is true for a form that says that it searches.
	Search bool
}

// Input is one control of a form. Text is what a person reads on a button.
type Input struct {
	// Ref is like that of a form.
	Ref string

	Name, Type, Value, ID, Text string
	Checked                     bool
	// Label is what a person reads about it: its label, aria-label and
	// placeholder.
	Label string
	// Autocomplete and Mode are in small letters; MaxLength is 0 for none.
	Autocomplete, Mode string
	MaxLength          int
	ReadOnly           bool
	// Method and Action are those of a button that has its own; else empty.
	Method string
	Action *url.URL
}

// Link is a place to go on to. Current is true for the page itself.
type Link struct {
	Text    string
	Address *url.URL
	Current bool
}

// maxControls bounds what is read of one page, so that a page cannot make a
// reader of it expensive.
const maxControls = 2000

// Parse reads the page that was served at address.
func Parse(address *url.URL, body []byte) (*Page, error) {
	document, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("parse HTML of %s: %w", address.Path, err)
	}
	reader := reader{address: address, base: address, page: &Page{}, owners: make(map[string]int), labels: make(map[string]string)}
	reader.prepare(document)
	next := 0
	reader.visit(document, place{form: -1}, &next)
	return reader.page, nil
}

// reader walks a document twice: inputs may belong to a form, and labels to an
// input, that comes later.
type reader struct {
	address  *url.URL
	base     *url.URL
	based    bool
	page     *Page
	owners   map[string]int
	labels   map[string]string
	controls int
}

// place is where in the document a node is.
type place struct {
	// form is the index of the form around it, -1 without one.
	form int
	// label is the text of the label around it.
	label string
	// disabled is true inside a fieldset that is, hidden below an element that
	// nobody sees.
	disabled, hidden bool
}

func (r *reader) prepare(node *html.Node) {
	switch node.DataAtom {
	case atom.Base:
		r.readBase(node)
	case atom.Form:
		r.addForm(node)
	case atom.Label:
		if target := attribute(node, "for"); target != "" && len(r.labels) < maxControls {
			r.labels[target] += " " + text(node)
		}
	}
	for child := node.FirstChild; child != nil; child = child.NextSibling {
		r.prepare(child)
	}
}

// readBase takes the first base element with an address, as HTML says.
func (r *reader) readBase(node *html.Node) {
	if r.based || !has(node, "href") {
		return
	}
	r.based = true
	if base, err := r.address.Parse(strings.TrimSpace(attribute(node, "href"))); err == nil {
		r.base = base
	}
}

func (r *reader) addForm(node *html.Node) {
	form := Form{
		Method: method(attribute(node, "method")), Action: r.action(attribute(node, "action")),
		Words:  strings.ToLower(attribute(node, "id") + " " + attribute(node, "name") + " " + attribute(node, "class")),
		Search: attribute(node, "role") == "search",
	}
	if id := attribute(node, "id"); id != "" {
		if _, taken := r.owners[id]; !taken {
			r.owners[id] = len(r.page.Forms)
		}
	}
	r.page.Forms = append(r.page.Forms, form)
}

func method(text string) string {
	if strings.EqualFold(text, http.MethodPost) {
		return http.MethodPost
	}
	return http.MethodGet
}

// action is the address that a form is sent to. No action means the page
// itself, whatever its base (HTML Living Standard, form submission).
func (r *reader) action(text string) *url.URL {
	text = strings.TrimSpace(text)
	if text == "" {
		return r.address
	}
	action, err := r.base.Parse(text)
	if err != nil {
		return r.address
	}
	return action
}

// visit collects what is below node. Next is the form to be met next.
func (r *reader) visit(node *html.Node, at place, next *int) {
	switch node.DataAtom {
	case atom.Form:
		at.form = *next
		*next++
	case atom.Label:
		at.label = text(node)
	case atom.Fieldset:
		at.disabled = at.disabled || has(node, "disabled")
	case atom.Title:
		if r.page.Title == "" {
			r.page.Title = text(node)
		}
	case atom.Meta:
		r.refresh(node)
	case atom.A:
		r.link(node)
	case atom.Input, atom.Button, atom.Textarea, atom.Select:
		r.control(node, at)
	}
	at.hidden = at.hidden || unseen(node)
	if r.page.Alert == "" && !at.hidden && announcesError(node) {
		r.page.Alert = text(node)
	}
	for child := node.FirstChild; child != nil; child = child.NextSibling {
		r.visit(child, at, next)
	}
}

// refresh reads <meta http-equiv=refresh content="0; url=…">. One without an
// address only loads the same page again, and one that waits long is for a
// person who does nothing.
func (r *reader) refresh(node *html.Node) {
	if r.page.Refresh != nil || !strings.EqualFold(attribute(node, "http-equiv"), "refresh") {
		return
	}
	wait, rest, found := strings.Cut(attribute(node, "content"), ";")
	if !found || len(strings.TrimSpace(wait)) > 1 {
		return
	}
	name, address, found := strings.Cut(rest, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "url") {
		return
	}
	if target, err := r.base.Parse(strings.Trim(strings.TrimSpace(address), `'"`)); err == nil {
		r.page.Refresh = target
	}
}

func (r *reader) link(node *html.Node) {
	href := strings.TrimSpace(attribute(node, "href"))
	if href == "" || strings.HasPrefix(href, "#") || len(r.page.Links) >= maxControls {
		return
	}
	address, err := r.base.Parse(href)
	if err != nil || address.Scheme != "https" && address.Scheme != "http" {
		return
	}
	r.page.Links = append(r.page.Links, Link{
		Text: text(node), Address: address, Current: has(node, "aria-current") && attribute(node, "aria-current") != "false",
	})
}
