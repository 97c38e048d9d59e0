package oidc

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// newRevocation makes the probe that revokes tokens and sees that they are dead
// (RFC 7009).
func newRevocation(cfg Config) (*journey.Probe, error) {
	return cfg.featured("revocation", target.FeatureRevocation,
		"revokes tokens, and sees that they are refused from then on",
		func(ctx context.Context, s *Session) error { return s.walkRevocation(ctx) })
}

func (s *Session) walkRevocation(ctx context.Context) error {
	if err := s.Discover(ctx); err != nil {
		return err
	}
	request := Request{}
	if announcementOf(target.FeatureRefresh).made(s.Provider) && slices.Contains(s.Provider.Scopes, offlineAccess) {
		request.Scopes = withOffline(s.cfg.Client.Scopes)
	}
	if err := s.Take(ctx, "jwks", s.readKeys); err != nil {
		return err
	}
	if err := s.LogIn(ctx, request); err != nil {
		return err
	}
	access, err := s.revokeAccess(ctx)
	if err != nil {
		return err
	}
	refresh, err := s.revokeRefresh(ctx)
	if err != nil {
		return err
	}
	if !access && !refresh {
		return exchange.Brokenf(verdict.NoData, "no token could be seen to end: the provider revokes no access tokens or has no userinfo endpoint, and issued no refresh token")
	}
	return nil
}

// revokeAccess reports whether an access token was seen to end.
func (s *Session) revokeAccess(ctx context.Context) (bool, error) {
	supported := false
	if err := s.Take(ctx, "revoke", func(ctx context.Context) (err error) {
		supported, err = s.revoke(ctx, s.Tokens.AccessToken, "access_token")
		return err
	}); err != nil || !supported || s.Provider.UserinfoEndpoint == "" {
		return false, err
	}
	// Section 2.2: a token that is already invalid is no error.
	if err := s.Take(ctx, "revoke-again", func(ctx context.Context) error {
		_, err := s.revoke(ctx, s.Tokens.AccessToken, "access_token")
		return err
	}); err != nil {
		return false, err
	}
	err := s.Take(ctx, "revoked-token", func(ctx context.Context) error {
		reply, err := s.Authorized(ctx, http.MethodGet, s.Provider.UserinfoEndpoint, http.Header{"Accept": {journey.AcceptJSON}}, nil)
		if err != nil {
			return err
		}
		return mustBeUnauthorized(reply, "userinfo accepted an access token that was revoked")
	})
	return err == nil, err
}

// revokeRefresh reports whether a refresh token was seen to end.
func (s *Session) revokeRefresh(ctx context.Context) (bool, error) {
	token := s.Tokens.RefreshToken
	if token == "" {
		return false, nil
	}
	supported := false
	if err := s.Take(ctx, "revoke-refresh", func(ctx context.Context) (err error) {
		supported, err = s.revoke(ctx, token, "refresh_token")
		return err
	}); err != nil || !supported {
		return false, err
	}
	err := s.Take(ctx, "revoked-refresh", func(ctx context.Context) error {
		reply, err := s.Post(ctx, s.Provider.TokenEndpoint, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
		if err != nil {
			return err
		}
		return s.mustRefuse(reply, verdict.Accepted, "the provider accepted a refresh token that was revoked", "invalid_grant")
	})
	return err == nil, err
}

// mustBeUnauthorized judges what a resource answers to a token that it must
// not accept (RFC 6750, section 3.1).
func mustBeUnauthorized(reply *exchange.Reply, accepted string) error {
	switch {
	case reply.Status < http.StatusBadRequest:
		return exchange.Brokenf(verdict.Accepted, "%s (%d)", accepted, reply.Status)
	case reply.Status == http.StatusUnauthorized, reply.Status == http.StatusForbidden, reply.Status == http.StatusBadRequest:
		return nil
	}
	return exchange.Unexpected(reply, refusalOf(reply).text())
}
