package page

import (
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// view is what all templates see; each uses some of it. It is flat and without
// methods because templates find a member by its name, each time anew.
type view struct {
	Here, Asked       string
	Client, Logo      string
	Initial           string
	Transaction, CSRF string
	Ways              []tab

	// Problem is its text.
	Problem              string
	IndividualID         string
	AtID, AtSecret       bool
	FocusID, FocusSecret bool

	Email, Phone, Other string

	Expired             bool
	LinkCode            string
	QRSize              int
	QRPath              string
	Seconds             int
	Left                string
	Open, Poll, Check   string
	Code                string
	Done, Approved      bool
	Claims              []row
	Credentials         []string
	Request             string
	Decided, Stayed     bool
	Back                template.URL
	Reference           string
	Heading             string
	Explanation, Detail string
	Retry, Minutes      string
	Trace               string
}

// tab is one way to sign in with its name.
type tab struct {
	Link, Label string
	Current     bool
}

// row is one claim with its name for people.
type row struct {
	Name, Label string
	Essential   bool
}

func (s *Step) fillStep(v *view, in words) {
	v.Client, v.Logo, v.Initial = s.Client, s.Logo, initial(s.Client)
	v.Transaction, v.CSRF = s.Transaction, s.CSRF
	for _, way := range s.Ways {
		v.Ways = append(v.Ways, tab{Link: way.Link, Label: in["login.by."+way.By], Current: way.Current})
	}
}

// initial stands where a client without a logo would have it.
func initial(client string) string {
	first, size := utf8.DecodeRuneInString(strings.TrimSpace(client))
	if size == 0 || first == utf8.RuneError {
		return ""
	}
	return strings.ToUpper(string(first))
}

// fillPerson marks what may be wrong. Of a pair that does not match, either may
// be; the secret is what has to be typed again.
func (p *Person) fillPerson(v *view, in words) {
	v.IndividualID = p.IndividualID
	if p.Problem != "" {
		v.Problem = in["problem."+string(p.Problem)]
	}
	v.AtID = p.Problem == NoID || p.Problem == WrongPIN
	v.AtSecret = p.Problem == NoPIN || p.Problem == WrongPIN
	v.FocusID, v.FocusSecret = p.Problem == NoID, v.AtSecret
}

func (p *PIN) fill(v *view, in words) {
	p.fillStep(v, in)
	p.fillPerson(v, in)
}

func (o *OTP) fill(v *view, in words) {
	o.fillStep(v, in)
	o.fillPerson(v, in)
}

func (c *Code) fill(v *view, in words) {
	c.fillStep(v, in)
	c.fillPerson(v, in)
	v.Email, v.Phone, v.Other = c.Email, c.Phone, c.Other
}

func (p *Wallet) fill(v *view, in words) {
	p.fillStep(v, in)
	v.Expired, v.LinkCode, v.QRSize, v.QRPath = p.Expired, grouped(p.LinkCode), p.QR.Size, p.QR.Path
	v.Seconds, v.Left = int(p.Remaining/time.Second), time.Unix(0, 0).UTC().Add(p.Remaining).Format("4:05")
	v.Open, v.Poll, v.Check = p.Open, p.Poll, p.Check
}

// grouped returns a code as people can read it out.
func grouped(code string) string {
	const size = 4
	var out strings.Builder
	for i, c := range []byte(code) {
		if i > 0 && i%size == 0 {
			out.WriteByte(' ')
		}
		out.WriteByte(c)
	}
	return out.String()
}

func (p *Phone) fill(v *view, in words) {
	p.fillPerson(v, in)
	v.Code, v.CSRF, v.Client, v.Claims, v.Credentials = p.Code, p.CSRF, p.Client, rows(p.Claims, in), p.Credentials
	v.Done, v.Approved = p.Done, p.Approved
}

func (c *Consent) fill(v *view, in words) {
	c.fillStep(v, in)
	v.Claims, v.Credentials = rows(c.Claims, in), c.Credentials
}

// rows names claims; one that has no name for people keeps its own.
func rows(claims []Claim, in words) []row {
	named := make([]row, len(claims))
	for i, claim := range claims {
		label, known := in["claim."+claim.Name]
		if !known {
			label = claim.Name
		}
		named[i] = row{Name: claim.Name, Label: label, Essential: claim.Essential}
	}
	return named
}

func (l *Logout) fill(v *view, _ words) {
	v.Client, v.Request, v.CSRF, v.Decided, v.Stayed = l.Client, l.Request, l.CSRF, l.Decided, l.Stayed
}

func (f *Failure) fill(v *view, in words) {
	v.Reference, v.Trace, v.Detail, v.Retry, v.Back = f.Kind.Code(), f.Trace, f.Detail, f.Retry, link(f.Back)
	v.Heading, v.Explanation = in["error."+string(f.Kind)+".heading"], in["error."+string(f.Kind)+".text"]
	if f.Wait > 0 {
		v.Minutes = strconv.Itoa(int((f.Wait + time.Minute - 1) / time.Minute))
	}
}

// link returns address for a link of a page if it is one that people may be
// sent to: a web page, or an app by its private scheme, which has a dot in it
// (RFC 8252, 7.1). html/template alone would take the latter out.
func link(address string) template.URL {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	if parsed.Scheme == "https" || parsed.Scheme == "http" || strings.Contains(parsed.Scheme, ".") {
		return template.URL(address)
	}
	return ""
}
