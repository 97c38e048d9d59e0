package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

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
		return s.notRotated()
	}
	return s.tryReplaced(ctx, first)
}

// notRotated is an end that the target file may forbid.
func (s *Session) notRotated() error {
	if s.cfg.Refresh.Rotation == target.RotationRequired {
		return exchange.Brokenf(verdict.Assertion, "the target file promises that refresh tokens are rotated (refresh.rotation), but a refresh brought no new one")
	}
	s.Remark("refresh tokens are not rotated")
	return nil
}

// replaced is a refresh token of an earlier run that waits until its grace is
// over.
type replaced struct {
	Configuration string    `json:"configuration"`
	Token         string    `json:"token"`
	Since         time.Time `json:"since"`
}

const replacedPage = "token/refresh-replaced"

// tryReplaced presents a refresh token that a newer one has replaced: that of
// this run, or, where the provider gives a grace, one of an earlier run whose
// grace is over. To wait for it would only make the run long.
func (s *Session) tryReplaced(ctx context.Context, token string) error {
	const step = "reuse"
	if s.cfg.Refresh.Reuse == target.ReuseAllowed {
		s.Skip(step, "the target file allows to use a replaced refresh token again (refresh.reuse)")
		return nil
	}
	if grace := s.cfg.Refresh.ReuseGrace; grace > 0 {
		old, err := s.outlived(token, grace)
		if err != nil {
			return err
		}
		if old == "" {
			s.Skip(step, "no replaced refresh token of an earlier run is older than the grace of "+grace.String()+" yet (refresh.reuse_grace)")
			return nil
		}
		token = old
	}
	return s.Take(ctx, step, func(ctx context.Context) error { return s.reuse(ctx, token) })
}

// outlived returns a replaced token whose grace is over, empty where there is
// none, and keeps the new one for later where none waits.
func (s *Session) outlived(token string, grace time.Duration) (string, error) {
	configuration, now := s.cfg.fingerprint(), s.Now()
	var kept replaced
	var old string
	if err := s.cfg.Memory.Update(replacedPage, &kept, func() {
		waits := kept.Token != "" && kept.Configuration == configuration && !now.Before(kept.Since)
		if waits && now.Sub(kept.Since) <= grace+s.MaxSkew() {
			return
		}
		if waits {
			old = kept.Token
		}
		kept = replaced{Configuration: configuration, Token: token, Since: now}
	}); err != nil {
		return "", fmt.Errorf("remember refresh token: %w", err)
	}
	return old, nil
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
