package oidc

import (
	"context"
	"net/http"

	"tocsin/internal/target"
	"tocsin/probes/journey"
)

// newUserinfo makes the probe that asks who logged in both ways there are, and
// with a token that nobody issued.
func newUserinfo(cfg Config) (*journey.Probe, error) {
	return cfg.featured("userinfo", target.FeatureUserinfo,
		"asks who logged in by GET and POST, and with a forged token",
		func(ctx context.Context, s *Session) error {
			if err := s.Enter(ctx, Request{}); err != nil {
				return err
			}
			if err := s.Take(ctx, "userinfo", s.readUserinfo); err != nil {
				return err
			}
			if err := s.Take(ctx, "userinfo-post", s.postUserinfo); err != nil {
				return err
			}
			return s.Take(ctx, "userinfo-forged", s.forgeUserinfo)
		})
}

// postUserinfo asks by POST, which every provider must support (OpenID Connect
// Core, section 5.3.1).
func (s *Session) postUserinfo(ctx context.Context) error {
	header := http.Header{"Accept": {journey.AcceptJSON}, "Content-Type": {"application/x-www-form-urlencoded"}}
	reply, err := s.Authorized(ctx, http.MethodPost, s.Provider.UserinfoEndpoint, header, nil)
	if err != nil {
		return err
	}
	return s.checkUserinfo(ctx, reply)
}

func (s *Session) forgeUserinfo(ctx context.Context) error {
	reply, err := s.withToken(ctx, forged(s.Tokens.AccessToken), http.MethodGet, s.Provider.UserinfoEndpoint, http.Header{"Accept": {journey.AcceptJSON}}, nil)
	if err != nil {
		return err
	}
	return mustBeUnauthorized(reply, "userinfo accepted an access token that nobody issued")
}

// forged is token with a character near its end changed: the signature of a
// JWT, or the secret of an opaque one. The very last may carry no bits.
func forged(token string) string {
	at := max(len(token)-8, 0)
	other := byte('A')
	if token[at] == other {
		other = 'B'
	}
	return token[:at] + string(other) + token[at+1:]
}
