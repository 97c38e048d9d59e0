package conformance

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/oidc"
)

// resourceChecks use the access token of the login, while it is good.
func resourceChecks() []check {
	return []check{
		{name: "token-no-store", module: "oidcc-server", look: looking((*session).checkCaching)},
		{name: "userinfo-without-token", module: "oidcc-userinfo-get", skip: withoutUserinfo, look: func(ctx context.Context, s *session) error {
			return s.unauthorized(ctx, "", "a request for userinfo without an access token")
		}},
		{name: "userinfo-wrong-token", module: "oidcc-userinfo-get", skip: withoutUserinfo, look: func(ctx context.Context, s *session) error {
			return s.unauthorized(ctx, oidc.Forged(s.Tokens.AccessToken), "an access token that nobody issued")
		}},
		{name: "introspection-open", skip: func(s *session) string {
			if s.Provider.IntrospectionEndpoint == "" {
				return "the provider announces no introspection"
			}
			return ""
		}, look: asking((*session).introspectAsNobody)},
	}
}

func withoutUserinfo(s *session) string {
	if s.Provider.UserinfoEndpoint == "" {
		return "the provider announces no userinfo"
	}
	return ""
}

// checkCaching wants that nobody on the way keeps the tokens of the login (RFC
// 6749, section 5.1).
func (s *session) checkCaching() error {
	for _, done := range s.Result().Exchanges {
		if done.Step != "token" {
			continue
		}
		sent := strings.Join(done.ResponseHeader.Values("Cache-Control"), ", ")
		if !strings.Contains(strings.ToLower(sent), "no-store") {
			return exchange.Brokenf(verdict.Header, "the token endpoint answered without Cache-Control: no-store (it said %q), so whoever is on the way may keep the tokens (RFC 6749, section 5.1)", sent)
		}
		return nil
	}
	return exchange.Ownf(verdict.Internal, nil, "the probe has lost the answer of the token endpoint")
}

// unauthorized wants userinfo to refuse a token, and to say how to do better
// (RFC 6750, section 3).
func (s *session) unauthorized(ctx context.Context, token, what string) error {
	reply, err := s.AskUserinfo(ctx, token)
	if err != nil {
		return err
	}
	if failure := inTrouble(reply); failure != nil {
		return failure
	}
	challenge := reply.Header.Get("WWW-Authenticate")
	switch {
	case reply.Status < http.StatusBadRequest:
		return exchange.Brokenf(verdict.Accepted, "%s was accepted: userinfo answered %d", what, reply.Status)
	case reply.Status != http.StatusUnauthorized && reply.Status != http.StatusBadRequest && reply.Status != http.StatusForbidden:
		return exchange.Brokenf(verdict.Content, "%s was refused with %d, expected 401 (RFC 6750, section 3.1)", what, reply.Status)
	case challenge == "":
		return exchange.Brokenf(verdict.Header, "%s was refused with %d, but without WWW-Authenticate, by which clients learn what is missing (RFC 6750, section 3)", what, reply.Status)
	case reply.Status != http.StatusUnauthorized:
		s.warnf("%s was refused with %d, where 401 is usual (RFC 6750, section 3.1)", what, reply.Status)
	}
	return nil
}

// introspectAsNobody asks about the token of the login without saying who asks
// (RFC 7662, section 2.1: else tokens could be guessed by trying).
func (s *session) introspectAsNobody(ctx context.Context) error {
	reply, err := s.PostBare(ctx, s.Provider.IntrospectionEndpoint, url.Values{"token": {s.Tokens.AccessToken}}, "")
	if err != nil {
		return err
	}
	if failure := inTrouble(reply); failure != nil {
		return failure
	}
	if reply.Status < http.StatusBadRequest {
		return exchange.Brokenf(verdict.Accepted, "introspection answered %d to somebody who did not say who asks (RFC 7662, section 2.1)", reply.Status)
	}
	return nil
}

// replayChecks use the code of the login once more, which may end its tokens.
func replayChecks() []check {
	return []check{
		{name: "code-reuse", module: "oidcc-codereuse", look: asking((*session).reuseCode)},
		{name: "code-reuse-revokes", module: "oidcc-codereuse-30seconds", skip: withoutUserinfo, look: asking((*session).tokensAfterReuse)},
	}
}

// reuseCode redeems the code of the login again (RFC 6749, section 4.1.2).
func (s *session) reuseCode(ctx context.Context) error {
	reply, err := s.Post(ctx, s.Provider.TokenEndpoint, s.redeemed)
	if err != nil {
		return err
	}
	return refused(reply, "a code that was used already", verdict.Replayed, "invalid_grant")
}

// tokensAfterReuse looks whether the tokens ended whose code came twice. That
// is recommended only (RFC 6749, section 4.1.2).
func (s *session) tokensAfterReuse(ctx context.Context) error {
	reply, err := s.AskUserinfo(ctx, s.Tokens.AccessToken)
	if err != nil {
		return err
	}
	if failure := inTrouble(reply); failure != nil {
		return failure
	}
	alive := reply.Status < http.StatusBadRequest
	if alive {
		s.warnf("the access token outlives the second use of its code (RFC 6749, section 4.1.2, recommends to revoke it)")
		s.Figure("tokens_after_code_reuse_total", 1)
		return nil
	}
	s.Figure("tokens_after_code_reuse_total", 0)
	return nil
}
