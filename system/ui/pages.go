package ui

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tocsin/system/identity/authorize"
	"tocsin/system/identity/login"
	"tocsin/system/identity/oautherr"
	"tocsin/system/ui/page"
)

// base is the path below which all pages are.
const base = "/ui"

// pages are the handlers.
type pages struct {
	provider *provider
	set      *page.Set
	log      *slog.Logger
}

func (p *pages) showLogin(w http.ResponseWriter, r *http.Request) {
	p.loginPage(w, r, http.StatusOK, r.URL.Query().Get("tx"), "")
}

// loginPage shows the form; with the id typed before when it was wrong.
func (p *pages) loginPage(w http.ResponseWriter, r *http.Request, status int, tx, individualID string) {
	from := cookies(r)
	view, err := p.provider.view(r.Context(), tx, from)
	if err != nil {
		p.fail(w, r, tx, err)
		return
	}
	p.set.Login(w, status, page.Login{
		Client: view.ClientName, Transaction: tx, CSRF: csrf(from.binder, tx), IndividualID: individualID,
		Wrong: status != http.StatusOK, Locales: p.locales(r, view), FormTarget: view.RedirectOrigin,
	})
}

func (p *pages) postLogin(w http.ResponseWriter, r *http.Request) {
	tx, from, ok := p.form(w, r)
	if !ok {
		return
	}
	individualID := strings.TrimSpace(r.PostForm.Get("individual_id"))
	next, err := p.provider.login(r.Context(), tx, from, individualID, r.PostForm.Get("pin"))
	var refused *refusal
	if errors.As(err, &refused) && refused.Problem.Error == "wrong_pin" {
		p.loginPage(w, r, http.StatusUnprocessableEntity, tx, individualID)
		return
	}
	p.proceed(w, r, tx, next, err)
}

func (p *pages) showConsent(w http.ResponseWriter, r *http.Request) {
	tx, from := r.URL.Query().Get("tx"), cookies(r)
	view, err := p.provider.view(r.Context(), tx, from)
	if err != nil {
		p.fail(w, r, tx, err)
		return
	}
	if !view.Authenticated {
		http.Redirect(w, r, loginPath(tx), http.StatusSeeOther)
		return
	}
	p.set.Consent(w, page.Consent{
		Client: view.ClientName, Transaction: tx, CSRF: csrf(from.binder, tx), Claims: view.Claims,
		Locales: p.locales(r, view), FormTarget: view.RedirectOrigin,
	})
}

func (p *pages) postConsent(w http.ResponseWriter, r *http.Request) {
	tx, from, ok := p.form(w, r)
	if !ok {
		return
	}
	next, err := p.provider.consent(r.Context(), tx, from, r.PostForm.Get("decision"), r.PostForm["claims"])
	p.proceed(w, r, tx, next, err)
}

// showError serves the error pages by themselves, for whoever sends users there.
func (p *pages) showError(w http.ResponseWriter, r *http.Request) {
	kind := page.Kind(r.URL.Query().Get("kind"))
	if !slices.Contains(page.Kinds(), kind) {
		kind = page.BadRequest
	}
	p.write(w, r, page.Failure{Kind: kind})
}

func (p *pages) notFound(w http.ResponseWriter, r *http.Request) {
	p.write(w, r, page.Failure{Kind: page.NotFound})
}

// form reads a posted form and checks that a page of ours, shown to this
// browser, sent it. The token is keyed with a cookie that no other site can
// read, so it needs no secret of the server and works in every zone.
func (p *pages) form(w http.ResponseWriter, r *http.Request) (tx string, from browser, ok bool) {
	if err := r.ParseForm(); err != nil {
		p.write(w, r, page.Failure{Kind: page.BadRequest})
		return "", browser{}, false
	}
	tx, from = r.PostForm.Get("tx"), cookies(r)
	if from.binder == "" || !hmac.Equal([]byte(csrf(from.binder, tx)), []byte(r.PostForm.Get("csrf"))) {
		p.write(w, r, page.Failure{Kind: page.Foreign})
		return "", browser{}, false
	}
	return tx, from, true
}

func csrf(binder, tx string) string {
	hash := hmac.New(sha256.New, []byte(binder))
	hash.Write([]byte("csrf " + tx))
	return base64.RawURLEncoding.EncodeToString(hash.Sum(nil))
}

func cookies(r *http.Request) browser {
	value := func(name string) string {
		cookie, err := r.Cookie(name)
		if err != nil {
			return ""
		}
		return cookie.Value
	}
	return browser{binder: value(authorize.BinderCookie), back: value(authorize.BackCookie)}
}

// proceed sends the browser on after a step.
func (p *pages) proceed(w http.ResponseWriter, r *http.Request, tx string, next *login.Next, err error) {
	if err != nil {
		p.fail(w, r, tx, err)
		return
	}
	location := next.Location
	if location == "" {
		location = base + "/consent?tx=" + url.QueryEscape(tx)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, location, http.StatusSeeOther)
}

func loginPath(tx string) string { return base + "/login?tx=" + url.QueryEscape(tx) }

// fail shows what went wrong. Whatever is not a clear word of the provider is
// our fault.
func (p *pages) fail(w http.ResponseWriter, r *http.Request, tx string, err error) {
	failure := page.Failure{Kind: page.Unavailable, Retry: loginPath(tx)}
	if r.URL.Path == base+"/consent" {
		failure.Retry = base + "/consent?tx=" + url.QueryEscape(tx)
	}
	var refused *refusal
	if errors.As(err, &refused) {
		switch refused.Problem.Error {
		case "gone":
			failure = page.Failure{Kind: page.Gone, Back: refused.Back}
		case "foreign":
			failure = page.Failure{Kind: page.Foreign}
		case "locked":
			failure = page.Failure{Kind: page.Locked}
		case "invalid":
			failure = page.Failure{Kind: page.BadRequest}
		case "not_authenticated":
			http.Redirect(w, r, loginPath(tx), http.StatusSeeOther)
			return
		}
	}
	if failure.Kind == page.Unavailable {
		p.log.WarnContext(r.Context(), "step failed for an infrastructure reason", "error", err)
	}
	p.write(w, r, failure)
}

func (p *pages) write(w http.ResponseWriter, r *http.Request, failure page.Failure) {
	status := http.StatusBadRequest
	switch failure.Kind {
	case page.Unavailable:
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", oautherr.RetryAfter)
	case page.Gone:
		status = http.StatusGone
	case page.Foreign, page.Locked:
		status = http.StatusForbidden
	case page.NotFound:
		status = http.StatusNotFound
	}
	p.set.Error(w, status, strings.Join(accepted(r), " "), failure)
}

// locales are those the client asked for, then those the browser prefers.
func (p *pages) locales(r *http.Request, view *login.View) []string {
	return append(slices.Clone(view.Locales), accepted(r)...)
}

// accepted returns the languages of Accept-Language in the order given, which
// browsers keep sorted by preference.
func accepted(r *http.Request) []string {
	var languages []string
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		language, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		if language != "" && len(languages) < 10 {
			languages = append(languages, language)
		}
	}
	return languages
}
