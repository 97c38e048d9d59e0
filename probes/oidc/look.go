package oidc

import (
	"context"
	"strings"

	"tocsin/probes"
	"tocsin/probes/journey"
)

// Look reads the discovery document of an issuer that nothing else is known
// of. Whether the identifier ends in a slash is left to the provider.
func Look(ctx context.Context, base journey.Config, issuer string) (Metadata, probes.Result, error) {
	cfg := Config{Config: base, Issuer: strings.TrimSuffix(issuer, "/")}
	cfg.StatedIssuer = cfg.Issuer + "/"
	var found Metadata
	probe, err := cfg.Probe(journey.Spec{Name: "discovery"}, func(ctx context.Context, s *Session) error {
		err := s.Discover(ctx)
		found = s.Provider
		return err
	})
	if err != nil {
		return found, probes.Result{}, err
	}
	return found, probe.Run(ctx), nil
}
