package oidc

import (
	"context"
	"errors"
	"net/url"

	"tocsin/probes/journey"
)

// Request is what a login asks the provider for. The zero Request is the plain
// login of the client.
type Request struct {
	// Scopes to ask for. Default those of the client.
	Scopes []string
	// Prompt of the authorization request. Default consent: then each login
	// proves that a consent can be written.
	Prompt string
	// Pushed sends the request to the provider directly (PAR, RFC 9126).
	Pushed bool
	// Bound binds the tokens to a key of this attempt (DPoP, RFC 9449).
	Bound bool
	// Extra are further parameters of the authorization request, such as
	// resource (RFC 8707) or authorization_details (RFC 9396).
	Extra url.Values
}

// New makes the probe of a whole fresh login: no cookie, connection or token of
// an earlier run takes part in it.
func New(cfg Config) (*journey.Probe, error) {
	if err := cfg.logsIn(); err != nil {
		return nil, err
	}
	return cfg.Probe(journey.Spec{
		Name: "login", About: "makes a whole fresh login, from discovery to userinfo",
	}, func(ctx context.Context, s *Session) error { return s.loginAndAsk(ctx, Request{}) })
}

// loginAndAsk logs in and asks who did, where the provider tells.
func (s *Session) loginAndAsk(ctx context.Context, request Request) error {
	if err := s.Enter(ctx, request); err != nil {
		return err
	}
	if s.Provider.UserinfoEndpoint == "" {
		return nil
	}
	return s.Take(ctx, "userinfo", s.readUserinfo)
}

// logsIn reports what a probe that logs in lacks.
func (c Config) logsIn() error {
	if c.Client.ID == "" || c.Client.RedirectURI == "" {
		return errors.New("login probe needs a client with a redirect URI")
	}
	if c.Driver == nil {
		return errors.New("login probe needs a driver for the login pages")
	}
	return nil
}

// Enter makes a login from nothing: discovery, and then LogIn.
func (s *Session) Enter(ctx context.Context, request Request) error {
	if err := s.Discover(ctx); err != nil {
		return err
	}
	return s.LogIn(ctx, request)
}

// LogIn makes the login of a person, from the authorization request to the
// verified ID token, step by step. The provider must have been discovered; its
// keys are read first, since the one that signs must be among them by then.
// What it leads to is in Tokens and Subject.
func (s *Session) LogIn(ctx context.Context, request Request) error {
	if s.keys.Keys == nil {
		if err := s.Take(ctx, "jwks", s.readKeys); err != nil {
			return err
		}
	}
	if err := s.prepare(request); err != nil {
		return err
	}
	if s.request.Pushed {
		if err := s.Take(ctx, "par", s.push); err != nil {
			return err
		}
	}
	if err := s.signIn(ctx); err != nil {
		return err
	}
	if err := s.Take(ctx, "code", s.receiveCode); err != nil {
		return err
	}
	if err := s.Take(ctx, "token", s.redeem); err != nil {
		return err
	}
	if err := s.Take(ctx, "id-token", s.verifyIDToken); err != nil {
		return err
	}
	s.known = true
	return nil
}
