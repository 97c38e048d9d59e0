package oidc

import (
	"context"
	"errors"

	"tocsin/internal/target"
)

// Login is the probe that makes a whole fresh login: no cookie, connection or
// token of an earlier run takes part in it.
type Login struct{ check }

// New makes the login probe.
func New(cfg Config) (*Login, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	if cfg.Client.ID == "" || cfg.Client.RedirectURI == "" {
		return nil, errors.New("login probe needs a client with a redirect URI")
	}
	if cfg.Login.Driver != "" && cfg.Login.Driver != target.DriverForm {
		return nil, errors.New("login probe knows the driver form only, not " + cfg.Login.Driver)
	}
	return &Login{check{
		name: "login", about: "makes a whole fresh login, from discovery to userinfo", cfg: cfg, attempts: 2, walk: walkLogin,
	}}, nil
}

func walkLogin(ctx context.Context, j *journey) error {
	if err := j.discover(ctx, j.cfg.Issuer+wellKnown); err != nil {
		return err
	}
	steps := []struct {
		name string
		act  func(context.Context) error
		// skip is nil for steps that every login has.
		skip func() bool
	}{
		{name: "jwks", act: j.readKeys},
		{name: "authorize", act: j.authorize},
		{name: "login-form", act: j.openLoginForm},
		{name: "login", act: j.logIn},
		{name: "consent", act: j.consent, skip: j.arrived},
		{name: "code", act: j.receiveCode},
		{name: "token", act: j.redeem},
		{name: "id-token", act: j.verifyIDToken},
		{name: "userinfo", act: j.readUserinfo, skip: func() bool { return j.provider.UserinfoEndpoint == "" }},
	}
	for _, step := range steps {
		if step.skip != nil && step.skip() {
			continue
		}
		if err := j.take(ctx, step.name, step.act); err != nil {
			return err
		}
	}
	return nil
}
