package form

import "net/url"

// Method is a way to log in that a page may offer beside others.
type Method string

// The methods.
const (
	BySecret Method = "pin"
	ByCode   Method = "otp"
)

func (m Method) words() [][]string {
	if m == ByCode {
		return append([][]string{{"code"}, {"sms"}, {"authenticator"}}, codeWords...)
	}
	return append([][]string{{"email"}, {"username"}}, secretWords...)
}

// Choice is a way to one method, offered by a page: a link, or a form.
type Choice struct {
	Link *url.URL
	Form *Submission
}

// Choose finds the way to a method on a page that offers several. What a
// machine reads comes before what a person reads.
func (p *Page) Choose(method Method) (Choice, bool) {
	if found, ok := p.chooseLink(method); ok {
		return Choice{Link: found}, true
	}
	for _, candidate := range p.Forms {
		if sent, ok := candidate.choose(method); ok {
			return Choice{Form: &sent}, true
		}
	}
	return Choice{}, false
}

func (p *Page) chooseLink(method Method) (*url.URL, bool) {
	for _, read := range []func(Link) string{
		func(l Link) string { return queryWords(l.Address) + " " + l.Address.Path },
		func(l Link) string { return l.Text },
	} {
		for _, link := range p.Links {
			words := wordsIn(read(link))
			if !link.Current && mention(words, method.words()) && !mention(wordsIn(link.Text+" "+link.Address.Path), elsewhere) {
				return link.Address, true
			}
		}
	}
	return nil, false
}

// elsewhere are words of links that stand on login pages and lead away.
var elsewhere = [][]string{{"forgot"}, {"forgotten"}, {"reset"}, {"lost"}, {"recover"}, {"change"}, {"register"}, {"help"}}

// queryWords are the values of a query that could name a method: a long one is
// a token, whose letters mean nothing.
func queryWords(address *url.URL) string {
	const longest = 24
	text := ""
	for _, values := range address.Query() {
		for _, value := range values {
			if len(value) <= longest {
				text += " " + value
			}
		}
	}
	return text
}

// choose presses the button, or takes the radio button, of a method.
func (f Form) choose(method Method) (Submission, bool) {
	named := func(i Input) bool {
		return mention(wordsIn(i.Value+" "+i.Name+" "+i.ID+" "+i.Text+" "+i.Label), method.words())
	}
	typed := false
	for _, input := range f.Inputs {
		typed = typed || input.typed() && !input.ReadOnly
	}
	if typed {
		return Submission{}, false
	}
	for _, radio := range f.radios() {
		if named(radio) {
			values := f.values(false)
			values.Set(radio.Name, radio.Value)
			return f.submission(values, f.onward()), true
		}
	}
	for index, button := range f.Submits {
		if named(button) {
			return f.submission(f.values(false), &f.Submits[index]), true
		}
	}
	return Submission{}, false
}
