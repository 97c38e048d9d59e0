// Package authorize is the authorization endpoint: it checks the request, seals
// it as a transaction into a cookie of the browser, and sends the user to the
// login page, or back at once when a session and a consent answer the request.
// It never sees a PIN, and writes to no store.
package authorize

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/session"
	"tocsin/system/identity/transaction"
	"tocsin/system/internal/trace"
	"tocsin/system/page"
)

// BrowserCookie holds what the forms of the pages are keyed with. It stays for
// all logins of a browser.
const BrowserCookie = "__Host-browser"

// maxRequest bounds the parameters of one request, in bytes.
const maxRequest = 32 << 10

// Pages shows errors to people.
type Pages interface {
	Error(w http.ResponseWriter, status int, locales string, failure page.Failure)
}

// Endpoint answers GET and POST /authorize.
type Endpoint struct {
	Service  *Service
	Sessions *session.Sealer
	Pages    Pages
	// UIPath is the path below which the pages are.
	UIPath string
	Log    *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	values, err := Parameters(w, r)
	if err != nil {
		e.page(w, r, values, err)
		return
	}
	begun, err := e.Service.Begin(r.Context(), values, e.Sessions.Of(r))
	var refusal *Refusal
	if errors.As(err, &refusal) {
		oautherr.Log(r, e.Log, err)
		redirect(w, refusal.Location)
		return
	}
	if err != nil {
		e.page(w, r, values, err)
		return
	}
	if begun.Location == "" {
		begun.Location = e.keep(w, r, begun)
	}
	redirect(w, begun.Location)
}

// Parameters returns those of a GET or a POST (OpenID Connect Core, 3.1.2.1), or
// a verdict.
func Parameters(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		if err := r.ParseForm(); err != nil {
			return nil, oautherr.New(oautherr.InvalidRequest, "the parameters cannot be read")
		}
		return r.PostForm, nil
	}
	if len(r.URL.RawQuery) > maxRequest {
		return nil, oautherr.New(oautherr.InvalidRequest, "the parameters are too large together")
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, oautherr.New(oautherr.InvalidRequest, "the parameters cannot be read")
	}
	return values, nil
}

// keep leaves the transaction with the browser and returns the address of the
// page to go on with.
func (e *Endpoint) keep(w http.ResponseWriter, r *http.Request, begun *Begun) string {
	t := begun.Transaction
	for _, id := range transaction.Surplus(r) {
		http.SetCookie(w, transaction.Forget(id))
	}
	http.SetCookie(w, transaction.Cookie(t.ID, begun.State, e.Service.Life))
	if _, err := r.Cookie(BrowserCookie); err != nil {
		http.SetCookie(w, &http.Cookie{
			Name: BrowserCookie, Value: rand.Text(), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	if t.Session == nil {
		return e.UIPath + "/login?tx=" + t.ID
	}
	return e.UIPath + "/consent?tx=" + t.ID
}

// redirect answers with 303: a 302 may make a browser post the parameters on
// (RFC 9700, 4.12).
func redirect(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}

// page tells the user, where nobody else can be told.
func (e *Endpoint) page(w http.ResponseWriter, r *http.Request, values url.Values, err error) {
	oautherr.Log(r, e.Log, err)
	status := oautherr.Status(err)
	failure := page.Failure{Kind: page.Unavailable, Trace: trace.From(r.Context()).TraceID}
	if verdict := oautherr.Verdict(err); verdict != nil {
		failure.Kind, failure.Detail = page.BadRequest, verdict.Error()
	} else {
		w.Header().Set("Retry-After", oautherr.RetryAfter)
	}
	e.Pages.Error(w, status, values.Get("ui_locales"), failure)
}
