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

// prepare makes the secrets of one login, and the key that its tokens are bound
// to.
func (s *Session) prepare(request Request) error {
	if len(request.Scopes) == 0 {
		request.Scopes = s.cfg.Client.Scopes
	}
	if request.Prompt == "" {
		request.Prompt = "consent"
	}
	s.request, s.requestURI, s.code = request, "", ""
	s.flow = flow{state: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text()}
	if !request.Bound || s.prover != nil {
		return nil
	}
	made, err := newProver()
	if err != nil {
		return exchange.Ownf(verdict.Internal, err, "the probe cannot make a key: %v", err)
	}
	s.prover = made
	return nil
}

// parameters are those of the authorization request (OpenID Connect Core,
// section 3.1.2.1), with PKCE (RFC 7636).
func (s *Session) parameters() url.Values {
	challenge := sha256.Sum256([]byte(s.flow.verifier))
	values := url.Values{
		"response_type": {"code"}, "redirect_uri": {s.cfg.Client.RedirectURI},
		"scope": {strings.Join(s.request.Scopes, " ")}, "state": {s.flow.state}, "nonce": {s.flow.nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
		"prompt": {s.request.Prompt},
	}
	for name, extra := range s.request.Extra {
		values[name] = extra
	}
	return values
}

// push sends the authorization request to the provider directly, so that
// nobody on the way can change it (RFC 9126, section 2).
func (s *Session) push(ctx context.Context) error {
	parameters := s.parameters()
	// Whatever proves the client, the request says whose it is.
	parameters.Set("client_id", s.cfg.Client.ID)
	reply, err := s.Post(ctx, s.Provider.PAREndpoint, parameters)
	if err != nil {
		return err
	}
	var pushed struct {
		RequestURI string  `json:"request_uri"`
		ExpiresIn  float64 `json:"expires_in"`
	}
	if err := s.readJSON(reply, "the endpoint for pushed requests", &pushed); err != nil {
		return err
	}
	if pushed.RequestURI == "" || pushed.ExpiresIn <= 0 {
		return exchange.Brokenf(verdict.Content, "the endpoint for pushed requests answered without a request_uri that is good for a while (RFC 9126, section 2.2)")
	}
	s.requestURI = pushed.RequestURI
	return nil
}

// address is where the browser goes with the request, or with the name of the
// one that was pushed.
func (s *Session) address() (*url.URL, error) {
	address, err := url.Parse(s.Provider.AuthorizationEndpoint)
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the authorization endpoint is no URL: %v", err)
	}
	parameters := s.parameters()
	if s.requestURI != "" {
		parameters = url.Values{"request_uri": {s.requestURI}}
	}
	parameters.Set("client_id", s.cfg.Client.ID)
	query := address.Query()
	for name, values := range parameters {
		query[name] = values
	}
	address.RawQuery = query.Encode()
	return address, nil
}

// signIn lets the driver take the person from the authorization request to the
// redirect URI, or one of the others. The flow has then landed there.
func (s *Session) signIn(ctx context.Context, others ...string) error {
	address, err := s.address()
	if err != nil {
		return err
	}
	request := s.answerable(address)
	request.Others = others
	s.flow.landed, err = s.cfg.Driver.Login(ctx, s.Run, request)
	return err
}

// answerable is a request at address whose answer comes to the client.
func (s *Session) answerable(address *url.URL) login.Request {
	return login.Request{Address: address, RedirectURI: s.cfg.Client.RedirectURI, Known: s.known}
}

// receiveCode reads the authorization response (OpenID Connect Core, section
// 3.1.2.5).
func (s *Session) receiveCode(context.Context) error {
	query := s.flow.landed.Query()
	if query.Get("error") != "" {
		return s.turnedBack("refused the login")
	}
	if got := query.Get("state"); got != s.flow.state {
		return exchange.Brokenf(verdict.Claims, "wrong state: the response does not belong to this login (got %q)", shorten(got))
	}
	// RFC 9207: whoever announces iss must send it, and it must be right.
	issuer, sent := query.Get("iss"), query.Has("iss")
	if sent && issuer != s.issuer() || !sent && s.Provider.IssuerInResponse {
		return exchange.Brokenf(verdict.Claims, "wrong iss in the response: got %q, expected %q (RFC 9207)", issuer, s.issuer())
	}
	s.code = query.Get("code")
	if s.code == "" {
		return exchange.Brokenf(verdict.Content, "the response has no code")
	}
	return nil
}

// turnedBack reads an error response (RFC 6749, section 4.1.2.1). Two of its
// codes are honest words of a system in trouble.
func (s *Session) turnedBack(what string) error {
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
