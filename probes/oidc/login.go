package oidc

import (
	"context"
	"errors"

	"tocsin/probes/journey"
)

// New makes the probe of a whole fresh login: no cookie, connection or token of
// an earlier run takes part in it.
func New(cfg Config) (*journey.Probe, error) {
	if cfg.Client.ID == "" || cfg.Client.RedirectURI == "" {
		return nil, errors.New("login probe needs a client with a redirect URI")
	}
	if cfg.Driver == nil {
		return nil, errors.New("login probe needs a driver for the login pages")
	}
	return cfg.probe(journey.Spec{
		Name: "login", About: "makes a whole fresh login, from discovery to userinfo",
	}, walkLogin)
}

func walkLogin(ctx context.Context, s *session) error {
	if err := s.discover(ctx, s.cfg.Issuer+wellKnown); err != nil {
		return err
	}
	if err := s.Take(ctx, "jwks", s.readKeys); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	steps := []struct {
		name string
		act  func(context.Context) error
		// skip is nil for steps that every login has.
		skip func() bool
	}{
		{name: "code", act: s.receiveCode},
		{name: "token", act: s.redeem},
		{name: "id-token", act: s.verifyIDToken},
		{name: "userinfo", act: s.readUserinfo, skip: func() bool { return s.provider.UserinfoEndpoint == "" }},
	}
	for _, step := range steps {
		if step.skip != nil && step.skip() {
			continue
		}
		if err := s.Take(ctx, step.name, step.act); err != nil {
			return err
		}
	}
	return nil
}
