package form

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Fields names the inputs of a login form; an empty one is found by what the
// page says of it.
type Fields struct {
	ID, Secret, Code string
}

// Login is a form that asks who is there. What it does not ask for is empty:
// many providers ask on several pages.
type Login struct {
	form       Form
	ID, Secret string
	// Code are the inputs of a one-time code: one, or one for each digit.
	Code []string
}

// Answers are what a person types.
type Answers struct {
	ID, Secret, Code string
}

// Login finds the login form of the page: the one with the named inputs, else
// the one that asks most plainly for a code, a secret or a name.
func (p *Page) Login(fields Fields) (Login, bool) {
	if fields != (Fields{}) {
		if found, ok := p.namedLogin(fields); ok {
			return found, true
		}
	}
	best, bestScore := Login{}, 0
	for _, candidate := range p.Forms {
		if found, score := candidate.login(); score > bestScore {
			best, bestScore = found, score
		}
	}
	return best, bestScore > 0
}

func (p *Page) namedLogin(fields Fields) (Login, bool) {
	for _, candidate := range p.Forms {
		found, named := Login{form: candidate}, false
		guess, _ := candidate.login()
		for _, input := range candidate.Inputs {
			switch {
			case input.Name == "":
			case input.Name == fields.Secret:
				found.Secret, named = input.Name, true
			case input.Name == fields.ID:
				// A hidden or fixed input has its value already.
				named = true
				if input.typed() && !input.ReadOnly {
					found.ID = input.Name
				}
			case input.Name == fields.Code:
				found.Code, named = []string{input.Name}, true
			}
		}
		if !named {
			continue
		}
		found.complete(fields, guess)
		if found.asks() {
			return found, true
		}
	}
	return Login{}, false
}

// complete takes over what was guessed about inputs that have no name in the
// configuration.
func (l *Login) complete(fields Fields, guess Login) {
	if fields.ID == "" && guess.ID != l.Secret {
		l.ID = guess.ID
	}
	if fields.Secret == "" && guess.Secret != l.ID {
		l.Secret = guess.Secret
	}
	if fields.Code == "" && !slices.Contains(guess.Code, l.ID) && !slices.Contains(guess.Code, l.Secret) {
		l.Code = guess.Code
	}
}

func (l *Login) asks() bool { return l.ID != "" || l.Secret != "" || len(l.Code) > 0 }

// login says what the form asks for, and how plainly: 0 is not at all.
func (f Form) login() (Login, int) {
	found := Login{form: f, Code: f.boxes()}
	secrets, sure := 0, false
	for index, input := range f.Inputs {
		if slices.Contains(found.Code, input.Name) {
			continue
		}
		switch input.role() {
		case oneTimeCode:
			if len(found.Code) == 0 {
				found.Code = []string{input.Name}
			}
		case secret:
			secrets++
			if found.Secret == "" {
				found.Secret = input.Name
				if found.ID == "" {
					found.ID = lastTextBefore(f.Inputs[:index])
				}
			}
		case identifier:
			// Of several, such as a country code and a number, the one that
			// was found first stays unless it was a guess.
			if !sure {
				found.ID, sure = input.Name, true
			}
		case other:
		}
	}
	switch {
	case f.Search, secrets > 1, f.registers():
		return Login{}, 0
	case len(found.Code) > 0:
		return found, 4
	case found.Secret != "":
		return found, 3
	case f.decides():
		return Login{}, 0
	case sure:
		return found, 2
	}
	if found.ID = lastTextBefore(f.Inputs); found.ID != "" && f.Method == http.MethodPost {
		return found, 1
	}
	return Login{}, 0
}

// registers recognises a form that makes a new account.
func (f Form) registers() bool {
	fresh := slices.ContainsFunc(f.Inputs, func(i Input) bool { return strings.Contains(i.Autocomplete, "new-password") })
	words := wordsIn(f.Words + " " + f.Action.Path)
	return fresh || mention(words, [][]string{{"signup"}, {"sign", "up"}, {"register"}, {"registration"}, {"forgot"}, {"subscribe"}})
}

func lastTextBefore(inputs []Input) string {
	for _, input := range slices.Backward(inputs) {
		words := wordsIn(input.Name + " " + input.ID)
		if input.Name != "" && isText(input) && !input.ReadOnly && input.Type != "search" && !mention(words, searchWords) {
			return input.Name
		}
	}
	return ""
}

// Fill returns what a browser sends when a person types the answers and presses
// the button that goes on.
func (l Login) Fill(answers Answers) Submission {
	values := l.form.values(false)
	if l.ID != "" {
		values.Set(l.ID, answers.ID)
	}
	if l.Secret != "" {
		values.Set(l.Secret, answers.Secret)
	}
	digits := []rune(answers.Code)
	for index, name := range l.Code {
		switch {
		case len(l.Code) == 1:
			values.Set(name, answers.Code)
		case index < len(digits):
			values.Set(name, string(digits[index]))
		}
	}
	return l.form.submission(values, l.form.onward())
}

// onward is the button that goes on: the first, as pressing Enter does, except
// for one that says that it leads elsewhere.
func (f Form) onward() *Input {
	for index, submit := range f.Submits {
		words := wordsIn(submit.Name + " " + submit.Value + " " + submit.ID + " " + submit.Text)
		if !mention(words, refusals) && !mention(words, [][]string{{"resend"}, {"back"}, {"register"}, {"forgot"}, {"show"}}) {
			return &f.Submits[index]
		}
	}
	if len(f.Submits) > 0 {
		return &f.Submits[0]
	}
	return nil
}

// Submission is a filled form, ready to send.
type Submission struct {
	Method string
	Action *url.URL
	Values url.Values
	// Form and Button are the refs of what is sent and of what is pressed for
	// it; empty without.
	Form, Button string
}

// submission is the form with values, sent by a button or, for nil, by none.
func (f Form) submission(values url.Values, button *Input) Submission {
	sent := Submission{Method: f.Method, Action: f.Action, Values: values, Form: f.Ref}
	if button == nil {
		return sent
	}
	sent.Button = button.Ref
	if button.Name != "" && button.Type != "image" {
		values.Add(button.Name, button.Value)
	}
	if button.Method != "" {
		sent.Method = button.Method
	}
	if button.Action != nil {
		sent.Action = button.Action
	}
	return sent
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
