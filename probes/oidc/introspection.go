package oidc

import (
	"context"
	"net/http"
	"net/url"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// newIntrospection makes the probe that asks about a token before and after it
// is revoked (RFC 7662).
func newIntrospection(cfg Config) (*journey.Probe, error) {
	return cfg.featured("introspection", target.FeatureIntrospection,
		"asks about a token, and once more after revoking it",
		func(ctx context.Context, s *Session) error {
			if err := s.Enter(ctx, Request{}); err != nil {
				return err
			}
			if err := s.Take(ctx, "introspect", s.mustBeActive); err != nil {
				return err
			}
			if s.Provider.RevocationEndpoint == "" {
				s.Remark("the provider announces no revocation, so only a good token was asked about")
				return nil
			}
			supported := true
			if err := s.Take(ctx, "revoke", func(ctx context.Context) (err error) {
				supported, err = s.revoke(ctx, s.Tokens.AccessToken, "access_token")
				return err
			}); err != nil {
				return err
			}
			if !supported {
				s.Remark("the provider does not revoke access tokens, so only a good one was asked about")
				return nil
			}
			return s.Take(ctx, "introspect-revoked", s.mustBeInactive)
		})
}

// introspected is the answer about a token (RFC 7662, section 2.2).
type introspected struct {
	Active   *bool   `json:"active"`
	ClientID string  `json:"client_id"`
	Subject  string  `json:"sub"`
	Expires  float64 `json:"exp"`
}

func (s *Session) introspect(ctx context.Context) (introspected, error) {
	var answer introspected
	reply, err := s.Post(ctx, s.Provider.IntrospectionEndpoint, url.Values{"token": {s.Tokens.AccessToken}, "token_type_hint": {"access_token"}})
	if err != nil {
		return answer, err
	}
	if err := s.readJSON(reply, "the introspection endpoint", &answer); err != nil {
		return answer, err
	}
	if answer.Active == nil {
		return answer, exchange.Brokenf(verdict.Content, "the introspection endpoint does not say whether the token is active (RFC 7662, section 2.2)")
	}
	return answer, nil
}

func (s *Session) mustBeActive(ctx context.Context) error {
	answer, err := s.introspect(ctx)
	switch {
	case err != nil:
		return err
	case !*answer.Active:
		return exchange.Brokenf(verdict.ProtocolError, "introspection says active:false of a token that was issued a moment ago")
	case answer.ClientID != "" && answer.ClientID != s.cfg.Client.ID:
		return exchange.Brokenf(verdict.Claims, "introspection says the token is of client %q, expected %q", shorten(answer.ClientID), s.cfg.Client.ID)
	case answer.Expires != 0 && answer.Expires <= float64(s.Now().Add(-s.MaxSkew()).Unix()):
		return s.WrongTime(verdict.Claims, "introspection calls a token active and expired at once")
	}
	return nil
}

func (s *Session) mustBeInactive(ctx context.Context) error {
	answer, err := s.introspect(ctx)
	if err != nil {
		return err
	}
	if *answer.Active {
		return exchange.Brokenf(verdict.Accepted, "introspection says active:true of a token that was revoked a moment ago")
	}
	return nil
}

// revoke revokes a token (RFC 7009). It reports false where the provider says
// that it does not revoke tokens of this kind (section 2.2.1).
func (s *Session) revoke(ctx context.Context, token, kind string) (bool, error) {
	reply, err := s.Post(ctx, s.Provider.RevocationEndpoint, url.Values{"token": {token}, "token_type_hint": {kind}})
	if err != nil {
		return false, err
	}
	if refusalOf(reply).Error == "unsupported_token_type" {
		return false, nil
	}
	if reply.Status != http.StatusOK {
		return false, s.Refused(reply)
	}
	if said := refusalOf(reply); said.Error != "" {
		return false, exchange.Brokenf(verdict.Lie, "the revocation endpoint answered 200 with the error %s: a lie", said.text())
	}
	return true, nil
}
