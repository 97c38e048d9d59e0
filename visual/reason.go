package visual

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tocsin/internal/browser"
	"tocsin/internal/reach"
	"tocsin/internal/verdict"
	"tocsin/visual/capture"
	"tocsin/visual/checks"
	"tocsin/visual/explain"
)

// reasonOf says why there is no picture, and separates what the target did from
// what we could not do.
func (l *Looker) reasonOf(ctx context.Context, err error) (verdict.Reason, string) {
	if ctx.Err() != nil {
		return verdict.Stopped, fmt.Sprintf("the check was stopped from our side: %v", context.Cause(ctx))
	}
	var discovery *discoveryError
	var unreachable *browser.UnreachableError
	var step *capture.StepError
	var own *ownConfigError
	reason := verdict.OwnBrowser
	switch {
	case errors.As(err, &discovery):
		reason = discovery.reason
	case errors.As(err, &unreachable):
		return l.unreachable(unreachable)
	case errors.As(err, &step):
		reason = verdict.LoginForm
	case errors.Is(err, browser.ErrCircles):
		reason = verdict.Redirect
	case errors.Is(err, browser.ErrTooMuch):
		reason = verdict.Content
	case errors.Is(err, capture.ErrUnsettled):
		reason = verdict.Unsettled
	case errors.As(err, &own):
		reason = verdict.OwnConfig
	}
	return reason, err.Error()
}

// unreachable says why a page could not be fetched: when this machine has lost its
// own network, that is no finding.
func (l *Looker) unreachable(page *browser.UnreachableError) (verdict.Reason, string) {
	switch {
	case errors.Is(page.Err, browser.ErrCircles):
		return verdict.Redirect, page.Error()
	case errors.Is(page.Err, browser.ErrTooMuch):
		return verdict.Content, page.Error()
	}
	attempt := reach.Attempt{Host: page.URL, Doing: "while the page was fetched", Now: time.Now}
	if address, err := url.Parse(page.URL); err == nil && address.Host != "" {
		attempt.Host = address.Host
	}
	trouble := attempt.Explain(page.Err)
	if trouble == nil {
		return verdict.Unreachable, page.Error()
	}
	if trouble.Network {
		if lost := l.config.OwnNetwork(); lost != nil {
			return verdict.OwnNetwork, fmt.Sprintf("%v; without it: %s", lost, trouble.Detail)
		}
	}
	return trouble.Reason, fmt.Sprintf("%s cannot be seen: %s", page.URL, trouble.Detail)
}

// wrongPage says why a picture is not one of the page that was asked for; OK when
// it may be. What the page tells people of an error is said.
func (l *Looker) wrongPage(found *capture.Shot, shot checks.Shot) (verdict.Reason, string) {
	address := browser.WithoutQuery(found.URL)
	if shot.Login && address == browser.WithoutQuery(l.config.Target.Client.RedirectURI) {
		return ledBack(found.URL)
	}
	if found.Status == shot.Status && found.PNG != nil {
		return verdict.OK, ""
	}
	reason := verdict.Status
	if found.Status == http.StatusTooManyRequests || found.Status >= http.StatusInternalServerError {
		reason = verdict.Unavailable
	}
	text := fmt.Sprintf("%s answered %s, and %d is expected", address, statusLine(found.Status), shot.Status)
	if found.PNG == nil {
		text = fmt.Sprintf("%s answered %s without a page", address, statusLine(found.Status))
	}
	for _, shown := range explain.Errors(found.Page) {
		text += "; " + shown.Sentence
	}
	return reason, text
}

// ledBack says what an authorization request was answered with instead of a
// login page (RFC 6749, section 4.1.2.1).
func ledBack(callback string) (verdict.Reason, string) {
	landed, err := url.Parse(callback)
	if err != nil {
		return verdict.Redirect, fmt.Sprintf("the login ended at %q, which is not a URL", browser.WithoutQuery(callback))
	}
	answer := landed.Query()
	code := answer.Get("error")
	if code == "" {
		return verdict.Redirect, "the authorization request led back to the client without showing a login page"
	}
	reason := verdict.ProtocolError
	if code == "server_error" || code == "temporarily_unavailable" {
		reason = verdict.Unavailable
	}
	return reason, strings.TrimSuffix(fmt.Sprintf("the authorization request was answered with error %q, not with a login page: %s",
		code, answer.Get("error_description")), ": ")
}

func statusLine(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}
