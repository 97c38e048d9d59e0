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
	// Alert is the text of the first element that announces an error.
	Alert string
}

// Form is one HTML form.
type Form struct {
	Method string
	// Action is absolute.
	Action *url.URL
	Inputs []Input
	// Submits are its buttons, in document order.
	Submits []Input
}

// Input is one control of a form. Text is what a person reads on a button.
type Input struct {
	Name, Type, Value, ID, Text string
	Checked                     bool
}

// Parse reads the page that was served at address.
func Parse(address *url.URL, body []byte) (*Page, error) {
	document, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("parse HTML of %s: %w", address.Path, err)
	}
	reader := reader{base: address, page: &Page{}, owners: make(map[string]int)}
	reader.read(document, -1)
	return reader.page, nil
}

// reader walks a document. Inputs outside their form belong to it by their
// form attribute, which may name a form that comes later.
type reader struct {
	base   *url.URL
	page   *Page
	owners map[string]int
}

func (r *reader) read(root *html.Node, form int) {
	r.collectForms(root)
	next := 0
	r.visit(root, form, &next)
}

func (r *reader) collectForms(node *html.Node) {
	if node.DataAtom == atom.Base {
		if base, err := r.base.Parse(attribute(node, "href")); err == nil {
			r.base = base
		}
	}
	if node.DataAtom == atom.Form {
		method := strings.ToUpper(attribute(node, "method"))
		if method != http.MethodPost {
			method = http.MethodGet
		}
		action, err := r.base.Parse(strings.TrimSpace(attribute(node, "action")))
		if err != nil {
			action = r.base
		}
		if id := attribute(node, "id"); id != "" {
			r.owners[id] = len(r.page.Forms)
		}
		r.page.Forms = append(r.page.Forms, Form{Method: method, Action: action})
	}
	for child := node.FirstChild; child != nil; child = child.NextSibling {
		r.collectForms(child)
	}
}

// visit collects the controls below node. Form is the index of the form around
// it, next that of the form to be met next.
func (r *reader) visit(node *html.Node, form int, next *int) {
	switch node.DataAtom {
	case atom.Form:
		form = *next
		*next++
	case atom.Title:
		if r.page.Title == "" {
			r.page.Title = text(node)
		}
	case atom.Input, atom.Button, atom.Textarea, atom.Select:
		r.control(node, form)
	}
	if r.page.Alert == "" && announcesError(node) {
		r.page.Alert = text(node)
	}
	for child := node.FirstChild; child != nil; child = child.NextSibling {
		r.visit(child, form, next)
	}
}

func (r *reader) control(node *html.Node, form int) {
	if owner, ok := r.owners[attribute(node, "form")]; ok {
		form = owner
	}
	if form < 0 || has(node, "disabled") {
		return
	}
	owner := &r.page.Forms[form]
	input := Input{
		Name: attribute(node, "name"), Value: attribute(node, "value"), ID: attribute(node, "id"),
		Type: strings.ToLower(attribute(node, "type")), Checked: has(node, "checked"),
	}
	switch node.DataAtom {
	case atom.Textarea:
		input.Type, input.Value = "textarea", text(node)
	case atom.Select:
		input.Type, input.Value = "select", selected(node)
	case atom.Button:
		if input.Type == "" {
			input.Type = "submit"
		}
		input.Text = text(node)
	default:
		input = plainInput(node, input)
	}
	switch input.Type {
	case "submit", "image":
		owner.Submits = append(owner.Submits, input)
	case "button", "reset", "file":
		// A browser sends none of these.
	default:
		owner.Inputs = append(owner.Inputs, input)
	}
}

func plainInput(node *html.Node, input Input) Input {
	switch input.Type {
	case "":
		input.Type = "text"
	case "submit":
		input.Text = input.Value
	case "image":
		input.Text = attribute(node, "alt")
	case "checkbox", "radio":
		if !has(node, "value") {
			input.Value = "on"
		}
	}
	return input
}

// selected is the value a select element is sent with: the chosen option, else
// the first.
func selected(node *html.Node) string {
	value, found := "", false
	for option := range node.Descendants() {
		if option.DataAtom != atom.Option || found && !has(option, "selected") {
			continue
		}
		value, found = attribute(option, "value"), true
		if !has(option, "value") {
			value = text(option)
		}
		if has(option, "selected") {
			return value
		}
	}
	return value
}

// announcesError recognises an element that says why the form came back: by
// ARIA first, then by the class names in common use.
func announcesError(node *html.Node) bool {
	if node.Type != html.ElementNode {
		return false
	}
	if attribute(node, "role") == "alert" {
		return text(node) != ""
	}
	for class := range strings.FieldsSeq(strings.ToLower(attribute(node, "class"))) {
		if strings.Contains(class, "error") || strings.Contains(class, "alert") {
			return text(node) != ""
		}
	}
	return false
}

func attribute(node *html.Node, name string) string {
	for _, candidate := range node.Attr {
		if candidate.Key == name {
			return candidate.Val
		}
	}
	return ""
}

func has(node *html.Node, name string) bool {
	for _, candidate := range node.Attr {
		if candidate.Key == name {
			return true
		}
	}
	return false
}

// text is what a person reads in node, on one line.
func text(node *html.Node) string {
	var words []string
	for inner := range node.Descendants() {
		if inner.Type == html.TextNode && (inner.Parent == nil || inner.Parent.DataAtom != atom.Script && inner.Parent.DataAtom != atom.Style) {
			words = append(words, strings.Fields(inner.Data)...)
		}
	}
	return strings.Join(words, " ")
}
