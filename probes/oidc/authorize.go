package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/login"
)

// flow is what the browser side of one login carries.
type flow struct {
	state, nonce, verifier string
	// landed is the redirect URI with its parameters, once the provider has
	// sent us there. It is never fetched.
	landed *url.URL
}

// enter sends the authorization request and lets the driver log the person in.
func (s *session) enter(ctx context.Context) error {
	request, err := s.request()
	if err != nil {
		return err
	}
	s.flow.landed, err = s.cfg.Driver.Login(ctx, s.Run, login.Request{Address: request, RedirectURI: s.cfg.Client.RedirectURI})
	return err
}

// request is the authorization request (OpenID Connect Core, section 3.1.2.1)
// with PKCE (RFC 7636). It asks for consent each time, so that each login
// proves that a consent can be written.
func (s *session) request() (*url.URL, error) {
	s.flow = flow{state: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text()}
	challenge := sha256.Sum256([]byte(s.flow.verifier))
	address, err := url.Parse(s.provider.AuthorizationEndpoint)
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the authorization endpoint is no URL: %v", err)
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
	return address, nil
}

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
