package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"tocsin/internal/target"
	"tocsin/probes/journey"
	"tocsin/probes/login"
	"tocsin/probes/memory"
)

// Config of the probes of one provider.
type Config struct {
	journey.Config
	// Issuer is the issuer identifier without a slash at its end, and
	// StatedIssuer the same as the provider states it, where that differs.
	Issuer, StatedIssuer string
	Client               target.Client
	Service              target.ServiceClient
	// Account is who logs in, and Features what the target file promises.
	Account  target.Account
	Features []string
	// Refresh is what it promises about refresh tokens.
	Refresh target.Refresh
	Zones   []target.Zone
	// Driver logs the synthetic person in.
	Driver Driver
	// Memory is what the probes remember between runs. By default it ends with
	// the process.
	Memory *memory.Book
}

// Driver takes a person through the pages of the provider.
type Driver interface {
	// Login opens the authorization request and goes on until the provider
	// sends the person back to the client. It takes the steps of run itself.
	// It returns the redirect URI with the provider's answer, which it does not
	// judge and never fetches. The error is an *exchange.Failure.
	Login(ctx context.Context, run *journey.Run, request login.Request) (*url.URL, error)
}

// FromTarget takes from a target file what the probes need.
func FromTarget(t *target.Target) (Config, error) {
	roots, err := t.Roots()
	if err != nil {
		return Config{}, fmt.Errorf("configure oidc probes: %w", err)
	}
	driver, err := driver(t)
	if err != nil {
		return Config{}, err
	}
	return Config{
		Config: journey.Config{Target: t.Name, Roots: roots, ConnectTo: t.ConnectTo, AttemptTimeout: attemptTimeout(t)},
		Issuer: t.Issuer, StatedIssuer: t.StatedIssuer, Client: t.Client, Service: t.ServiceClient, Driver: driver,
		Account: t.Accounts.Probe, Features: t.Features, Refresh: t.Refresh, Zones: t.Zones, Memory: memory.New(),
	}, nil
}

// attemptTimeout bounds a login, which may have to wait for its one-time code,
// or for a browser to start and its pages to come to rest.
func attemptTimeout(t *target.Target) time.Duration {
	limit := 10*time.Second + t.Login.OTP.Longest()
	if t.Login.Driver == target.DriverBrowser {
		limit += 30 * time.Second
	}
	return limit
}

// Probe makes the probe of one journey through the provider. Other families
// build theirs on it.
func (c Config) Probe(spec journey.Spec, walk func(context.Context, *Session) error) (*journey.Probe, error) {
	if c.Issuer == "" {
		return nil, errors.New("oidc probe needs an issuer")
	}
	if c.Memory == nil {
		c.Memory = memory.New()
	}
	c.Home = c.Issuer
	spec.Walk = func(ctx context.Context, run *journey.Run) error {
		s := &Session{Run: run, cfg: &c}
		return s.settle(spec.Name, walk(ctx, s))
	}
	made, err := journey.New(c.Config, spec)
	if err != nil {
		return nil, fmt.Errorf("make oidc probe: %w", err)
	}
	return made, nil
}
