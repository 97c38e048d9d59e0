package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// tokenReply is the answer of the token endpoint (RFC 6749, sections 5.1 and
// 5.2).
type tokenReply struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	IDToken     string `json:"id_token"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// redeem exchanges the code for tokens (OpenID Connect Core, section 3.1.3).
func (s *session) redeem(ctx context.Context) error {
	signed, err := assertion(s.cfg.Client.KeyFile, s.cfg.Client.ID, s.cfg.Issuer, s.Now())
	if err != nil {
		return exchange.Ownf(verdict.OwnConfig, err, "the client cannot authenticate itself: %v", err)
	}
	values := url.Values{
		"grant_type": {"authorization_code"}, "code": {s.code}, "redirect_uri": {s.cfg.Client.RedirectURI},
		"client_id": {s.cfg.Client.ID}, "code_verifier": {s.flow.verifier},
		"client_assertion_type": {assertionType}, "client_assertion": {signed},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.provider.TokenEndpoint, strings.NewReader(values.Encode()))
	if err != nil {
		return exchange.Brokenf(verdict.Content, "the token endpoint is no URL: %v", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", journey.AcceptJSON)
	reply, err := s.Send(ctx, request)
	if err != nil {
		return err
	}
	return s.acceptTokens(reply)
}

func (s *session) acceptTokens(reply *exchange.Reply) error {
	var tokens tokenReply
	parseErr := json.Unmarshal(reply.Body, &tokens)
	if reply.Status != http.StatusOK {
		return s.tokenRefused(reply, tokens)
	}
	switch {
	case parseErr != nil:
		return exchange.Brokenf(verdict.Content, "the token endpoint answered 200 with something that is not JSON: %v", parseErr)
	case tokens.Error != "":
		return exchange.Brokenf(verdict.Lie, "the token endpoint answered 200 with the error %s: a lie", shorten(tokens.Error))
	case tokens.AccessToken == "":
		return exchange.Brokenf(verdict.Content, "the token endpoint answered without an access token")
	case tokens.IDToken == "":
		return exchange.Brokenf(verdict.Content, "the token endpoint answered without an ID token")
	case !strings.EqualFold(tokens.TokenType, "Bearer"):
		return exchange.Brokenf(verdict.Content, "the token type is %q, expected Bearer", shorten(tokens.TokenType))
	}
	s.tokens = tokens
	return nil
}

// tokenRefused explains a refusal. An assertion that the target calls wrong
// may be refused because our clock is.
func (s *session) tokenRefused(reply *exchange.Reply, tokens tokenReply) error {
	detail := shorten(strings.TrimSpace(tokens.Error + " " + tokens.Description))
	failure := exchange.Unexpected(reply, detail)
	if failure.Reason.Transient() || tokens.Error == "" {
		return failure
	}
	failure.Reason = verdict.ProtocolError
	if tokens.Error == "invalid_client" {
		return s.WrongTime(failure.Reason, failure.Detail)
	}
	return failure
}

// readUserinfo asks who logged in (OpenID Connect Core, section 5.3).
func (s *session) readUserinfo(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.provider.UserinfoEndpoint, nil)
	if err != nil {
		return exchange.Brokenf(verdict.Content, "the userinfo endpoint is no URL: %v", err)
	}
	request.Header.Set("Authorization", "Bearer "+s.tokens.AccessToken)
	request.Header.Set("Accept", journey.AcceptJSON)
	reply, err := s.Send(ctx, request)
	if err != nil {
		return err
	}
	if reply.Status != http.StatusOK {
		return exchange.Unexpected(reply, shorten(reply.Header.Get("WWW-Authenticate")))
	}
	body := reply.Body
	if strings.HasPrefix(reply.Header.Get("Content-Type"), "application/jwt") {
		body, err = s.verify(ctx, string(reply.Body), "userinfo")
		if err != nil {
			return err
		}
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(body, &claims); err != nil {
		return exchange.Brokenf(verdict.Content, "the userinfo answer is not JSON: %v", err)
	}
	// Section 5.3.2: a different subject means a substituted token.
	if claims.Subject != s.subject {
		return exchange.Brokenf(verdict.Claims, "userinfo is about %q, the ID token about %q", shorten(claims.Subject), shorten(s.subject))
	}
	return nil
}
