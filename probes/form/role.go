package form

import (
	"slices"
	"strings"
	"unicode"
)

// role is what an input of a login form is for.
type role int

const (
	other role = iota
	identifier
	secret
	oneTimeCode
)

// Words by which the inputs of login pages are known. What a machine reads,
// such as a name or an id, is English nearly everywhere; labels are read, too,
// because some pages name their inputs by number.
var (
	codeWords = [][]string{
		{"otp"}, {"totp"}, {"2fa"}, {"mfa"}, {"tan"}, {"passcode"}, {"onetimecode"}, {"one", "time"}, {"onetime"},
		{"verification", "code"}, {"security", "code"}, {"auth", "code"}, {"authentication", "code"}, {"sms", "code"},
		{"verify", "code"}, {"login", "code"}, {"engangskode"}, {"einmalcode"},
	}
	secretWords = [][]string{{"password"}, {"passwd"}, {"pass"}, {"pwd"}, {"pin"}, {"secret"}, {"passphrase"}, {"passord"}, {"passwort"}}
	idWords     = [][]string{
		{"username"}, {"user"}, {"login"}, {"email"}, {"mail"}, {"identifier"}, {"individual"}, {"userid"}, {"uid"}, {"vid"}, {"uin"},
		{"account"}, {"phone"}, {"mobile"}, {"nationalid"}, {"ssn"}, {"id"}, {"handle"}, {"member"}, {"benutzername"}, {"brukernavn"},
	}
	searchWords = [][]string{{"search"}, {"q"}, {"query"}, {"newsletter"}, {"subscribe"}, {"captcha"}, {"coupon"}}
)

// wordsIn splits a text at everything that is no letter or digit, and where a
// small letter meets a capital one: userName is two words.
func wordsIn(text string) []string {
	var split strings.Builder
	previous := ' '
	for _, r := range text {
		if unicode.IsLower(previous) && unicode.IsUpper(r) {
			split.WriteByte(' ')
		}
		split.WriteRune(r)
		previous = r
	}
	return strings.FieldsFunc(strings.ToLower(split.String()), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// mention reports whether all words of one of the phrases occur.
func mention(words []string, phrases [][]string) bool {
	return slices.ContainsFunc(phrases, func(phrase []string) bool {
		return !slices.ContainsFunc(phrase, func(word string) bool { return !slices.Contains(words, word) })
	})
}

// role of an input by what it says of itself. Autocomplete is a promise of the
// page to browsers (HTML Living Standard, autofill); the words are guesses.
func (i Input) role() role {
	if i.Name == "" || i.ReadOnly || !i.typed() {
		return other
	}
	tokens := strings.Fields(i.Autocomplete)
	named, labelled := wordsIn(i.Name+" "+i.ID), wordsIn(i.Label)
	switch {
	case slices.Contains(tokens, "one-time-code"):
		return oneTimeCode
	case slices.Contains(tokens, "current-password"):
		return secret
	case slices.Contains(tokens, "username"), slices.Contains(tokens, "webauthn") && i.Type != "password":
		return identifier
	case slices.Contains(tokens, "new-password"):
		return other
	case mention(named, codeWords), i.Mode == "numeric" && slices.Contains(named, "code"):
		return oneTimeCode
	case i.Type == "password":
		if mention(labelled, codeWords) {
			return oneTimeCode
		}
		return secret
	case mention(named, secretWords):
		return secret
	case i.Type == "search", mention(named, searchWords):
		return other
	case i.Type == "email", mention(named, idWords), slices.Contains(tokens, "email"), slices.Contains(tokens, "tel"):
		return identifier
	case mention(labelled, codeWords):
		return oneTimeCode
	case mention(labelled, secretWords) && !mention(labelled, idWords):
		return secret
	case mention(labelled, idWords):
		return identifier
	}
	return other
}

// typed reports whether a person types into the input.
func (i Input) typed() bool { return i.Type == "password" || isText(i) }

func isText(input Input) bool {
	return slices.Contains([]string{"text", "email", "tel", "number", "search"}, input.Type)
}

// boxes are the inputs of a form that take one digit of a code each. They are a
// code when there are at least four in a row.
func (f Form) boxes() []string {
	var row []string
	for _, input := range f.Inputs {
		if input.MaxLength == 1 && input.typed() && input.Name != "" {
			row = append(row, input.Name)
			continue
		}
		if len(row) >= 4 {
			break
		}
		if input.typed() {
			row = nil
		}
	}
	if len(row) < 4 {
		return nil
	}
	return row
}
