package journey

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"tocsin/internal/reach"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/exchange"
)

// Config is what all journeys to one target share.
type Config struct {
	// Target is the name of the system under test.
	Target string
	// Home is an address of the target that answers with a Date, for telling
	// whose clock is wrong. Empty where there is none.
	Home string
	// Roots to trust; nil for those of the machine.
	Roots *x509.CertPool
	// ConnectTo dials another host:port than the one an address names.
	ConnectTo map[string]string
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
	// OwnNetwork returns why this machine itself cannot reach anybody, nil
	// while it can. It is asked after a failure that a lost network of our own
	// would explain. The default looks for a route that leaves this machine.
	OwnNetwork func() error
}

func (c *Config) defaults() {
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
	if c.OwnNetwork == nil {
		c.OwnNetwork = reach.OwnNetwork
	}
}

// Spec is one journey.
type Spec struct {
	Name string
	// About says in one line what the journey does.
	About string
	// Attempts is how often it is tried at most; only transient failures are
	// tried again. Default 2.
	Attempts int
	// Every is how often it runs where nobody says otherwise; 0 for the usual,
	// ByHand for never.
	Every time.Duration
	// Walk makes one attempt. Its error should be an *exchange.Failure; any
	// other is a mistake of the probe itself.
	Walk func(ctx context.Context, run *Run) error
}

// ByHand is the pace of a journey that runs only when somebody asks for it.
const ByHand time.Duration = -1

// Probe runs one journey.
type Probe struct {
	cfg  Config
	spec Spec
}

// New makes the probe of a journey.
func New(cfg Config, spec Spec) (*Probe, error) {
	if spec.Name == "" || spec.Walk == nil {
		return nil, errors.New("a journey needs a name and steps")
	}
	cfg.defaults()
	if spec.Attempts == 0 {
		spec.Attempts = 2
	}
	return &Probe{cfg: cfg, spec: spec}, nil
}

// Name of the probe.
func (p *Probe) Name() string { return p.spec.Name }

// About says in one line what the probe does.
func (p *Probe) About() string { return p.spec.About }

// Every is how often the probe runs where nobody says otherwise; 0 for the
// usual pace, ByHand for never.
func (p *Probe) Every() time.Duration { return p.spec.Every }

// Within is the same probe with another time limit for one attempt.
func (p *Probe) Within(attempt time.Duration) probes.Probe {
	limited := *p
	limited.cfg.AttemptTimeout = attempt
	limited.cfg.ExchangeTimeout = min(limited.cfg.ExchangeTimeout, attempt)
	return &limited
}

// Longest is how long a run may take, with all its attempts and the waits
// between them.
func (p *Probe) Longest() time.Duration {
	return time.Duration(p.spec.Attempts)*(p.cfg.AttemptTimeout+longestPause) - longestPause
}

// longestPause is how long a run waits at most before it tries again.
const longestPause = time.Second

// errAttemptTimeout is the cause with which an attempt ends that took too
// long. Unlike a cancellation from outside, that is the target's failure.
var errAttemptTimeout = errors.New("attempt timed out")

// Run makes the journey, and makes it once more when infrastructure failed.
func (p *Probe) Run(ctx context.Context) probes.Result {
	trace, started := telemetry.NewTrace(), time.Now()
	result := probes.Result{
		Probe: p.spec.Name, Target: p.cfg.Target, RunID: telemetry.RunID(), TraceID: trace.TraceID,
		Started: started.UTC(),
	}
	var first string
	for result.Attempts < p.spec.Attempts {
		result.Attempts++
		failure := p.attempt(ctx, trace, &result)
		p.judge(&result, failure, first)
		if failure == nil || !failure.Reason.Transient() || !pause(ctx, failure.RetryAfter) {
			break
		}
		first = failedAt(result.FailedStep, failure)
	}
	result.MS = milliseconds(time.Since(started))
	return result
}

// attempt makes the journey once and leaves its steps in result.
func (p *Probe) attempt(ctx context.Context, trace telemetry.Trace, result *probes.Result) *exchange.Failure {
	result.Detail = ""
	result.Steps, result.FailedStep, result.Figures, result.Exchanges, result.Artifacts = nil, "", nil, nil, nil
	timeout := &exchange.Failure{
		Reason: verdict.Timeout, Err: errAttemptTimeout,
		Detail: fmt.Sprintf("the journey took longer than %s", p.cfg.AttemptTimeout),
	}
	bounded, cancel := context.WithTimeoutCause(ctx, p.cfg.AttemptTimeout, timeout)
	defer cancel()
	run := &Run{cfg: &p.cfg, trace: trace, result: result}
	defer run.close()
	err := p.spec.Walk(bounded, run)
	run.figureSkew()
	if err == nil {
		return nil
	}
	var failure *exchange.Failure
	if !errors.As(err, &failure) {
		failure = exchange.Ownf(verdict.Internal, err, "the probe itself went wrong: %v", err)
	}
	return run.blameUs(bounded, failure)
}

// judge turns the end of an attempt into a verdict.
func (p *Probe) judge(result *probes.Result, failure *exchange.Failure, first string) {
	switch {
	case failure == nil && first == "":
		result.End(verdict.OK, noted(p.spec.Name+" worked", result.Detail))
	case failure == nil:
		result.End(verdict.Retried, noted("worked at the second attempt; the first failed at "+first, result.Detail))
	default:
		result.End(failure.Reason, failure.Detail)
		if result.Verdict != verdict.Fail {
			return
		}
		switch first {
		case "":
		case failedAt(result.FailedStep, failure):
			result.Detail += " (both attempts)"
		default:
			result.Detail += fmt.Sprintf(" (second attempt; the first failed at %s)", first)
		}
	}
}

func noted(sentence, note string) string {
	if note == "" {
		return sentence
	}
	return sentence + ": " + note
}

func failedAt(step string, failure *exchange.Failure) string {
	return step + ": " + failure.Detail
}

// pause waits before the second attempt: as long as the target asked for, but
// no longer than a person would. It reports false when we were stopped.
func pause(ctx context.Context, asked time.Duration) bool {
	timer := time.NewTimer(min(max(asked, 250*time.Millisecond), longestPause))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
