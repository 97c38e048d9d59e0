package oidc

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"tocsin/internal/target"
	"tocsin/probes"
	"tocsin/probes/exchange"
)

// Config of the probes of one provider.
type Config struct {
	// Target is the name of the system under test.
	Target string
	// Issuer is the issuer identifier, exactly as the provider states it.
	Issuer  string
	Client  target.Client
	Account target.Account
	Login   target.Login
	// Roots to trust; nil for those of the machine.
	Roots *x509.CertPool
	// ExchangeTimeout bounds one HTTP exchange. Default 5 s.
	ExchangeTimeout time.Duration
	// AttemptTimeout bounds one attempt of a journey. Default 10 s.
	AttemptTimeout time.Duration
	// MaxSkew is how far clocks may be apart. Default 30 s.
	MaxSkew time.Duration
	// Now is the clock of this machine. Default time.Now.
	Now func() time.Time
	// ClockSynchronised reports whether Now can be trusted. The default asks
	// the kernel.
	ClockSynchronised func() bool
}

func (c *Config) defaults() error {
	if c.Issuer == "" {
		return errors.New("oidc probe needs an issuer")
	}
	if c.ExchangeTimeout == 0 {
		c.ExchangeTimeout = 5 * time.Second
	}
	if c.AttemptTimeout == 0 {
		c.AttemptTimeout = 10 * time.Second
	}
	if c.MaxSkew == 0 {
		c.MaxSkew = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.ClockSynchronised == nil {
		c.ClockSynchronised = exchange.ClockSynchronised
	}
	return nil
}

// FromTarget takes from a target file what the probes need.
func FromTarget(t *target.Target) (Config, error) {
	roots, err := t.Roots()
	if err != nil {
		return Config{}, fmt.Errorf("configure oidc probes: %w", err)
	}
	return Config{
		Target: t.Name, Issuer: t.Issuer, Client: t.Client,
		Account: t.Accounts.Probe, Login: t.Login, Roots: roots,
	}, nil
}

// Probes makes every probe that a target file allows: login, discovery, jwks,
// and zone-NAME for each zone.
func Probes(t *target.Target) ([]probes.Probe, error) {
	cfg, err := FromTarget(t)
	if err != nil {
		return nil, err
	}
	login, err := New(cfg)
	if err != nil {
		return nil, err
	}
	discovery, err := NewDiscovery(cfg)
	if err != nil {
		return nil, err
	}
	keys, err := NewJWKS(cfg)
	if err != nil {
		return nil, err
	}
	all := []probes.Probe{login, discovery, keys}
	for _, zone := range t.Zones {
		entry, err := NewZone(cfg, zone)
		if err != nil {
			return nil, err
		}
		all = append(all, entry)
	}
	return all, nil
}
