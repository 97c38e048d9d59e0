package tcpcheck

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"tocsin/internal/reach"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/dial"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

const defaultTimeout = 5 * time.Second

// check is what the runs of one TCP probe share.
type check struct {
	cfg    Config
	dialer *dial.Dialer
}

// New makes the TCP probe of that name. Base is what it shares with the other
// probes of the target.
func New(base journey.Config, name string, cfg Config) (probes.Probe, error) {
	if err := journey.Problems(cfg.Check); err != nil {
		return nil, fmt.Errorf("tcp probe %s: %w", name, err)
	}
	if base.AttemptTimeout == 0 {
		base.AttemptTimeout = defaultTimeout
	}
	reached, err := cfg.TLS.Dialing(cfg.Address, base.ConnectTo, base.Roots)
	if err != nil {
		return nil, fmt.Errorf("tcp probe %s: %w", name, err)
	}
	reached.Now = base.Now
	dialer, err := dial.New(reached)
	if err != nil {
		return nil, fmt.Errorf("tcp probe %s: %w", name, err)
	}
	c := &check{cfg: cfg, dialer: dialer}
	return journey.New(base, journey.Spec{Name: name, About: c.about(), Attempts: cfg.Attempts, Walk: c.walk})
}

func (c *check) about() string {
	about := "connects to " + c.cfg.Address
	if len(c.cfg.Dialogue) > 0 {
		about += fmt.Sprintf(" and makes a dialogue of %d turns", len(c.cfg.Dialogue))
	}
	return about
}

// walk makes one attempt.
func (c *check) walk(ctx context.Context, run *journey.Run) error {
	began := time.Now()
	talk := &talk{check: c, run: run}
	defer talk.close()
	if err := talk.through(ctx); err != nil {
		return err
	}
	if c.cfg.Expect == (Expect{}) {
		return nil
	}
	took := time.Since(began)
	return run.Take(ctx, "check", func(context.Context) error {
		err := c.judge(took, talk.expiry, run.Now())
		if err != nil {
			talk.remember("check", probes.Hop{URL: "tcp://" + c.cfg.Address, Started: began}, nil, err)
		}
		return err
	})
}

// judge compares what was seen with what is promised.
func (c *check) judge(took time.Duration, expiry, now time.Time) error {
	if most := c.cfg.Expect.MaxTime; most > 0 && took > most {
		return exchange.Brokenf(verdict.Slow, "it took %s, and %s is promised", took.Round(time.Millisecond), most)
	}
	left := expiry.Sub(now)
	if days := c.cfg.Expect.CertificateDays; days > 0 && left < time.Duration(days)*24*time.Hour {
		return exchange.Brokenf(verdict.CertificateExpiring, "a certificate of %s expires at %s, in %d days; %d are promised",
			c.cfg.Address, expiry.UTC().Format(time.RFC3339), int(left.Hours()/24), days)
	}
	return nil
}

// step makes one step that is one exchange over the connection.
func (t *talk) step(ctx context.Context, name string, act func(*dial.Watch) error) error {
	return t.run.Take(ctx, name, func(context.Context) error {
		watch, began := dial.Start(), time.Now()
		err := act(watch)
		hop := probes.Hop{Method: "TCP", URL: "tcp://" + t.check.cfg.Address, MS: watch.MS(), Phases: watch.Phases(), Started: began}
		t.run.Add(hop)
		if err == nil {
			return nil
		}
		failure := exchange.Explain(ctx, reach.Attempt{
			Host: t.check.cfg.Address, Timeout: t.run.Age(), Doing: watch.Doing(), Now: t.run.Now,
		}, err)
		t.remember(name, hop, exchange.SeenIn(err), failure)
		return failure
	})
}

// remember leaves for the evidence what certificates were seen and what was
// said.
func (t *talk) remember(step string, hop probes.Hop, refused *tls.ConnectionState, failure error) {
	seen := refused
	if t.secured != nil {
		state := t.secured.ConnectionState()
		seen = &state
	}
	t.run.Record(probes.Exchange{Step: step, Started: hop.Started, Hop: hop, URL: hop.URL, TLS: seen, Error: failure.Error()})
}
