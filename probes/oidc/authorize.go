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
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
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
func (s *session) authorize(ctx context.Context) error {
	s.flow = flow{state: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text()}
	challenge := sha256.Sum256([]byte(s.flow.verifier))
	address, err := url.Parse(s.provider.AuthorizationEndpoint)
	if err != nil {
		return exchange.Brokenf(verdict.Content, "the authorization endpoint is no URL: %v", err)
	}
	query := address.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": s.cfg.Client.ID, "redirect_uri": s.cfg.Client.RedirectURI,
		"scope": strings.Join(s.cfg.Client.Scopes, " "), "state": s.flow.state, "nonce": s.flow.nonce,
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
		"prompt": "consent",
	} {
		query.Set(name, value)
	}
	address.RawQuery = query.Encode()
	reply, err := s.Get(ctx, address.String(), journey.AcceptHTML)
	if err != nil {
		return err
	}
	if !isRedirect(reply.Status) && reply.Status != http.StatusOK {
		return exchange.Unexpected(reply, pageText(reply))
	}
	s.page = reply
	return nil
}

// openLoginForm follows the provider to its login page and finds the form.
func (s *session) openLoginForm(ctx context.Context) error {
	if err := s.follow(ctx); err != nil {
		return err
	}
	if s.flow.landed != nil {
		return s.refused("sent us back before anybody logged in")
	}
	login, page, err := s.findLogin()
	if err != nil {
		return err
	}
	if login == nil {
		return exchange.Brokenf(verdict.LoginForm, "the page at %s has no login form%s", s.page.URL.Path, titled(page))
	}
	s.flow.login = *login
	return nil
}

// logIn fills in the login form. Providers that ask for id and secret on two
// pages get two answers.
func (s *session) logIn(ctx context.Context) error {
	secret, err := target.ReadSecret(s.cfg.Account.SecretFile)
	if err != nil {
		return exchange.Ownf(verdict.OwnConfig, err, "the secret of the synthetic person cannot be used: %v", err)
	}
	askedForSecret := false
	for range 2 {
		submission := s.flow.login.Fill(s.cfg.Account.IndividualID, secret)
		askedForSecret = askedForSecret || s.flow.login.Secret != ""
		s.page, err = s.Submit(ctx, submission.Method, submission.Action, submission.Values)
		if err != nil {
			return err
		}
		if err := s.follow(ctx); err != nil || s.flow.landed != nil {
			return err
		}
		login, page, err := s.findLogin()
		if err != nil || login == nil {
			return err
		}
		if askedForSecret {
			return exchange.Brokenf(verdict.LoginRejected, "the provider did not accept the synthetic person: the login form came back%s", said(page))
		}
		s.flow.login = *login
	}
	return exchange.Brokenf(verdict.LoginForm, "the login pages at %s never asked for the secret", s.page.URL.Path)
}

// consent releases everything the consent page asks for.
func (s *session) consent(ctx context.Context) error {
	page, err := s.parsePage()
	if err != nil {
		return err
	}
	submission, ok := page.Consent()
	if !ok {
		return exchange.Brokenf(verdict.LoginForm, "after the login came a page at %s with neither a consent form nor a way on%s%s", s.page.URL.Path, titled(page), said(page))
	}
	s.page, err = s.Submit(ctx, submission.Method, submission.Action, submission.Values)
	if err != nil {
		return err
	}
	if err := s.follow(ctx); err != nil {
		return err
	}
	if s.flow.landed != nil {
		return nil
	}
	page, err = s.parsePage()
	if err != nil {
		return err
	}
	return exchange.Brokenf(verdict.LoginForm, "consent did not lead back to the client: a page at %s came instead%s%s", s.page.URL.Path, titled(page), said(page))
}

// arrived reports that the provider sent us to the redirect URI.
func (s *session) arrived() bool { return s.flow.landed != nil }

// receiveCode reads the authorization response (OpenID Connect Core, section
// 3.1.2.5).
func (s *session) receiveCode(context.Context) error {
	query := s.flow.landed.Query()
	if query.Get("error") != "" {
		return s.refused("refused the login")
	}
	if got := query.Get("state"); got != s.flow.state {
		return exchange.Brokenf(verdict.Claims, "wrong state: the response does not belong to this login (got %q)", shorten(got))
	}
	// RFC 9207: whoever announces iss must send it, and it must be right.
	issuer, sent := query.Get("iss"), query.Has("iss")
	if sent && issuer != s.cfg.Issuer || !sent && s.provider.IssuerInResponse {
		return exchange.Brokenf(verdict.Claims, "wrong iss in the response: got %q, expected %q (RFC 9207)", issuer, s.cfg.Issuer)
	}
	s.code = query.Get("code")
	if s.code == "" {
		return exchange.Brokenf(verdict.Content, "the response has no code")
	}
	return nil
}

// refused reads an error response (RFC 6749, section 4.1.2.1). Two of its
// codes are honest words of a system in trouble.
func (s *session) refused(what string) error {
	query := s.flow.landed.Query()
	code := query.Get("error")
	failure := exchange.Brokenf(verdict.ProtocolError, "the provider %s: %s", what, shorten(code))
	if description := query.Get("error_description"); description != "" {
		failure.Detail += " (" + shorten(description) + ")"
	}
	if code == "temporarily_unavailable" || code == "server_error" {
		failure.Reason = verdict.Unavailable
	}
	return failure
}
