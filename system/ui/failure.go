package ui

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tocsin/system/internal/trace"
	"tocsin/system/page"
)

// problemIs reports whether err is the verdict name of the provider.
func problemIs(err error, name string) bool {
	var refused *refusal
	return errors.As(err, &refused) && refused.Problem.Error == name
}

// fail shows what went wrong with a step; retry is a page to try again.
// Whatever is not a clear word of the provider is our fault.
func (p *pages) fail(w http.ResponseWriter, r *http.Request, retry string, err error) {
	failure, verdict := refusedAs(err)
	if !verdict {
		failure = page.Failure{Kind: page.Unavailable, Retry: retry}
		p.log.WarnContext(r.Context(), "step failed for an infrastructure reason", "error", err)
	}
	p.write(w, r, failure)
}

// refusedAs returns what to show when err is a verdict of the provider.
func refusedAs(err error) (failure page.Failure, verdict bool) {
	var refused *refusal
	if !errors.As(err, &refused) {
		return page.Failure{}, false
	}
	kind, verdict := kindOf(refused.Problem.Error)
	return page.Failure{Kind: kind, Back: refused.Back, Wait: time.Duration(refused.RetryAfter) * time.Second}, verdict
}

// kindOf returns the page that tells a verdict of the provider.
func kindOf(problem string) (kind page.Kind, verdict bool) {
	switch problem {
	case "gone", "link_gone":
		return page.Gone, true
	case "forged":
		return page.Foreign, true
	case "locked":
		return page.Locked, true
	case "unsupported":
		return page.Unsupported, true
	case "invalid", "mismatch":
		return page.BadRequest, true
	}
	return "", false
}

// write answers with an error page.
func (p *pages) write(w http.ResponseWriter, r *http.Request, failure page.Failure) {
	failure.Trace = trace.From(r.Context()).TraceID
	failure.Asked = asked(r)
	if r.Method == http.MethodGet {
		failure.Here = here(r)
	}
	if failure.Kind == page.Locked && failure.Wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(failure.Wait/time.Second)))
	}
	p.set.Error(w, failure.Kind.Status(), strings.Join(locales(r, failure.Asked, nil), " "), failure)
}

// showError serves the error pages by themselves, for whoever sends users there.
func (p *pages) showError(w http.ResponseWriter, r *http.Request) {
	kind := page.BadRequest
	for _, known := range page.Kinds() {
		if r.URL.Query().Get("kind") == string(known) {
			kind = known
		}
	}
	p.write(w, r, page.Failure{Kind: kind})
}

func (p *pages) notFound(w http.ResponseWriter, r *http.Request) {
	p.write(w, r, page.Failure{Kind: page.NotFound})
}

// guarded turns a defect in a handler into an error page.
func (p *pages) guarded(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if found := recover(); found != nil {
				if err, known := found.(error); known && errors.Is(err, http.ErrAbortHandler) {
					panic(found) // how a handler ends a connection
				}
				p.log.ErrorContext(r.Context(), "page broke", "path", r.URL.Path, "panic", found)
				p.write(w, r, page.Failure{Kind: page.ServerError})
			}
		}()
		handle(w, r)
	})
}
