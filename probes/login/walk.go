package login

import (
	"context"
	"errors"
	"net/url"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
)

// Hand does on the provider's pages what a person's hand would. Its errors are
// *exchange.Failure.
type Hand interface {
	// Open opens the authorization request.
	Open(ctx context.Context) error
	// Arrive goes on until there is a page with something to do, or the
	// redirect URI. Told is true once the provider was told anything.
	Arrive(ctx context.Context, told bool) (View, error)
	// Submit sends a form of the page, Visit follows a link of it.
	Submit(ctx context.Context, filled form.Submission) error
	Visit(ctx context.Context, link *url.URL) error
}

// View is what is seen after a step.
type View struct {
	Page *form.Page
	// Path is where the page is.
	Path string
	// Landed is the redirect URI with the provider's answer; nil before.
	Landed *url.URL
}

// Walk logs a person in by pages, whoever's hand it is.
type Walk struct {
	Person Person
	Fields form.Fields
	Hand   Hand
	// Known is true where the provider need not ask who is there.
	Known bool
	// Run is the attempt whose steps are taken.
	Run *journey.Run

	View
	inbox *Inbox
	// form is the login form of the page, nil if it has none.
	form *form.Login
	// chosen is true once a way to log in was chosen.
	chosen bool
	given  given
}

// given is what the provider has been told.
type given struct{ id, secret, code bool }

// maxPages bounds the pages of one login.
const maxPages = 8

// Login takes the steps authorize, login-form and login, and those the provider
// asks for: inbox and otp for a one-time code, and consent. It returns the
// redirect URI with the provider's answer.
func (w *Walk) Login(ctx context.Context) (landed *url.URL, err error) {
	if w.Person.Method == "" {
		w.Person.Method = form.BySecret
	}
	w.inbox, err = w.Person.OpenInbox(ctx, w.Run)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.inbox.Close()) }()
	for _, step := range []struct {
		name string
		act  func(context.Context) error
		// skip is nil for steps that every login has.
		skip func() bool
	}{
		{"authorize", w.Hand.Open, nil},
		{"login-form", w.openLoginForm, nil},
		{"login", w.logIn, func() bool { return w.form == nil || w.asksOnlyCode() }},
		{"otp", w.enterCode, func() bool { return !w.asksOnlyCode() }},
		{"consent", w.consent, nil},
	} {
		if w.Landed != nil {
			break
		}
		if step.skip != nil && step.skip() {
			continue
		}
		if err := w.Run.Take(ctx, step.name, step.act); err != nil {
			return nil, err
		}
	}
	return w.Landed, nil
}

// arrive looks at where the last step has led.
func (w *Walk) arrive(ctx context.Context, failed error) error {
	if failed != nil {
		return failed
	}
	view, err := w.Hand.Arrive(ctx, w.given != (given{}))
	if err != nil {
		return err
	}
	w.View, w.form = view, nil
	if view.Page == nil {
		return nil
	}
	if found, ok := view.Page.Login(w.Fields); ok {
		w.form = &found
	}
	return nil
}

func (w *Walk) submit(ctx context.Context, filled form.Submission) error {
	return w.arrive(ctx, w.Hand.Submit(ctx, filled))
}

// openLoginForm follows the provider to its login page, chooses the way to log
// in, and finds the form.
func (w *Walk) openLoginForm(ctx context.Context) error {
	if err := w.arrive(ctx, nil); err != nil || w.Landed != nil {
		return err
	}
	if err := w.choose(ctx); err != nil || w.Landed != nil {
		return err
	}
	if w.form != nil {
		return nil
	}
	if _, asks := w.Page.Consent(); asks && w.Known {
		return nil
	}
	return exchange.Brokenf(verdict.LoginForm, "the page at %s has no login form%s", w.Path, titled(w.Page))
}

// choose goes to the way to log in that the person prefers, if the page is for
// another and offers it.
func (w *Walk) choose(ctx context.Context) error {
	for range 2 {
		found := w.form != nil
		if found && w.suits() || w.chosen {
			return nil
		}
		way, ok := w.Page.Choose(w.Person.Method)
		if !ok {
			return nil
		}
		w.chosen = found // a page with only a choice may be followed by another
		var err error
		if way.Form != nil {
			err = w.Hand.Submit(ctx, *way.Form)
		} else {
			err = w.Hand.Visit(ctx, way.Link)
		}
		if err := w.arrive(ctx, err); err != nil || w.Landed != nil {
			return err
		}
	}
	return nil
}

// suits reports whether the login form is for the way that the person prefers.
// One that asks for a name alone may lead to either.
func (w *Walk) suits() bool {
	if w.Person.Method == form.ByCode {
		return w.form.Secret == ""
	}
	return w.form.Secret != "" || len(w.form.Code) == 0
}

func (w *Walk) asksOnlyCode() bool {
	return w.form != nil && len(w.form.Code) > 0 && w.form.Secret == ""
}

// logIn fills in login forms until none comes, or one for a code alone.
func (w *Walk) logIn(ctx context.Context) error {
	for range maxPages {
		if err := w.answer(ctx); err != nil || w.Landed != nil || w.asksOnlyCode() {
			return err
		}
		if w.form == nil {
			return w.proved()
		}
		if err := w.choose(ctx); err != nil || w.Landed != nil || w.asksOnlyCode() {
			return err
		}
		if w.form == nil {
			return w.proved()
		}
	}
	return exchange.Brokenf(verdict.LoginForm, "the login pages do not end: %d came, the last at %s", maxPages, w.Path)
}

// proved refuses a login in which nobody asked for more than a name.
func (w *Walk) proved() error {
	if w.given.secret || w.given.code {
		return nil
	}
	if _, ok := w.Page.Consent(); ok {
		return nil
	}
	return exchange.Brokenf(verdict.LoginForm, "the login pages never asked for a PIN, password or code: after the name came %s%s%s", w.Path, titled(w.Page), said(w.Page))
}

// enterCode enters the one-time code. Some providers ask for the password
// after it.
func (w *Walk) enterCode(ctx context.Context) error {
	for range maxPages {
		if err := w.answer(ctx); err != nil || w.Landed != nil || w.form == nil {
			return err
		}
	}
	return exchange.Brokenf(verdict.LoginForm, "the login pages do not end: %d came after the code, the last at %s", maxPages, w.Path)
}

// answer fills in the login form of the page and sends it. A form that asks
// for nothing but what it was told already did not accept it.
func (w *Walk) answer(ctx context.Context) error {
	asked, answers := *w.form, form.Answers{ID: w.Person.ID}
	secret, code := asked.Secret != "", len(asked.Code) > 0
	if (!secret || w.given.secret) && (!code || w.given.code) && (secret || code || w.given.id) {
		return exchange.Brokenf(verdict.LoginRejected, "the provider did not accept the synthetic person: the login form came back%s", said(w.Page))
	}
	var err error
	if secret {
		if answers.Secret, err = w.Person.Secret(); err != nil {
			return err
		}
	}
	if code {
		if answers.Code, err = w.inbox.Code(ctx, w.Run); err != nil {
			return err
		}
	}
	w.given.id = w.given.id || asked.ID != ""
	w.given.secret, w.given.code = w.given.secret || secret, w.given.code || code
	w.inbox.Sent()
	return w.submit(ctx, asked.Fill(answers))
}

// consent releases everything that is asked for, on as many pages as it takes.
func (w *Walk) consent(ctx context.Context) error {
	for count := range maxPages {
		submission, ok := w.Page.Consent()
		switch {
		case ok:
		case count == 0:
			return exchange.Brokenf(verdict.LoginForm, "after the login came a page at %s with neither a consent form nor a way on%s%s", w.Path, titled(w.Page), said(w.Page))
		default:
			return w.nowhere()
		}
		before := w.Path + "\n" + w.Page.Title
		if err := w.submit(ctx, submission); err != nil || w.Landed != nil {
			return err
		}
		if w.Path+"\n"+w.Page.Title == before {
			return w.nowhere()
		}
	}
	return w.nowhere()
}

func (w *Walk) nowhere() error {
	return exchange.Brokenf(verdict.LoginForm, "consent did not lead back to the client: a page at %s came instead%s%s", w.Path, titled(w.Page), said(w.Page))
}

func titled(page *form.Page) string {
	if page.Title == "" {
		return ""
	}
	return `; its title is "` + Shorten(page.Title) + `"`
}

func said(page *form.Page) string {
	if page.Alert == "" {
		return ""
	}
	return `; it says "` + Shorten(page.Alert) + `"`
}

// Shorten keeps what the target wrote from filling the page of the reader.
func Shorten(text string) string {
	const longest = 160
	runes := []rune(text)
	if len(runes) <= longest {
		return text
	}
	return string(runes[:longest]) + "…"
}
