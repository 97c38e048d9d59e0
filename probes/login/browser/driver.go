package browser

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	chromium "tocsin/internal/browser"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
	"tocsin/probes/login"
)

// maxBrowsers bounds the logins that one target makes at the same time in a
// browser: each takes a few hundred MiB.
const maxBrowsers = 2

// Config of the driver.
type Config struct {
	Person login.Person
	// Fields are CSS selectors; what is empty is found.
	Fields Selectors
}

// Selectors are CSS selectors of what a login page has.
type Selectors struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	Code   string `json:"code"`
	Submit string `json:"submit"`
}

// Driver logs a person in with a browser of its own for each login.
type Driver struct {
	cfg   Config
	slots chan struct{}
}

// New makes a driver.
func New(cfg Config) *Driver { return &Driver{cfg: cfg, slots: make(chan struct{}, maxBrowsers)} }

// Login takes the step browser, which starts it, and those of login.Walk. When
// the login fails, a picture of the last page and its DOM are left for the
// evidence, without what is secret.
func (d *Driver) Login(ctx context.Context, run *journey.Run, request login.Request) (landed *url.URL, err error) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return nil, exchange.Ownf(verdict.Saturated, context.Cause(ctx), "no browser was free: %d logins of this target are under way", maxBrowsers)
	}
	opened, err := d.start(ctx, run, request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.close()) }()
	walk := login.Walk{Person: d.cfg.Person, Fields: named(d.cfg.Fields), Known: request.Known, Run: run, Hand: opened}
	if landed, err = walk.Login(ctx); err != nil {
		opened.leave(ctx, d.cfg.Person)
	}
	return landed, err
}

// start starts a browser and opens its tab.
func (d *Driver) start(ctx context.Context, run *journey.Run, request login.Request) (*hand, error) {
	made := &hand{run: run, request: request, selectors: d.cfg.Fields, shown: d.cfg.Person.ID, seen: newRecorder(request)}
	err := run.Take(ctx, "browser", func(ctx context.Context) (err error) {
		if made.browser, err = chromium.Start(ctx, chromium.Options{}); err != nil {
			return ownFault(ctx, err)
		}
		roots, connectTo := run.Network()
		made.tab, err = made.browser.Open(ctx, chromium.TabOptions{
			Roots: roots, ConnectTo: connectTo, Mark: made.mark, Wrap: made.seen.wrap,
		})
		if err != nil {
			return ownFault(ctx, errors.Join(err, made.browser.Close()))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// ownFault is a browser that cannot be used, or is not ready before the login
// should be over: this machine is too slow, and the target has been asked for
// nothing yet.
func ownFault(ctx context.Context, err error) *exchange.Failure {
	if errors.Is(ctx.Err(), context.Canceled) {
		return stopped(context.Cause(ctx), "while the browser started")
	}
	if ctx.Err() != nil {
		return exchange.Ownf(verdict.OwnBrowser, err, "the browser was not ready in time: this machine is too busy")
	}
	return exchange.Ownf(verdict.OwnBrowser, err, "the browser cannot be used: %v", err)
}

// stopped gives the reason for which the run ended, if it has one.
func stopped(cause error, doing string) *exchange.Failure {
	var failure *exchange.Failure
	if errors.As(cause, &failure) {
		return &exchange.Failure{Reason: failure.Reason, Err: cause, Detail: fmt.Sprintf("%s (%s)", failure.Detail, doing)}
	}
	return exchange.Ownf(verdict.Stopped, cause, "the run was stopped from our side %s", doing)
}

// Names that inputs get which a selector has found: probes/form knows inputs by
// name.
const (
	chosenID     = "tocsin:id"
	chosenSecret = "tocsin:secret"
	chosenCode   = "tocsin:code"
)

// named is the inputs that were configured, by the names they will have.
func named(selectors Selectors) form.Fields {
	var fields form.Fields
	if selectors.ID != "" {
		fields.ID = chosenID
	}
	if selectors.Secret != "" {
		fields.Secret = chosenSecret
	}
	if selectors.Code != "" {
		fields.Code = chosenCode
	}
	return fields
}
