package pages

import (
	"context"
	"net/http"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
)

// consent releases everything that is asked for, on as many pages as it takes.
func (v *visit) consent(ctx context.Context) error {
	for count := range maxPages {
		submission, ok := v.page.Consent()
		switch {
		case ok:
		case count == 0:
			return exchange.Brokenf(verdict.LoginForm, "after the login came a page at %s with neither a consent form nor a way on%s%s", v.reply.URL.Path, titled(v.page), said(v.page))
		default:
			return v.nowhere()
		}
		before := v.reply.URL.Path + "\n" + v.page.Title
		if err := v.submit(ctx, submission); err != nil || v.landed != nil {
			return err
		}
		if v.reply.URL.Path+"\n"+v.page.Title == before {
			return v.nowhere()
		}
	}
	return v.nowhere()
}

func (v *visit) nowhere() error {
	return exchange.Brokenf(verdict.LoginForm, "consent did not lead back to the client: a page at %s came instead%s%s", v.reply.URL.Path, titled(v.page), said(v.page))
}

// submit sends a form and follows where it leads. A form that goes to the
// redirect URI is the response itself (OAuth 2.0 Form Post Response Mode).
func (v *visit) submit(ctx context.Context, submission form.Submission) error {
	if v.request.Answers(submission.Action) {
		landed := *submission.Action
		query := landed.Query()
		for name, values := range submission.Values {
			query[name] = values
		}
		landed.RawQuery = query.Encode()
		v.landed = &landed
		return nil
	}
	reply, err := v.Submit(ctx, submission.Method, submission.Action, submission.Values)
	if err != nil {
		return err
	}
	v.reply = reply
	return v.follow(ctx)
}

// follow goes on until there is a page with something to do, and reads it.
func (v *visit) follow(ctx context.Context) error {
	for range maxPages {
		page, landed, err := redirected(ctx, v.Run, v.reply, v.request.Answers)
		if err != nil || landed != nil {
			v.landed = landed
			return err
		}
		v.reply = page
		if err := v.read(); err != nil {
			return err
		}
		onward := v.page.Refresh
		if onward == nil || v.form != nil {
			return nil
		}
		if v.request.Answers(onward) {
			v.landed = onward
			return nil
		}
		if v.reply, err = v.Get(ctx, onward.String(), journey.AcceptHTML); err != nil {
			return err
		}
	}
	return exchange.Brokenf(verdict.Redirect, "the provider refreshes in circles: %d pages in a row, the last at %s", maxPages, v.reply.URL.Path)
}

// read reads the page in hand. Some providers send a form back with a status
// of its own, to say that it was filled in wrongly: that is a page to read.
func (v *visit) read() error {
	page, err := form.Parse(v.reply.URL, v.reply.Body)
	if err != nil {
		return exchange.Brokenf(verdict.Content, "the page at %s cannot be read: %v", v.reply.URL.Path, err)
	}
	v.page, v.form = page, nil
	if found, ok := page.Login(v.cfg.Fields); ok {
		v.form = &found
	}
	told := v.given != (given{})
	if v.reply.Status == http.StatusOK || told && v.form != nil && sentBack(v.reply.Status) {
		return nil
	}
	return readable(v.reply)
}

func sentBack(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		return true
	}
	return false
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
