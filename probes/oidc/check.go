package oidc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/exchange"
)

// check is a probe: a journey with a name and a number of attempts.
type check struct {
	name     string
	about    string
	cfg      Config
	attempts int
	walk     func(ctx context.Context, j *journey) error
}

// Name of the probe.
func (c *check) Name() string { return c.name }

// About says in one line what the probe does.
func (c *check) About() string { return c.about }

// errAttemptTimeout is the cause with which an attempt ends that took too
// long. Unlike a cancellation from outside, that is the target's failure.
var errAttemptTimeout = errors.New("attempt timed out")

// Run makes the journey, and makes it once more when infrastructure failed.
func (c *check) Run(ctx context.Context) probes.Result {
	trace, started := telemetry.NewTrace(), time.Now()
	result := probes.Result{
		Probe: c.name, Target: c.cfg.Target, RunID: telemetry.RunID(), TraceID: trace.TraceID,
		Started: started.UTC(),
	}
	var first string
	for result.Attempts < c.attempts {
		result.Attempts++
		failure := c.attempt(ctx, trace, &result)
		c.judge(&result, failure, first)
		if failure == nil || failure.Kind != exchange.Infrastructure || !pause(ctx, failure.RetryAfter) {
			break
		}
		first = failedAt(result.FailedStep, failure)
	}
	result.MS = milliseconds(time.Since(started))
	return result
}

// attempt makes the journey once and leaves its steps in result.
func (c *check) attempt(ctx context.Context, trace telemetry.Trace, result *probes.Result) *exchange.Failure {
	result.Steps, result.FailedStep = nil, ""
	client, err := exchange.New(exchange.Config{
		Roots: c.cfg.Roots, Timeout: c.cfg.ExchangeTimeout, Trace: trace, RunID: result.RunID, Now: c.cfg.Now,
	})
	if err != nil {
		return exchange.Ownf(err, "the probe could not start: %v", err)
	}
	defer client.Close()
	timeout := &exchange.Failure{
		Kind: exchange.Infrastructure, Err: errAttemptTimeout,
		Reason: fmt.Sprintf("the journey took longer than %s", c.cfg.AttemptTimeout),
	}
	bounded, cancel := context.WithTimeoutCause(ctx, c.cfg.AttemptTimeout, timeout)
	defer cancel()
	j := &journey{cfg: &c.cfg, client: client, result: result}
	err = c.walk(bounded, j)
	if err == nil {
		return nil
	}
	var failure *exchange.Failure
	if !errors.As(err, &failure) {
		failure = exchange.Ownf(err, "the probe itself went wrong: %v", err)
	}
	return j.blameClock(bounded, failure)
}

// judge turns the end of an attempt into a verdict.
func (c *check) judge(result *probes.Result, failure *exchange.Failure, first string) {
	switch {
	case failure == nil && first == "":
		result.Verdict, result.Reason = verdict.Pass, fmt.Sprintf("%s worked", c.name)
	case failure == nil:
		result.Verdict, result.Reason = verdict.PassAfterRetry, "worked at the second attempt; the first failed at "+first
	case failure.Kind == exchange.Own:
		result.Verdict, result.Reason = verdict.Unknown, failure.Reason
	default:
		result.Verdict, result.Reason = verdict.Fail, failure.Reason
		switch first {
		case "":
		case failedAt(result.FailedStep, failure):
			result.Reason += " (both attempts)"
		default:
			result.Reason += fmt.Sprintf(" (second attempt; the first failed at %s)", first)
		}
	}
}

func failedAt(step string, failure *exchange.Failure) string {
	return step + ": " + failure.Reason
}

// pause waits before the second attempt: as long as the target asked for, but
// no longer than a person would. It reports false when we were stopped.
func pause(ctx context.Context, asked time.Duration) bool {
	timer := time.NewTimer(min(max(asked, 250*time.Millisecond), time.Second))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
