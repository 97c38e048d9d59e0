package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// controlAge is how long an earlier run shows that our input is valid. After
// that, the provider may have changed what it wants.
const controlAge = 24 * time.Hour

// control is what earlier runs of one probe show: that with this configuration
// the provider accepted what they sent.
type control struct {
	Configuration string               `json:"configuration"`
	Passed        map[string]time.Time `json:"passed"`
}

// Take makes one step, and remembers that it passed.
func (s *Session) Take(ctx context.Context, name string, act func(context.Context) error) error {
	err := s.Run.Take(ctx, name, act)
	if err == nil {
		s.passed = append(s.passed, name)
	}
	return err
}

// settle compares how the attempt ended with what earlier ones show, and
// remembers what this one does. A verdict of the protocol about input that an
// earlier run shows to be valid is a lie: clients act on it by throwing away
// what was good.
func (s *Session) settle(probe string, ended error) error {
	configuration, now := s.cfg.fingerprint(), s.Now()
	var known control
	var shown time.Time
	err := s.cfg.Memory.Update("control/"+probe, &known, func() {
		if known.Configuration != configuration || known.Passed == nil {
			known = control{Configuration: configuration, Passed: map[string]time.Time{}}
		}
		shown = known.Passed[s.Result().FailedStep]
		for _, step := range s.passed {
			known.Passed[step] = now
		}
	})
	if err != nil {
		return exchange.Ownf(verdict.Internal, err, "the probe cannot remember: %v", err)
	}
	var failure *exchange.Failure
	if !errors.As(ended, &failure) || failure.Reason != verdict.ProtocolError || shown.IsZero() || now.Sub(shown) > controlAge {
		return ended
	}
	lie := *failure
	lie.Reason = verdict.Lie
	lie.Detail += fmt.Sprintf(": a lie, as a run at %s with the same configuration passed this step", clock(shown))
	return &lie
}

// fingerprint tells configurations apart. Of files it takes size and time, not
// content: what secrets look like is written nowhere, not even hashed.
func (c *Config) fingerprint() string {
	hash := sha256.New()
	encoder := json.NewEncoder(hash)
	parts := []any{c.Issuer, c.Client, c.Service, c.Account}
	for _, path := range []string{
		c.Client.KeyFile, c.Client.SecretFile, c.Service.KeyFile, c.Service.SecretFile, c.Account.SecretFile,
	} {
		if info, err := os.Stat(path); err == nil {
			parts = append(parts, info.Size(), info.ModTime().UnixNano())
		}
	}
	for _, part := range parts {
		// A hash takes every write, and these values all have an encoding.
		_ = encoder.Encode(part)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}
