package conformance

import (
	"context"
	"fmt"
	"time"

	"tocsin/probes"
	"tocsin/probes/journey"
	"tocsin/probes/oidc"
)

// every is how often the checks run where nobody says otherwise: what they look
// at changes when the provider is changed, not by itself.
const every = 24 * time.Hour

// logins is how many times as long as a login a run may take.
const logins = 10

// Config of the checks of one provider.
type Config struct {
	// Login is how a person logs in.
	Login oidc.Config
	// Accepted names checks whose findings somebody has accepted: they are
	// warnings.
	Accepted []string
}

// Probes makes the two journeys of checks.
func (c Config) Probes() ([]probes.Probe, error) {
	published, err := c.NewPublished()
	if err != nil {
		return nil, err
	}
	refused, err := c.New()
	if err != nil {
		return nil, err
	}
	return []probes.Probe{published, refused}, nil
}

// NewPublished makes the journey over what the provider publishes. It needs no
// login.
func (c Config) NewPublished() (*journey.Probe, error) {
	return c.probe(journey.Spec{
		Name: "conformance-discovery", Every: every,
		About: "checks the discovery document and the keys against their standards",
	}, func(ctx context.Context, s *session) error { return s.published(ctx) })
}

// New makes the journey of a login and of what must be refused after it.
func (c Config) New() (*journey.Probe, error) {
	if c.Login.AttemptTimeout == 0 {
		c.Login.AttemptTimeout = 10 * time.Second
	}
	c.Login.AttemptTimeout *= logins
	return c.probe(journey.Spec{
		Name: "conformance", Every: every,
		About: "logs in, and makes the requests that an OpenID provider must refuse",
	}, func(ctx context.Context, s *session) error { return s.refusals(ctx) })
}

func (c Config) probe(spec journey.Spec, walk func(context.Context, *session) error) (*journey.Probe, error) {
	made, err := c.Login.Probe(spec, func(ctx context.Context, login *oidc.Session) error {
		return walk(ctx, &session{Session: login, accepted: c.Accepted})
	})
	if err != nil {
		return nil, fmt.Errorf("make conformance probe: %w", err)
	}
	return made, nil
}
