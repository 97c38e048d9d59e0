package pages

import (
	"context"
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
func New(cfg Config) *Driver { return &Driver{cfg: cfg} }

// visit is one login under way.
type visit struct {
	*journey.Run
	cfg     *Config
	request login.Request
	page    *exchange.Reply
	login   form.Login
	// landed is the redirect URI with its parameters, once the provider has
	// sent us there.
	landed *url.URL
}

// Login takes the steps authorize, login-form, login and, when the provider
// asks, consent. It returns the redirect URI with the provider's answer.
func (d *Driver) Login(ctx context.Context, run *journey.Run, request login.Request) (*url.URL, error) {
	v := &visit{Run: run, cfg: &d.cfg, request: request}
	for _, step := range []struct {
		name string
		act  func(context.Context) error
	}{
		{"authorize", v.authorize}, {"login-form", v.openLoginForm}, {"login", v.logIn}, {"consent", v.consent},
	} {
		if v.landed != nil {
			break
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
	if !IsRedirect(reply.Status) {
		if err := readable(reply); err != nil {
			return err
		}
	}
	v.page = reply
	return nil
}

func (v *visit) follow(ctx context.Context) error {
	page, landed, err := Follow(ctx, v.Run, v.page, v.request.Answers)
	if err != nil {
		return err
	}
	v.page, v.landed = page, landed
	return nil
}

// openLoginForm follows the provider to its login page and finds the form.
func (v *visit) openLoginForm(ctx context.Context) error {
	if err := v.follow(ctx); err != nil || v.landed != nil {
		return err
	}
	found, page, err := v.findLogin()
	if err != nil {
		return err
	}
	if found == nil {
		return exchange.Brokenf(verdict.LoginForm, "the page at %s has no login form%s", v.page.URL.Path, titled(page))
	}
	v.login = *found
	return nil
}

// logIn fills in the login form. Providers that ask for id and secret on two
// pages get two answers.
func (v *visit) logIn(ctx context.Context) error {
	secret, err := v.cfg.Person.Secret()
	if err != nil {
		return err
	}
	askedForSecret := false
	for range 2 {
		askedForSecret = askedForSecret || v.login.Secret != ""
		if err := v.submit(ctx, v.login.Fill(v.cfg.Person.ID, secret)); err != nil || v.landed != nil {
			return err
		}
		found, page, err := v.findLogin()
		if err != nil || found == nil {
			return err
		}
		if askedForSecret {
			return exchange.Brokenf(verdict.LoginRejected, "the provider did not accept the synthetic person: the login form came back%s", said(page))
		}
		v.login = *found
	}
	return exchange.Brokenf(verdict.LoginForm, "the login pages at %s never asked for the secret", v.page.URL.Path)
}

// consent releases everything the consent page asks for.
func (v *visit) consent(ctx context.Context) error {
	page, err := v.parse()
	if err != nil {
		return err
	}
	submission, ok := page.Consent()
	if !ok {
		return exchange.Brokenf(verdict.LoginForm, "after the login came a page at %s with neither a consent form nor a way on%s%s", v.page.URL.Path, titled(page), said(page))
	}
	if err := v.submit(ctx, submission); err != nil || v.landed != nil {
		return err
	}
	page, err = v.parse()
	if err != nil {
		return err
	}
	return exchange.Brokenf(verdict.LoginForm, "consent did not lead back to the client: a page at %s came instead%s%s", v.page.URL.Path, titled(page), said(page))
}

// submit sends a form and follows where it leads.
func (v *visit) submit(ctx context.Context, submission form.Submission) error {
	reply, err := v.Submit(ctx, submission.Method, submission.Action, submission.Values)
	if err != nil {
		return err
	}
	v.page = reply
	return v.follow(ctx)
}

func (v *visit) parse() (*form.Page, error) {
	page, err := form.Parse(v.page.URL, v.page.Body)
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the page at %s cannot be read: %v", v.page.URL.Path, err)
	}
	return page, nil
}

// findLogin returns the login form of the page in hand, nil if it has none.
func (v *visit) findLogin() (*form.Login, *form.Page, error) {
	page, err := v.parse()
	if err != nil {
		return nil, nil, err
	}
	found, ok := page.Login(v.cfg.Fields)
	if !ok {
		return nil, page, nil
	}
	return &found, page, nil
}

func titled(page *form.Page) string {
	if page.Title == "" {
		return ""
	}
	return `; its title is "` + shorten(page.Title) + `"`
}

func said(page *form.Page) string {
	if page.Alert == "" {
		return ""
	}
	return `; it says "` + shorten(page.Alert) + `"`
}

// shorten keeps what the target wrote from filling the page of the reader.
func shorten(text string) string {
	const longest = 160
	runes := []rune(text)
	if len(runes) <= longest {
		return text
	}
	return string(runes[:longest]) + "…"
}
