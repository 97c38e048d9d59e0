package form

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// control adds one control to its form.
func (r *reader) control(node *html.Node, at place) {
	if owner, ok := r.owners[attribute(node, "form")]; ok {
		at.form = owner
	}
	r.controls++
	if at.form < 0 || at.disabled || has(node, "disabled") || r.controls > maxControls {
		return
	}
	owner, input := &r.page.Forms[at.form], r.describe(node, at)
	switch input.Type {
	case "submit", "image":
		owner.Submits = append(owner.Submits, input)
	case "button", "reset", "file":
		// A browser sends none of these.
	default:
		owner.Inputs = append(owner.Inputs, input)
	}
}

func (r *reader) describe(node *html.Node, at place) Input {
	input := Input{
		Name: attribute(node, "name"), Value: attribute(node, "value"), ID: attribute(node, "id"),
		Type: strings.ToLower(attribute(node, "type")), Checked: has(node, "checked"),
		Autocomplete: strings.ToLower(attribute(node, "autocomplete")), Mode: strings.ToLower(attribute(node, "inputmode")),
		ReadOnly: has(node, "readonly"),
	}
	if length, err := strconv.Atoi(attribute(node, "maxlength")); err == nil && length > 0 {
		input.MaxLength = length
	}
	input.Label = strings.Join(strings.Fields(at.label+" "+r.labels[input.ID]+" "+attribute(node, "aria-label")+" "+attribute(node, "placeholder")+" "+attribute(node, "title")), " ")
	switch node.DataAtom {
	case atom.Textarea:
		input.Type, input.Value = "textarea", text(node)
	case atom.Select:
		input.Type, input.Value = "select", selected(node)
	case atom.Button:
		if input.Type != "button" && input.Type != "reset" {
			input.Type = "submit"
		}
		input.Text = text(node)
	default:
		input = plainInput(node, input)
	}
	if input.Type == "submit" || input.Type == "image" {
		r.ownAddress(node, &input)
	}
	return input
}

// ownAddress reads what a button says instead of its form.
func (r *reader) ownAddress(node *html.Node, button *Input) {
	if has(node, "formaction") {
		button.Action = r.action(attribute(node, "formaction"))
	}
	if has(node, "formmethod") {
		button.Method = method(attribute(node, "formmethod"))
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

// unseen recognises an element that a person does not see.
func unseen(node *html.Node) bool {
	if node.Type != html.ElementNode {
		return false
	}
	style := strings.ReplaceAll(strings.ToLower(attribute(node, "style")), " ", "")
	return has(node, "hidden") || attribute(node, "aria-hidden") == "true" ||
		strings.Contains(style, "display:none") || strings.Contains(style, "visibility:hidden")
}

// announcesError recognises an element that says why the form came back: by
// ARIA first, then by the class names and ids in common use.
func announcesError(node *html.Node) bool {
	if node.Type != html.ElementNode || node.DataAtom == atom.Input || node.DataAtom == atom.Html || node.DataAtom == atom.Body || node.DataAtom == atom.Form {
		return false
	}
	if attribute(node, "role") == "alert" || attribute(node, "aria-live") == "assertive" {
		return text(node) != ""
	}
	for name := range strings.FieldsSeq(strings.ToLower(attribute(node, "class") + " " + attribute(node, "id"))) {
		harmless := strings.Contains(name, "success") || strings.Contains(name, "info")
		if !harmless && (strings.Contains(name, "error") || strings.Contains(name, "alert") || name == "invalid-feedback") {
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
