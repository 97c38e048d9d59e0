// Package authorize is the authorization endpoint: it checks the request,
// opens a login transaction bound to the browser, and sends the user to the
// login page. It never sees a PIN.
package authorize

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/store"
	"tocsin/system/identity/transaction"
	"tocsin/system/ui/page"
)

const (
	// BinderCookie holds what binds transactions to a browser. It stays for all
	// of them, so that logins in two tabs do not disturb each other.
	BinderCookie = "__Host-login"
	// BackCookie holds a proven link back to the client of the last
	// transaction, for the page that says the transaction was lost.
	BackCookie = "__Host-back"
)

// Endpoint answers GET and POST /authorize.
type Endpoint struct {
	Clients      clients.Store
	Transactions transaction.Store
	Keys         *secret.Keys
	Pages        *page.Set
	Issuer       string
	// LoginPath is where the login page is, relative to the issuer's host.
	LoginPath string
	Life      time.Duration
	Log       *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if err := r.ParseForm(); err != nil {
		e.page(w, r, oautherr.New(oautherr.InvalidRequest, "the parameters cannot be read"))
		return
	}
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		values = r.PostForm
	}
	client, redirect, err := e.trust(r.Context(), values)
	if err != nil {
		e.page(w, r, err)
		return
	}
	params, err := Parse(values, client)
	if err != nil {
		e.redirectError(w, r, redirect, values.Get("state"), err)
		return
	}
	location, err := e.begin(w, r, client, redirect, params)
	if err != nil {
		e.page(w, r, err)
		return
	}
	http.Redirect(w, r, location, http.StatusSeeOther)
}

// trust finds the client and the redirect URI that answers may go to.
func (e *Endpoint) trust(ctx context.Context, values url.Values) (*clients.Client, string, error) {
	if err := single(values); err != nil {
		return nil, "", err
	}
	id := values.Get("client_id")
	if id == "" {
		return nil, "", oautherr.New(oautherr.InvalidRequest, "client_id is missing")
	}
	client, err := e.Clients.Client(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, "", oautherr.New(oautherr.InvalidRequest, "the client is not known")
	}
	if err != nil {
		return nil, "", fmt.Errorf("authorize: %w", err)
	}
	redirect, err := redirectURI(values, client)
	return client, redirect, err
}

// begin opens the transaction and returns the address of the login page.
func (e *Endpoint) begin(w http.ResponseWriter, r *http.Request, client *clients.Client, redirect string, params *Params) (string, error) {
	binder := rand.Text()
	if cookie, err := r.Cookie(BinderCookie); err == nil && len(cookie.Value) == len(binder) {
		binder = cookie.Value
	}
	id := rand.Text() + rand.Text()
	opened := &transaction.Transaction{
		ClientID: client.ID, RedirectURI: redirect, Scopes: params.Scopes, State: params.State, Nonce: params.Nonce,
		CodeChallenge: params.CodeChallenge, PromptConsent: params.PromptConsent, Locales: params.Locales,
		Binder: transaction.Bind(binder),
	}
	if err := e.Transactions.Create(r.Context(), id, opened, e.Life); err != nil {
		return "", fmt.Errorf("authorize: %w", err)
	}
	setCookie(w, BinderCookie, binder, e.Life)
	setCookie(w, BackCookie, transaction.SealBack(e.Keys, id, opened, e.Issuer), e.Life)
	return e.LoginPath + "?tx=" + id, nil
}

// setCookie sets a cookie that no script, no other host and no foreign form
// post sees. The __Host- prefix makes browsers refuse one that a sibling
// domain planted.
func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(life / time.Second),
	})
}

// redirectError hands a verdict to the client (RFC 6749, 4.1.2.1).
func (e *Endpoint) redirectError(w http.ResponseWriter, r *http.Request, redirect, state string, err error) {
	verdict := oautherr.Verdict(err)
	if verdict == nil {
		e.page(w, r, err)
		return
	}
	oautherr.Log(r, e.Log, err)
	answer := url.Values{"error": {string(verdict.Kind)}, "error_description": {verdict.Description}}
	http.Redirect(w, r, transaction.Callback(redirect, state, e.Issuer, answer), http.StatusSeeOther)
}

// page tells the user, where nobody else can be told.
func (e *Endpoint) page(w http.ResponseWriter, r *http.Request, err error) {
	oautherr.Log(r, e.Log, err)
	status := oautherr.Status(err)
	failure := page.Failure{Kind: page.Unavailable}
	if verdict := oautherr.Verdict(err); verdict != nil {
		failure = page.Failure{Kind: page.BadRequest, Detail: verdict.Description}
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", oautherr.RetryAfter)
	}
	e.Pages.Error(w, status, r.URL.Query().Get("ui_locales"), failure)
}
