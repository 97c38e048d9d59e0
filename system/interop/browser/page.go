package browser

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Page is one page, or the redirect that ended a journey.
type Page struct {
	Status   int
	Header   http.Header
	URL      *url.URL
	Location *url.URL // where a redirect that was not followed leads, or nil
	Body     string
	Title    string
	Forms    []*Form
}

// Form is one form of a page.
type Form struct {
	Action string
	Method string
	// Fields are the values that would be sent as the page is.
	Fields url.Values
	// Boxes are the values of all check boxes by name, ticked or not.
	Boxes url.Values
	// Buttons are the values of submit buttons by name.
	Buttons url.Values
}

// Has reports whether the form has a field or a button called name.
func (f *Form) Has(name string) bool { return f.Fields.Has(name) || f.Buttons.Has(name) }

// With returns the first form that has a field or button called name, or nil.
func (p *Page) With(name string) *Form {
	for _, form := range p.Forms {
		if form.Has(name) {
			return form
		}
	}
	return nil
}

func (p *Page) String() string {
	if p.Location != nil {
		return fmt.Sprintf("redirect to %s", p.Location)
	}
	return fmt.Sprintf("page %q (%d) at %s", p.Title, p.Status, p.URL)
}

// read finds the forms. Anything is HTML to the parser, so only reading can fail.
func (p *Page) read() error {
	root, err := html.Parse(strings.NewReader(p.Body))
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	p.walk(root, nil)
	return nil
}

func (p *Page) walk(node *html.Node, form *Form) {
	attributes := map[string]string{}
	for _, attribute := range node.Attr {
		attributes[attribute.Key] = attribute.Val
	}
	switch node.Data {
	case "title":
		if p.Title == "" && node.FirstChild != nil {
			p.Title = node.FirstChild.Data
		}
	case "form":
		form = &Form{
			Action: attributes["action"], Method: strings.ToUpper(attributes["method"]),
			Fields: url.Values{}, Boxes: url.Values{}, Buttons: url.Values{},
		}
		p.Forms = append(p.Forms, form)
	case "input":
		form.input(attributes)
	case "button":
		form.button(attributes)
	}
	for child := range node.ChildNodes() {
		p.walk(child, form)
	}
}

func (f *Form) input(attributes map[string]string) {
	name, kind := attributes["name"], attributes["type"]
	if f == nil || name == "" {
		return
	}
	if kind == "submit" {
		f.button(attributes)
		return
	}
	if kind == "checkbox" {
		f.Boxes.Add(name, attributes["value"])
	}
	_, checked := attributes["checked"]
	if (kind == "checkbox" || kind == "radio") && !checked {
		return
	}
	f.Fields.Add(name, attributes["value"])
}

func (f *Form) button(attributes map[string]string) {
	if f != nil && attributes["name"] != "" {
		f.Buttons.Add(attributes["name"], attributes["value"])
	}
}
