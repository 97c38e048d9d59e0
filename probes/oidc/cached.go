package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// held is a token that is kept between runs, with what is needed to use it.
type held struct {
	Configuration string    `json:"configuration"`
	Provider      Metadata  `json:"provider"`
	Tokens        Tokens    `json:"tokens"`
	Subject       string    `json:"subject"`
	Received      time.Time `json:"received"`
}

// heldPage is where it is kept.
const heldPage = "token/login-cached"

func (h held) expires() time.Time {
	return h.Received.Add(time.Duration(h.Tokens.ExpiresIn * float64(time.Second)))
}

// good reports whether the token can still be used: clients replace one before
// it expires, so as not to see it expire on the way.
func (h held) good(configuration string, now time.Time) bool {
	lifetime := h.expires().Sub(h.Received)
	margin := min(lifetime/10, 30*time.Second)
	return h.Configuration == configuration && h.Tokens.AccessToken != "" && !now.Before(h.Received) && now.Before(h.expires().Add(-margin))
}

// NewCached makes the probe that uses the token of an earlier run as long as it
// is good, as most clients do. It does not see that nobody can log in any more
// until the token is near its end, which is why it stands beside the fresh
// login and never in its place.
func NewCached(cfg Config) (*journey.Probe, error) {
	if err := cfg.logsIn(); err != nil {
		return nil, err
	}
	return cfg.Probe(journey.Spec{
		Name: "login-cached", About: "uses the token of an earlier run; near its end refreshes it or logs in anew",
	}, func(ctx context.Context, s *Session) error { return s.walkCached(ctx) })
}

func (s *Session) walkCached(ctx context.Context) error {
	configuration := s.cfg.fingerprint()
	var kept held
	if err := s.cfg.Memory.Update(heldPage, &kept, func() {}); err != nil {
		return fmt.Errorf("recall token: %w", err)
	}
	if kept.good(configuration, s.Now()) {
		return s.useHeld(ctx, kept)
	}
	if kept.Configuration == configuration && kept.Tokens.RefreshToken != "" {
		done, err := s.refreshHeld(ctx, kept)
		if done || err != nil {
			return err
		}
	}
	return s.loginForCache(ctx, configuration)
}

// useHeld uses the kept token. One that the provider does not want any more is
// forgotten: the next run begins anew, as a client would.
func (s *Session) useHeld(ctx context.Context, kept held) error {
	s.Provider, s.Tokens, s.Subject = kept.Provider, kept.Tokens, kept.Subject
	s.figureToken(kept)
	s.Remark(fmt.Sprintf("with a token of %s ago", s.Now().Sub(kept.Received).Round(time.Second)))
	err := s.Take(ctx, "userinfo", s.readUserinfo)
	var failure *exchange.Failure
	if errors.As(err, &failure) && !failure.Reason.Transient() {
		return errors.Join(err, s.keep(held{}))
	}
	return err
}

// refreshHeld gets a new token for the kept one. When the provider refuses,
// the journey logs in anew: a refresh token may end at any time.
func (s *Session) refreshHeld(ctx context.Context, kept held) (bool, error) {
	s.Provider, s.Subject = kept.Provider, kept.Subject
	err := s.Take(ctx, "refresh", func(ctx context.Context) error { return s.refresh(ctx, kept.Tokens.RefreshToken) })
	var failure *exchange.Failure
	if errors.As(err, &failure) && failure.Reason == verdict.ProtocolError {
		s.Result().FailedStep = ""
		s.Figure("refresh_refused_total", 1)
		s.Remark("the refresh was refused (" + failure.Detail + "), so with a new login")
		return false, nil
	}
	if err != nil {
		return true, err
	}
	if s.Tokens.RefreshToken == "" {
		s.Tokens.RefreshToken = kept.Tokens.RefreshToken
	}
	s.Remark("with a refreshed token")
	return true, s.keepAndUse(ctx, kept.Configuration)
}

func (s *Session) loginForCache(ctx context.Context, configuration string) error {
	request := Request{}
	if slices.Contains(s.cfg.Features, target.FeatureRefresh) {
		request.Scopes = withOffline(s.cfg.Client.Scopes)
	}
	s.needs = []string{target.FeatureUserinfo}
	if err := s.Enter(ctx, request); err != nil {
		return err
	}
	s.Remark("with a new login")
	return s.keepAndUse(ctx, configuration)
}

func (s *Session) keepAndUse(ctx context.Context, configuration string) error {
	kept := held{Configuration: configuration, Provider: s.Provider, Tokens: s.Tokens, Subject: s.Subject, Received: s.Now()}
	s.figureToken(kept)
	if err := s.Take(ctx, "userinfo", s.readUserinfo); err != nil {
		return err
	}
	return s.keep(kept)
}

func (s *Session) figureToken(kept held) {
	s.Figure("token_age_seconds", s.Now().Sub(kept.Received).Seconds())
	s.Figure("token_remaining_seconds", kept.expires().Sub(s.Now()).Seconds())
}

func (s *Session) keep(kept held) error {
	var page held
	if err := s.cfg.Memory.Update(heldPage, &page, func() { page = kept }); err != nil {
		return fmt.Errorf("keep token: %w", err)
	}
	return nil
}

// refresh exchanges a refresh token (RFC 6749, section 6).
func (s *Session) refresh(ctx context.Context, token string) error {
	return s.Token(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// withOffline adds the scope that asks for a refresh token (OpenID Connect
// Core, section 11).
func withOffline(scopes []string) []string {
	if slices.Contains(scopes, offlineAccess) {
		return scopes
	}
	return append(slices.Clone(scopes), offlineAccess)
}

const offlineAccess = "offline_access"
