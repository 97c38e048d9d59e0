package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// Tokens are an answer of the token endpoint (RFC 6749, section 5.1).
type Tokens struct {
	AccessToken  string  `json:"access_token"`
	TokenType    string  `json:"token_type"`
	IDToken      string  `json:"id_token"`
	RefreshToken string  `json:"refresh_token"`
	Scope        string  `json:"scope"`
	ExpiresIn    float64 `json:"expires_in"`
	// Details are what was granted (RFC 9396).
	Details json.RawMessage `json:"authorization_details"`
	// Nonce is a nonce for proofs of keys; only issuers of credentials give one.
	Nonce string `json:"c_nonce"`
}

// redeem exchanges the code for tokens (OpenID Connect Core, section 3.1.3).
func (s *Session) redeem(ctx context.Context) error {
	if err := s.Token(ctx, s.Redemption()); err != nil {
		return err
	}
	if s.Tokens.IDToken == "" {
		return exchange.Brokenf(verdict.Content, "the token endpoint answered without an ID token")
	}
	return nil
}

// Token asks the token endpoint for tokens, authenticated as the client of the
// target file. They are in Tokens then.
func (s *Session) Token(ctx context.Context, values url.Values) error {
	reply, err := s.Post(ctx, s.Provider.TokenEndpoint, values)
	if err != nil {
		return err
	}
	return s.acceptTokens(reply)
}

func (s *Session) acceptTokens(reply *exchange.Reply) error {
	var tokens Tokens
	if err := s.readJSON(reply, "the token endpoint", &tokens); err != nil {
		return err
	}
	wanted := "Bearer"
	if s.prover != nil {
		wanted = "DPoP"
	}
	switch {
	case tokens.AccessToken == "":
		return exchange.Brokenf(verdict.Content, "the token endpoint answered without an access token")
	case !strings.EqualFold(tokens.TokenType, wanted):
		return exchange.Brokenf(verdict.Content, "the token type is %q, expected %s", shorten(tokens.TokenType), wanted)
	}
	s.Tokens = tokens
	return nil
}

// readUserinfo asks who logged in (OpenID Connect Core, section 5.3).
func (s *Session) readUserinfo(ctx context.Context) error {
	reply, err := s.Authorized(ctx, http.MethodGet, s.Provider.UserinfoEndpoint, http.Header{"Accept": {journey.AcceptJSON}}, nil)
	if err != nil {
		return err
	}
	return s.checkUserinfo(ctx, reply)
}

func (s *Session) checkUserinfo(ctx context.Context, reply *exchange.Reply) error {
	if reply.Status == http.StatusOK && strings.HasPrefix(reply.Header.Get("Content-Type"), "application/jwt") {
		payload, err := s.verify(ctx, string(reply.Body), "userinfo", s.Provider.UserinfoAlgorithms)
		if err != nil {
			return err
		}
		opened := *reply
		opened.Body = payload
		reply = &opened
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if err := s.readJSON(reply, "the userinfo endpoint", &claims); err != nil {
		return err
	}
	// Section 5.3.2: a different subject means a substituted token.
	if claims.Subject != s.Subject {
		return exchange.Brokenf(verdict.Claims, "userinfo is about %q, the ID token about %q", shorten(claims.Subject), shorten(s.Subject))
	}
	return nil
}

func newRequest(ctx context.Context, method, address string, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the endpoint %q is no URL: %v", address, err)
	}
	return request, nil
}
