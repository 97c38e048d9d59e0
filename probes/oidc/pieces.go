package oidc

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// This file is what journeys of other families need who do not walk a login
// from end to end: its pieces, which they may also put together wrongly.

// Authorization is an authorization request that was made.
type Authorization struct {
	State, Nonce, Verifier string
	// Landed is the redirect URI with the provider's answer. It is never fetched.
	Landed *url.URL
}

// Authorize makes an authorization request and lets the driver take the person
// through it. What the provider answers is not judged. Others are redirect URIs
// at which the way ends as well.
func (s *Session) Authorize(ctx context.Context, request Request, others ...string) (Authorization, error) {
	if err := s.prepare(request); err != nil {
		return Authorization{}, err
	}
	made := Authorization{State: s.flow.state, Nonce: s.flow.nonce, Verifier: s.flow.verifier}
	err := s.signIn(ctx, others...)
	made.Landed = s.flow.landed
	return made, err
}

// Restart is a new browser, in which nobody has logged in.
func (s *Session) Restart() {
	s.known = false
	s.Run.Restart()
}

// NewCode gets one more authorization code from a person who has logged in
// already.
func (s *Session) NewCode(ctx context.Context) error {
	if _, err := s.Authorize(ctx, Request{Extra: Unprompted()}); err != nil {
		return err
	}
	return s.receiveCode(ctx)
}

// Unprompted takes prompt out of an authorization request: the provider asks
// only what it has to.
func Unprompted() url.Values { return url.Values{"prompt": nil} }

// ReceiveCode reads the answer that the newest authorization request landed
// with, and wants a code in it.
func (s *Session) ReceiveCode(ctx context.Context) error { return s.receiveCode(ctx) }

// PostAs is Post by a client that authenticates itself with credentials.
func (s *Session) PostAs(ctx context.Context, client target.Credentials, endpoint string, values url.Values) (*exchange.Reply, error) {
	return s.postAs(ctx, client, endpoint, values)
}

// Redemption is the right token request for the newest code.
func (s *Session) Redemption() url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {s.code}, "redirect_uri": {s.cfg.Client.RedirectURI},
		"code_verifier": {s.flow.verifier},
	}
}

// LoggedIn asks the provider, without a page, whether somebody is logged in.
func (s *Session) LoggedIn(ctx context.Context) (bool, error) { return s.loggedIn(ctx) }

// ReadUserinfo asks who logged in, and wants it to be who the ID token says.
func (s *Session) ReadUserinfo(ctx context.Context) error { return s.readUserinfo(ctx) }

// AskUserinfo makes a request for userinfo with any access token, or with none.
func (s *Session) AskUserinfo(ctx context.Context, token string) (*exchange.Reply, error) {
	if token != "" {
		return s.withToken(ctx, token, http.MethodGet, s.Provider.UserinfoEndpoint, http.Header{"Accept": {journey.AcceptJSON}}, nil)
	}
	return s.Get(ctx, s.Provider.UserinfoEndpoint, journey.AcceptJSON)
}

// PostBare sends values to an endpoint, and nothing that says who the client is
// but what stands in values and authorization.
func (s *Session) PostBare(ctx context.Context, endpoint string, values url.Values, authorization string) (*exchange.Reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(values.Encode()))
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the endpoint %q is no URL: %v", endpoint, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", journey.AcceptJSON)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	return s.Send(ctx, request)
}

// StatedIssuer is the identifier of the provider, in its own words.
func (s *Session) StatedIssuer() string { return s.issuer() }

// Forged is an access token that nobody issued: a real one, changed.
func Forged(token string) string { return forged(token) }

// ErrorOf is the error of the protocol in an answer, and what else it says.
func ErrorOf(reply *exchange.Reply) (code, text string) {
	said := refusalOf(reply)
	return said.Error, said.text()
}

// BasicAuthorization is the header by which a client proves its secret.
func BasicAuthorization(id, secret string) string { return basic(id, secret) }

// AssertionType is the kind of client assertion that Assertion makes.
const AssertionType = assertionType

// Assertion signs a client assertion with the key in a file. Its claims are
// those of AssertionClaims, or wrong ones.
func Assertion(keyFile string, claims map[string]any) (string, error) {
	return signAssertion(keyFile, claims)
}

// AssertionClaims are the claims of a right client assertion.
func AssertionClaims(clientID, audience string, now time.Time) map[string]any {
	return assertionClaims(clientID, audience, now)
}
