package journey

import (
	"context"
	"fmt"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// Skew is how far our clock is ahead of the target's, as far as is known: it is
// right to half a second at worst.
func (r *Run) Skew() (time.Duration, bool) { return r.clocks.skew(), r.clocks.known }

// ClockTrusted reports whether something keeps the clock of this machine right.
func (r *Run) ClockTrusted() bool { return r.cfg.ClockSynchronised() }

// figureSkew reports how far the target's clock is ahead of ours.
func (r *Run) figureSkew() {
	if skew, known := r.Skew(); known {
		r.Figure("clock_skew_seconds", -skew.Seconds())
	}
}

// blameUs turns a failure into one of our own where this machine is the better
// suspect.
func (r *Run) blameUs(ctx context.Context, failure *exchange.Failure) *exchange.Failure {
	if failure.CertificateTime != nil {
		return r.blameClock(ctx, failure)
	}
	if !failure.Network {
		return failure
	}
	if err := r.cfg.OwnNetwork(); err != nil {
		return exchange.Ownf(verdict.OwnNetwork, failure, "%v; without it: %s", err, failure.Detail)
	}
	return failure
}

// blameClock suspects our clock when nothing keeps it right and the target,
// seen by the target's own clock, did nothing wrong.
func (r *Run) blameClock(ctx context.Context, failure *exchange.Failure) *exchange.Failure {
	certificate := failure.CertificateTime
	if r.cfg.Home == "" || r.cfg.ClockSynchronised() {
		return failure
	}
	client, err := r.client()
	if err != nil {
		return failure
	}
	date, err := client.UnverifiedDate(ctx, r.cfg.Home)
	if err != nil || date.Before(certificate.NotBefore) || date.After(certificate.NotAfter) {
		return failure
	}
	return ownClock(failure, r.cfg.Now().Sub(date))
}

func ownClock(failure *exchange.Failure, skew time.Duration) *exchange.Failure {
	return exchange.Ownf(verdict.OwnClock, failure, "the clock of this machine is %s and nothing synchronises it: start a time service (chrony) here; with this clock: %s",
		aheadOrBehind(skew), failure.Detail)
}

// WrongTime judges what our clock calls wrong by time: it is the target's
// failure for the given reason, unless our own clock is the better suspect.
func (r *Run) WrongTime(reason verdict.Reason, detail string) error {
	failure := &exchange.Failure{Reason: reason, Detail: detail}
	skew, known := r.Skew()
	if known && skew.Abs() > r.cfg.MaxSkew {
		if !r.cfg.ClockSynchronised() {
			return ownClock(failure, skew)
		}
		failure.Reason = verdict.Clock
		failure.Detail += fmt.Sprintf("; the target's clock is %s", aheadOrBehind(-skew))
	}
	return failure
}

func aheadOrBehind(skew time.Duration) string {
	if skew < 0 {
		return (-skew).Round(time.Second).String() + " behind"
	}
	return skew.Round(time.Second).String() + " ahead"
}
