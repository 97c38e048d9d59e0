package oidc

import (
	"context"
	"slices"
	"time"

	"tocsin/internal/target"
	"tocsin/probes"
	"tocsin/probes/journey"
)

// How often journeys run where nobody says otherwise. Each of a feature makes a
// whole login; what is watched every few seconds is the login itself.
const (
	featurePace = time.Minute
	clockPace   = time.Minute
	zonesPace   = 30 * time.Second
	servicePace = 30 * time.Second
)

// featured makes the journey of a feature. It logs in, and runs by itself only
// where the target file promises the feature: elsewhere nobody knows whether
// the provider has it.
func (c Config) featured(name, feature, about string, walk func(context.Context, *Session) error) (*journey.Probe, error) {
	if err := c.logsIn(); err != nil {
		return nil, err
	}
	every := journey.ByHand
	if slices.Contains(c.Features, feature) {
		every = featurePace
	}
	return c.Probe(journey.Spec{Name: name, About: about, Every: every}, func(ctx context.Context, s *Session) error {
		s.needs = []string{feature}
		return walk(ctx, s)
	})
}

// newPushed makes the probe of a login whose request is pushed.
func newPushed(cfg Config) (*journey.Probe, error) {
	return cfg.featured("login-par", target.FeaturePAR, "makes a fresh login whose request is pushed (PAR)",
		func(ctx context.Context, s *Session) error { return s.loginAndAsk(ctx, Request{Pushed: true}) })
}

// newBound makes the probe of a login whose tokens are bound to a key.
func newBound(cfg Config) (*journey.Probe, error) {
	return cfg.featured("login-dpop", target.FeatureDPoP, "makes a fresh login whose tokens are bound to a key (DPoP)",
		func(ctx context.Context, s *Session) error { return s.loginAndAsk(ctx, Request{Bound: true}) })
}

// Probes makes every probe that the configuration allows: the logins, the
// journeys of single features, and the checks of endpoints, keys and clocks.
func (c Config) Probes() ([]probes.Probe, error) {
	makers := []func(Config) (*journey.Probe, error){
		New, NewCached, NewDiscovery, NewJWKS, NewClock,
		newPushed, newBound, newRefresh, newUserinfo, newIntrospection, newRevocation, newLogout,
	}
	if c.Service.ID != "" {
		makers = append(makers, NewClientCredentials)
	}
	for _, zone := range c.Zones {
		makers = append(makers, func(cfg Config) (*journey.Probe, error) { return NewZone(cfg, zone) })
	}
	if len(c.Zones) > 1 {
		makers = append(makers, NewZoneKeys)
	}
	all := make([]probes.Probe, 0, len(makers))
	for _, make := range makers {
		made, err := make(c)
		if err != nil {
			return nil, err
		}
		all = append(all, made)
	}
	return all, nil
}
