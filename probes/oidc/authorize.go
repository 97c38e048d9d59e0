package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"tocsin/internal/target"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
)

// flow is what the browser side of one login carries.
type flow struct {
	state, nonce, verifier string
	login                  form.Login
	// landed is the redirect URI with its parameters, once the provider has
	// sent us there. It is never fetched.
	landed *url.URL
}

// maxHops bounds the redirects in a row; browsers give up at 20.
const maxHops = 10

// authorize sends the authorization request (OpenID Connect Core, section
// 3.1.2.1) with PKCE (RFC 7636). It asks for consent each time, so that each
// login proves that a consent can be written.
func (j *journey) authorize(ctx context.Context) error {
	j.flow = flow{state: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text()}
	challenge := sha256.Sum256([]byte(j.flow.verifier))
	address, err := url.Parse(j.provider.AuthorizationEndpoint)
	if err != nil {
		return exchange.Brokenf("the authorization endpoint is no URL: %v", err)
	}
	query := address.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": j.cfg.Client.ID, "redirect_uri": j.cfg.Client.RedirectURI,
		"scope": strings.Join(j.cfg.Client.Scopes, " "), "state": j.flow.state, "nonce": j.flow.nonce,
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
		"prompt": "consent",
	} {
		query.Set(name, value)
	}
	address.RawQuery = query.Encode()
	reply, err := j.get(ctx, address.String(), acceptHTML)
	if err != nil {
		return err
	}
	if !isRedirect(reply.Status) && reply.Status != http.StatusOK {
		return exchange.Unexpected(reply, pageText(reply))
	}
	j.page = reply
	return nil
}

// openLoginForm follows the provider to its login page and finds the form.
func (j *journey) openLoginForm(ctx context.Context) error {
	if err := j.follow(ctx); err != nil {
		return err
	}
	if j.flow.landed != nil {
		return j.refused("sent us back before anybody logged in")
	}
	login, page, err := j.findLogin()
	if err != nil {
		return err
	}
	if login == nil {
		return exchange.Brokenf("the page at %s has no login form%s", j.page.URL.Path, titled(page))
	}
	j.flow.login = *login
	return nil
}

// logIn fills in the login form. Providers that ask for id and secret on two
// pages get two answers.
func (j *journey) logIn(ctx context.Context) error {
	secret, err := target.ReadSecret(j.cfg.Account.SecretFile)
	if err != nil {
		return exchange.Ownf(err, "the secret of the synthetic person cannot be used: %v", err)
	}
	askedForSecret := false
	for range 2 {
		submission := j.flow.login.Fill(j.cfg.Account.IndividualID, secret)
		askedForSecret = askedForSecret || j.flow.login.Secret != ""
		j.page, err = j.submit(ctx, submission.Method, submission.Action, submission.Values)
		if err != nil {
			return err
		}
		if err := j.follow(ctx); err != nil || j.flow.landed != nil {
			return err
		}
		login, page, err := j.findLogin()
		if err != nil || login == nil {
			return err
		}
		if askedForSecret {
			return exchange.Brokenf("the provider did not accept the synthetic person: the login form came back%s", said(page))
		}
		j.flow.login = *login
	}
	return exchange.Brokenf("the login pages at %s never asked for the secret", j.page.URL.Path)
}

// consent releases everything the consent page asks for.
func (j *journey) consent(ctx context.Context) error {
	page, err := j.parsePage()
	if err != nil {
		return err
	}
	submission, ok := page.Consent()
	if !ok {
		return exchange.Brokenf("after the login came a page at %s with neither a consent form nor a way on%s%s", j.page.URL.Path, titled(page), said(page))
	}
	j.page, err = j.submit(ctx, submission.Method, submission.Action, submission.Values)
	if err != nil {
		return err
	}
	if err := j.follow(ctx); err != nil {
		return err
	}
	if j.flow.landed != nil {
		return nil
	}
	page, err = j.parsePage()
	if err != nil {
		return err
	}
	return exchange.Brokenf("consent did not lead back to the client: a page at %s came instead%s%s", j.page.URL.Path, titled(page), said(page))
}

// arrived reports that the provider sent us to the redirect URI.
func (j *journey) arrived() bool { return j.flow.landed != nil }

// receiveCode reads the authorization response (OpenID Connect Core, section
// 3.1.2.5).
func (j *journey) receiveCode(context.Context) error {
	query := j.flow.landed.Query()
	if query.Get("error") != "" {
		return j.refused("refused the login")
	}
	if got := query.Get("state"); got != j.flow.state {
		return exchange.Brokenf("wrong state: the response does not belong to this login (got %q)", shorten(got))
	}
	// RFC 9207: whoever announces iss must send it, and it must be right.
	issuer, sent := query.Get("iss"), query.Has("iss")
	if sent && issuer != j.cfg.Issuer || !sent && j.provider.IssuerInResponse {
		return exchange.Brokenf("wrong iss in the response: got %q, expected %q (RFC 9207)", issuer, j.cfg.Issuer)
	}
	j.code = query.Get("code")
	if j.code == "" {
		return exchange.Brokenf("the response has no code")
	}
	return nil
}

// refused reads an error response (RFC 6749, section 4.1.2.1). Two of its
// codes are honest words of a system in trouble.
func (j *journey) refused(what string) error {
	query := j.flow.landed.Query()
	code := query.Get("error")
	failure := exchange.Brokenf("the provider %s: %s", what, shorten(code))
	if description := query.Get("error_description"); description != "" {
		failure.Reason += " (" + shorten(description) + ")"
	}
	if code == "temporarily_unavailable" || code == "server_error" {
		failure.Kind = exchange.Infrastructure
	}
	return failure
}
