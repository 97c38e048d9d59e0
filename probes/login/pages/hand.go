package pages

import (
	"context"
	"net/http"
	"net/url"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
	"tocsin/probes/login"
)

// hand sends forms and follows links by plain HTTP.
type hand struct {
	*journey.Run
	fields  form.Fields
	request login.Request
	reply   *exchange.Reply
	landed  *url.URL
}

// maxRefreshes bounds the pages that only send their reader on.
const maxRefreshes = 5

// Open sends the authorization request.
func (h *hand) Open(ctx context.Context) error {
	if err := h.Visit(ctx, h.request.Address); err != nil {
		return err
	}
	if isRedirect(h.reply.Status) {
		return nil
	}
	return readable(h.reply)
}

// Visit asks for a page.
func (h *hand) Visit(ctx context.Context, link *url.URL) error {
	reply, err := h.Get(ctx, link.String(), journey.AcceptHTML)
	h.reply = reply
	return err
}

// Submit sends a form. One that goes to the redirect URI is the response itself
// (OAuth 2.0 Form Post Response Mode).
func (h *hand) Submit(ctx context.Context, filled form.Submission) error {
	if h.request.Answers(filled.Action) {
		landed := *filled.Action
		query := landed.Query()
		for name, values := range filled.Values {
			query[name] = values
		}
		landed.RawQuery = query.Encode()
		h.landed = &landed
		return nil
	}
	reply, err := h.Run.Submit(ctx, filled.Method, filled.Action, filled.Values)
	h.reply = reply
	return err
}

// Arrive follows redirects, and pages that only send their reader on.
func (h *hand) Arrive(ctx context.Context, told bool) (login.View, error) {
	for range maxRefreshes {
		if h.landed != nil {
			return login.View{Landed: h.landed}, nil
		}
		reply, landed, err := redirected(ctx, h.Run, h.reply, h.request.Answers)
		if err != nil || landed != nil {
			return login.View{Landed: landed}, err
		}
		h.reply = reply
		page, asks, err := h.read(told)
		if err != nil {
			return login.View{}, err
		}
		onward := page.Refresh
		switch {
		case onward == nil || asks:
			return login.View{Page: page, Path: reply.URL.Path}, nil
		case h.request.Answers(onward):
			return login.View{Landed: onward}, nil
		}
		if err := h.Visit(ctx, onward); err != nil {
			return login.View{}, err
		}
	}
	return login.View{}, exchange.Brokenf(verdict.Redirect, "the provider refreshes in circles: %d pages in a row, the last at %s", maxRefreshes, h.reply.URL.Path)
}

// read reads the page in hand, and says whether it asks who is there. Some
// providers send a form back with a status of its own, to say that it was
// filled in wrongly: that is a page to read.
func (h *hand) read(told bool) (*form.Page, bool, error) {
	page, err := form.Parse(h.reply.URL, h.reply.Body)
	if err != nil {
		return nil, false, exchange.Brokenf(verdict.Content, "the page at %s cannot be read: %v", h.reply.URL.Path, err)
	}
	_, asks := page.Login(h.fields)
	if told && asks && sentBack(h.reply.Status) {
		return page, asks, nil
	}
	return page, asks, readable(h.reply)
}

func sentBack(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		return true
	}
	return false
}
