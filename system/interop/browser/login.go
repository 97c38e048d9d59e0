package browser

import (
	"context"
	"fmt"
	"maps"
	"net/url"
)

// The names of fields on our pages.
const (
	fieldPerson   = "individual_id"
	fieldPIN      = "pin"
	fieldDecision = "decision"
)

// stepLimit bounds how many pages one login may have.
const stepLimit = 6

// Person is who sits at the browser.
type Person struct {
	ID  string
	PIN string
}

// Visit is how a login went.
type Visit struct {
	// Page is where it ended: a page without a form that is known, or the
	// redirect to the client.
	Page *Page
	// AskedLogin and AskedConsent tell which pages were shown on the way.
	AskedLogin, AskedConsent bool
}

// Callback returns the parameters that the redirect to the client carries.
func (v *Visit) Callback() (url.Values, error) {
	if v.Page.Location == nil {
		return nil, fmt.Errorf("the browser was not sent back to the client but saw a %s", v.Page)
	}
	return v.Page.Location.Query(), nil
}

// Decision is what the person answers to the question for consent.
type Decision string

// The answers.
const (
	Allow Decision = "allow"
	Deny  Decision = "deny"
)

// LogIn continues from page as person until the browser is sent back to the
// client or shown a page that asks neither for a login nor for a consent.
func (b *Browser) LogIn(ctx context.Context, page *Page, person Person, decision Decision) (*Visit, error) {
	visit := &Visit{Page: page}
	for range stepLimit {
		form, values := visit.next(person, decision)
		if form == nil {
			return visit, nil
		}
		next, err := b.Submit(ctx, visit.Page, form, values)
		if err != nil {
			return nil, err
		}
		visit.Page = next
	}
	return visit, fmt.Errorf("no end after %d pages: %s", stepLimit, visit.Page)
}

// next returns the form to send now, or nil, and what to put in it.
func (v *Visit) next(person Person, decision Decision) (*Form, url.Values) {
	if v.Page.Location != nil {
		return nil, nil
	}
	// A login form that comes back after it was sent says that it was refused.
	if form := v.Page.With(fieldPIN); form != nil && !v.AskedLogin {
		v.AskedLogin = true
		return form, url.Values{fieldPerson: {person.ID}, fieldPIN: {person.PIN}}
	}
	if form := v.Page.With(fieldDecision); form != nil && !v.AskedConsent {
		v.AskedConsent = true
		answer := url.Values{fieldDecision: {string(decision)}}
		if decision == Allow { // all that is asked for
			maps.Copy(answer, form.Boxes)
		}
		return form, answer
	}
	return nil, nil
}
