package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// newRefresh makes the probe that refreshes tokens and tries an old refresh
// token once more.
func newRefresh(cfg Config) (*journey.Probe, error) {
	return cfg.featured("refresh", target.FeatureRefresh,
		"refreshes tokens twice, and tries a refresh token that was rotated away",
		func(ctx context.Context, s *Session) error { return s.walkRefresh(ctx) })
}

func (s *Session) walkRefresh(ctx context.Context) error {
	if err := s.Discover(ctx); err != nil {
		return err
	}
	request := Request{}
	if slices.Contains(s.Provider.Scopes, offlineAccess) {
		request.Scopes = withOffline(s.cfg.Client.Scopes)
	}
	if err := s.Take(ctx, "jwks", s.readKeys); err != nil {
		return err
	}
	if err := s.LogIn(ctx, request); err != nil {
		return err
	}
	first := s.Tokens.RefreshToken
	if first == "" {
		return s.noRefreshToken()
	}
	if err := s.Take(ctx, "refresh", s.refreshAnd(first)); err != nil {
		return err
	}
	second := s.Tokens.RefreshToken
	rotated := second != "" && second != first
	s.Figure("refresh_tokens_rotated_total", count(rotated))
	if !rotated {
		second = first
	}
	if err := s.Take(ctx, "refresh-again", s.refreshAnd(second)); err != nil {
		return err
	}
	if !rotated {
		s.Remark("refresh tokens are not rotated")
		return nil
	}
	return s.Take(ctx, "reuse", func(ctx context.Context) error { return s.reuse(ctx, first) })
}

func (s *Session) noRefreshToken() error {
	const detail = "the provider issued no refresh token to this client: it may need the grant type refresh_token, or the scope " + offlineAccess
	if slices.Contains(s.cfg.Features, target.FeatureRefresh) {
		return exchange.Brokenf(verdict.Content, "%s", detail)
	}
	return exchange.Brokenf(verdict.NoData, "%s", detail)
}

// refreshAnd refreshes, and checks whom the new ID token is about, if there is
// one (OpenID Connect Core, section 12.2).
func (s *Session) refreshAnd(token string) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := s.refresh(ctx, token); err != nil {
			return err
		}
		if s.Tokens.IDToken == "" {
			return nil
		}
		payload, err := s.verify(ctx, s.Tokens.IDToken, "refreshed ID token", s.Provider.IDTokenAlgorithms)
		if err != nil {
			return err
		}
		var claims idClaims
		if err := json.Unmarshal(payload, &claims); err != nil {
			return exchange.Brokenf(verdict.Content, "the claims of the refreshed ID token cannot be read: %v", err)
		}
		switch {
		case claims.Issuer != s.issuer():
			return exchange.Brokenf(verdict.Claims, "wrong iss in the refreshed ID token: got %q, expected %q", shorten(claims.Issuer), s.issuer())
		case claims.Subject != s.Subject:
			return exchange.Brokenf(verdict.Claims, "the refreshed ID token is about %q, the first about %q", shorten(claims.Subject), shorten(s.Subject))
		case !claims.Audience.Contains(s.cfg.Client.ID):
			return exchange.Brokenf(verdict.Claims, "wrong aud in the refreshed ID token: got %q, expected %q", []string(claims.Audience), s.cfg.Client.ID)
		}
		return s.checkTimes(claims)
	}
}

// reuse presents a refresh token that a newer one has replaced. Whoever
// accepts it cannot tell a thief from the client (RFC 9700, section 4.14.2).
func (s *Session) reuse(ctx context.Context, old string) error {
	reply, err := s.Post(ctx, s.Provider.TokenEndpoint, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old}})
	if err != nil {
		return err
	}
	return s.mustRefuse(reply, verdict.Replayed, "the provider accepted a refresh token that it had replaced", "invalid_grant")
}

// mustRefuse judges the answer to what must be refused, with one of the given
// errors of the protocol.
func (s *Session) mustRefuse(reply *exchange.Reply, reason verdict.Reason, accepted string, errors ...string) error {
	if reply.Status < http.StatusBadRequest {
		return exchange.Brokenf(reason, "%s (%d)", accepted, reply.Status)
	}
	said := refusalOf(reply)
	if slices.Contains(errors, said.Error) {
		return nil
	}
	failure := exchange.Unexpected(reply, said.text())
	if !failure.Reason.Transient() {
		failure.Detail = "a refusal was right, but not this one: " + failure.Detail
	}
	return failure
}

func count(happened bool) float64 {
	if happened {
		return 1
	}
	return 0
}
