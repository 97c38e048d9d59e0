package form

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Fields names the inputs of a login form; an empty one is found by its type.
type Fields struct {
	ID, Secret string
}

// Login is a form that asks who is there. A form that asks only for the one or
// the other leaves the other empty: some providers ask on two pages.
type Login struct {
	form       Form
	ID, Secret string
}

// Login finds the login form of the page: the one with the named inputs, or
// with a password and the text input before it, or, if the page has neither,
// the first with a visible text input alone.
func (p *Page) Login(fields Fields) (Login, bool) {
	if fields.ID != "" || fields.Secret != "" {
		return p.namedLogin(fields)
	}
	for _, candidate := range p.Forms {
		for index, input := range candidate.Inputs {
			if input.Type == "password" && input.Name != "" {
				return Login{form: candidate, Secret: input.Name, ID: lastTextBefore(candidate.Inputs[:index])}, true
			}
		}
	}
	for _, candidate := range p.Forms {
		if candidate.Method != http.MethodPost || candidate.decides() {
			continue
		}
		if name := lastTextBefore(candidate.Inputs); name != "" {
			return Login{form: candidate, ID: name}, true
		}
	}
	return Login{}, false
}

func (p *Page) namedLogin(fields Fields) (Login, bool) {
	for _, candidate := range p.Forms {
		found := Login{form: candidate}
		for _, input := range candidate.Inputs {
			switch {
			case input.Name == "":
			case input.Name == fields.Secret, fields.Secret == "" && input.Type == "password":
				found.Secret = input.Name
			case input.Name == fields.ID, fields.ID == "" && isText(input):
				found.ID = input.Name
			}
		}
		if found.Secret != "" || fields.ID != "" && found.ID == fields.ID {
			return found, true
		}
	}
	return Login{}, false
}

func lastTextBefore(inputs []Input) string {
	for _, input := range slices.Backward(inputs) {
		if input.Name != "" && isText(input) {
			return input.Name
		}
	}
	return ""
}

func isText(input Input) bool {
	return slices.Contains([]string{"text", "email", "tel", "number", "search"}, input.Type)
}

// Fill returns what a browser sends when a person types id and secret and
// presses Enter.
func (l Login) Fill(id, secret string) Submission {
	values := l.form.values(false)
	if l.ID != "" {
		values.Set(l.ID, id)
	}
	if l.Secret != "" {
		values.Set(l.Secret, secret)
	}
	if len(l.form.Submits) > 0 {
		press(values, l.form.Submits[0])
	}
	return Submission{Method: l.form.Method, Action: l.form.Action, Values: values}
}

// Consent finds the form that asks to release data, and fills it in so that
// everything is released.
func (p *Page) Consent() (Submission, bool) {
	for _, candidate := range p.Forms {
		submit, pressed := candidate.allowing(candidate.Submits)
		option, chosen := candidate.allowing(candidate.radios())
		if !pressed && !chosen {
			continue
		}
		values := candidate.values(true)
		if chosen {
			values.Set(option.Name, option.Value)
		}
		if !pressed && len(candidate.Submits) > 0 {
			submit = candidate.Submits[0]
		}
		press(values, submit)
		return Submission{Method: candidate.Method, Action: candidate.Action, Values: values}, true
	}
	return Submission{}, false
}

func (f Form) decides() bool {
	_, pressed := f.allowing(f.Submits)
	_, chosen := f.allowing(f.radios())
	return pressed || chosen
}

func (f Form) radios() []Input {
	var found []Input
	for _, input := range f.Inputs {
		if input.Type == "radio" {
			found = append(found, input)
		}
	}
	return found
}

// allowing picks the control that says yes. What a machine reads comes before
// what a person reads: texts are translated, values are not.
func (f Form) allowing(controls []Input) (Input, bool) {
	for _, read := range []func(Input) string{
		func(i Input) string { return i.Value },
		func(i Input) string { return i.Name },
		func(i Input) string { return i.ID },
		func(i Input) string { return i.Text },
	} {
		for _, control := range controls {
			if saysYes(read(control)) {
				return control, true
			}
		}
	}
	return Input{}, false
}

func saysYes(text string) bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r < 'a' || r > 'z'
	})
	yes := slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains([]string{"allow", "accept", "approve", "yes", "agree", "authorize", "authorise", "consent", "grant"}, word)
	})
	no := slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains([]string{"not", "dont", "no", "deny", "reject", "cancel", "decline"}, word)
	})
	return yes && !no
}

// Submission is a filled form, ready to send.
type Submission struct {
	Method string
	Action *url.URL
	Values url.Values
}

// values is what the form is sent with before anybody touches it; with
// tickAll, every box is ticked.
func (f Form) values(tickAll bool) url.Values {
	values := make(url.Values, len(f.Inputs))
	for _, input := range f.Inputs {
		ticked := input.Checked || tickAll && input.Type == "checkbox"
		if input.Name == "" || (input.Type == "checkbox" || input.Type == "radio") && !ticked {
			continue
		}
		values.Add(input.Name, input.Value)
	}
	return values
}

func press(values url.Values, submit Input) {
	if submit.Name != "" && submit.Type != "image" {
		values.Add(submit.Name, submit.Value)
	}
}
