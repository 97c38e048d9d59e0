package form

import (
	"net/http"
	"slices"
)

var (
	permissions = [][]string{
		{"allow"}, {"accept"}, {"approve"}, {"yes"}, {"agree"}, {"authorize"}, {"authorise"}, {"consent"}, {"grant"},
		{"continue"}, {"confirm"}, {"proceed"}, {"ok"},
	}
	refusals = [][]string{
		{"not"}, {"dont"}, {"no"}, {"deny"}, {"reject"}, {"rejected"}, {"cancel"}, {"decline"}, {"abort"}, {"logout"}, {"refuse"}, {"disagree"},
	}
)

// Consent finds the form that asks to release data, and fills it in so that
// everything is released. It is meant for pages that come after the login.
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
		button := &submit
		if !pressed {
			button = candidate.onward()
		}
		return candidate.submission(values, button), true
	}
	return p.onlyWay()
}

// onlyWay is the one form of a page whose one button says nothing we know: in
// another language, it can only be meant to be pressed. A form without a button
// is sent by a script, such as a response in the mode form_post.
func (p *Page) onlyWay() (Submission, bool) {
	var found []Form
	for _, candidate := range p.Forms {
		typed := slices.ContainsFunc(candidate.Inputs, func(i Input) bool { return i.typed() && !i.ReadOnly })
		if candidate.Method == http.MethodPost && !candidate.Search && !typed && len(candidate.Submits) < 2 {
			found = append(found, candidate)
		}
	}
	if len(found) != 1 {
		return Submission{}, false
	}
	only := found[0]
	for _, button := range only.Submits {
		if mention(wordsIn(button.Name+" "+button.Value+" "+button.ID+" "+button.Text), refusals) {
			return Submission{}, false
		}
	}
	if len(only.Submits) == 0 && len(only.Inputs) == 0 {
		return Submission{}, false
	}
	return only.submission(only.values(true), only.onward()), true
}

func (f Form) decides() bool {
	_, pressed := f.allowing(f.asking())
	_, chosen := f.allowing(f.radios())
	return pressed || chosen
}

// asking are the buttons of a form that has more than one: a single Continue
// decides nothing.
func (f Form) asking() []Input {
	if len(f.Submits) < 2 && !slices.ContainsFunc(f.Submits, func(i Input) bool { return i.Name != "" && i.Value != "" }) {
		return nil
	}
	return f.Submits
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
		func(i Input) string { return i.Label },
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
	words := wordsIn(text)
	return mention(words, permissions) && !mention(words, refusals)
}
