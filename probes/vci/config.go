package vci

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"tocsin/internal/target"
	"tocsin/probes"
	"tocsin/probes/journey"
	"tocsin/probes/oidc"
)

// Config of the probes of one credential.
type Config struct {
	// Login is how an access token is got.
	Login oidc.Config
	// Credential that is asked for.
	Credential target.Credential
}

// attempt is how long a credential journey may take where nobody says
// otherwise: a login, and half as much again.
const attempt = 30 * time.Second

// every is how often credential journeys run where nobody says otherwise: each
// run makes a credential, which takes a place in a status list for its life.
const every = 5 * time.Minute

// Probes makes the credential journeys of a target: none without a credential
// in its file.
func Probes(t *target.Target) ([]probes.Probe, error) {
	if !t.Credential.Configured() {
		return nil, nil
	}
	login, err := oidc.FromTarget(t)
	if err != nil {
		return nil, fmt.Errorf("configure credential probes: %w", err)
	}
	// The time of a login is too little for a login and two dozen requests.
	login.AttemptTimeout = attempt + t.Login.OTP.Longest()
	cfg := Config{Login: login, Credential: t.Credential}
	whole, err := New(cfg)
	if err != nil {
		return nil, err
	}
	refused, err := NewNegative(cfg)
	if err != nil {
		return nil, err
	}
	return []probes.Probe{whole, refused}, nil
}

// New makes the journey to a verified credential.
func New(cfg Config) (*journey.Probe, error) {
	return cfg.probe(journey.Spec{
		Name: "credential", Every: every,
		About: "gets a credential (OpenID4VCI) and verifies it down to its status list",
	}, func(ctx context.Context, s *session) error {
		if err := s.obtain(ctx); err != nil {
			return err
		}
		return s.notify(ctx)
	})
}

// NewNegative makes the journey of requests that an issuer must refuse.
func NewNegative(cfg Config) (*journey.Probe, error) {
	memory := &memory{}
	return cfg.probe(journey.Spec{
		Name: "credential-negative", Every: 12 * every,
		About: "asks for a credential in the ways that an issuer must refuse",
	}, func(ctx context.Context, s *session) error { return s.refusals(ctx, memory) })
}

func (c Config) probe(spec journey.Spec, walk func(context.Context, *session) error) (*journey.Probe, error) {
	roots, err := readRoots(c.Credential.RootsFile)
	if err != nil {
		return nil, err
	}
	if c.Login.AttemptTimeout == 0 {
		c.Login.AttemptTimeout = attempt
	}
	made, err := c.Login.Probe(spec, func(ctx context.Context, login *oidc.Session) error {
		return walk(ctx, &session{Session: login, want: c.Credential, client: c.Login.Client, roots: roots})
	})
	if err != nil {
		return nil, fmt.Errorf("make credential probe: %w", err)
	}
	return made, nil
}

// readRoots returns nil without a file.
func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read roots of credentials: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("roots of credentials %s hold no PEM certificate", path)
	}
	return pool, nil
}
