package oidc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// NewClock makes the probe that compares the clock of this machine with that of
// the target, and of each zone.
func NewClock(cfg Config) (*journey.Probe, error) {
	return cfg.Probe(journey.Spec{
		Name: "clock", About: "measures how far the clocks of the target and of this machine are apart", Every: clockPace,
	}, func(ctx context.Context, s *Session) error {
		if err := s.Take(ctx, "clock", func(ctx context.Context) error {
			return s.compareClock(ctx, "the target", s.cfg.Issuer+wellKnown)
		}); err != nil {
			return err
		}
		for _, zone := range s.cfg.Zones {
			if err := s.Take(ctx, "clock-"+zone.Name, func(ctx context.Context) error {
				return s.compareClock(ctx, "zone "+zone.Name, strings.TrimSuffix(zone.URL, "/")+wellKnown)
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// compareClock judges the Date of one answer. Whatever the status is, the clock
// that wrote it is the target's.
func (s *Session) compareClock(ctx context.Context, whose, address string) error {
	sent := s.Now()
	reply, err := s.Get(ctx, address, journey.AcceptJSON)
	if err != nil {
		return err
	}
	skew, err := exchange.Skew(sent.Add(s.Now().Sub(sent)/2), reply.Header)
	if err != nil {
		return exchange.Brokenf(verdict.NoData, "%s does not say what time it is: %v", whose, err)
	}
	// A Date has whole seconds: it is right to half a second.
	if skew.Abs() <= s.MaxSkew()+500*time.Millisecond {
		return nil
	}
	detail := fmt.Sprintf("the clocks of %s and of this machine are %s apart, more than %s", whose, skew.Abs().Round(time.Second), s.MaxSkew())
	return s.WrongTime(verdict.Clock, detail)
}
