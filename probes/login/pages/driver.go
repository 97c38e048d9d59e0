package pages

import (
	"context"
	"errors"
	"net/url"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
	"tocsin/probes/login"
)

// Config of the driver.
type Config struct {
	Person login.Person
	Fields form.Fields
}

// Driver logs a person in through HTML forms.
type Driver struct{ cfg Config }

// New makes a driver.
func New(cfg Config) *Driver {
	if cfg.Person.Method == "" {
		cfg.Person.Method = form.BySecret
	}
	return &Driver{cfg: cfg}
}

// visit is one login under way.
type visit struct {
	*journey.Run
	cfg     *Config
	request login.Request
	inbox   *login.Inbox
	reply   *exchange.Reply
	page    *form.Page
	// form is the login form of the page, nil if it has none.
	form *form.Login
	// chosen is true once a way to log in was chosen.
	chosen bool
	given  given
	// landed is the redirect URI with its parameters, once the provider has
	// sent us there.
	landed *url.URL
}

// given is what the provider has been told.
type given struct{ id, secret, code bool }

// maxPages bounds the pages of one login.
const maxPages = 8

// Login takes the steps authorize, login-form and login, and those the provider
// asks for: inbox and otp for a one-time code, and consent. It returns the
// redirect URI with the provider's answer.
func (d *Driver) Login(ctx context.Context, run *journey.Run, request login.Request) (landed *url.URL, err error) {
	v := &visit{Run: run, cfg: &d.cfg, request: request}
	v.inbox, err = d.cfg.Person.OpenInbox(ctx, run)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.inbox.Close()) }()
	for _, step := range []struct {
		name string
		act  func(context.Context) error
		// skip is nil for steps that every login has.
		skip func() bool
	}{
		{"authorize", v.authorize, nil},
		{"login-form", v.openLoginForm, nil},
		{"login", v.logIn, func() bool { return v.asksOnlyCode() }},
		{"otp", v.enterCode, func() bool { return !v.asksOnlyCode() }},
		{"consent", v.consent, nil},
	} {
		if v.landed != nil {
			break
		}
		if step.skip != nil && step.skip() {
			continue
		}
		if err := run.Take(ctx, step.name, step.act); err != nil {
			return nil, err
		}
	}
	return v.landed, nil
}

func (v *visit) authorize(ctx context.Context) error {
	reply, err := v.Get(ctx, v.request.Address.String(), journey.AcceptHTML)
	if err != nil {
		return err
	}
	if !isRedirect(reply.Status) {
		if err := readable(reply); err != nil {
			return err
		}
	}
	v.reply = reply
	return nil
}

// openLoginForm follows the provider to its login page, chooses the way to log
// in, and finds the form.
func (v *visit) openLoginForm(ctx context.Context) error {
	if err := v.follow(ctx); err != nil || v.landed != nil {
		return err
	}
	if err := v.choose(ctx); err != nil || v.landed != nil {
		return err
	}
	if v.form == nil {
		return exchange.Brokenf(verdict.LoginForm, "the page at %s has no login form%s", v.reply.URL.Path, titled(v.page))
	}
	return nil
}

// choose goes to the way to log in that the person prefers, if the page is for
// another and offers it.
func (v *visit) choose(ctx context.Context) error {
	method := v.cfg.Person.Method
	for range 2 {
		found := v.form != nil
		if found && v.suits() || v.chosen {
			return nil
		}
		way, ok := v.page.Choose(method)
		if !ok {
			return nil
		}
		v.chosen = found // a page with only a choice may be followed by another
		if err := v.take(ctx, way); err != nil || v.landed != nil {
			return err
		}
	}
	return nil
}

// suits reports whether the login form is for the way that the person prefers.
// One that asks for a name alone may lead to either.
func (v *visit) suits() bool {
	if v.cfg.Person.Method == form.ByCode {
		return v.form.Secret == ""
	}
	return v.form.Secret != "" || len(v.form.Code) == 0
}

func (v *visit) take(ctx context.Context, way form.Choice) error {
	if way.Form != nil {
		return v.submit(ctx, *way.Form)
	}
	reply, err := v.Get(ctx, way.Link.String(), journey.AcceptHTML)
	if err != nil {
		return err
	}
	v.reply = reply
	return v.follow(ctx)
}

func (v *visit) asksOnlyCode() bool {
	return v.form != nil && len(v.form.Code) > 0 && v.form.Secret == ""
}

// logIn fills in login forms until none comes, or one for a code alone.
func (v *visit) logIn(ctx context.Context) error {
	for range maxPages {
		if err := v.answer(ctx); err != nil || v.landed != nil || v.asksOnlyCode() {
			return err
		}
		if v.form != nil {
			if err := v.choose(ctx); err != nil || v.landed != nil || v.asksOnlyCode() {
				return err
			}
		}
		if v.form == nil {
			return v.proved()
		}
	}
	return exchange.Brokenf(verdict.LoginForm, "the login pages do not end: %d came, the last at %s", maxPages, v.reply.URL.Path)
}

// proved refuses a login in which nobody asked for more than a name.
func (v *visit) proved() error {
	if v.given.secret || v.given.code {
		return nil
	}
	if _, ok := v.page.Consent(); ok {
		return nil
	}
	return exchange.Brokenf(verdict.LoginForm, "the login pages never asked for a PIN, password or code: after the name came %s%s%s", v.reply.URL.Path, titled(v.page), said(v.page))
}

// enterCode waits for the one-time code and enters it.
func (v *visit) enterCode(ctx context.Context) error {
	if err := v.answer(ctx); err != nil || v.landed != nil {
		return err
	}
	// Some providers ask for the password after the code.
	for range maxPages {
		if v.form == nil {
			return nil
		}
		if err := v.answer(ctx); err != nil || v.landed != nil {
			return err
		}
	}
	return exchange.Brokenf(verdict.LoginForm, "the login pages do not end: %d came after the code, the last at %s", maxPages, v.reply.URL.Path)
}

// answer fills in the login form of the page and sends it. A form that asks
// for nothing but what it was told already did not accept it.
func (v *visit) answer(ctx context.Context) error {
	asked, answers := *v.form, form.Answers{ID: v.cfg.Person.ID}
	secret, code := asked.Secret != "", len(asked.Code) > 0
	again := (!secret || v.given.secret) && (!code || v.given.code) && (secret || code || v.given.id)
	if again {
		return v.rejected()
	}
	var err error
	if secret {
		if answers.Secret, err = v.cfg.Person.Secret(); err != nil {
			return err
		}
	}
	if code {
		if answers.Code, err = v.inbox.Code(ctx, v.Run); err != nil {
			return err
		}
	}
	v.given.id = v.given.id || asked.ID != ""
	v.given.secret, v.given.code = v.given.secret || secret, v.given.code || code
	v.inbox.Sent()
	return v.submit(ctx, asked.Fill(answers))
}

func (v *visit) rejected() error {
	return exchange.Brokenf(verdict.LoginRejected, "the provider did not accept the synthetic person: the login form came back%s", said(v.page))
}
