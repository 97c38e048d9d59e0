package tlscheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/dial"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// check is one run.
type check struct {
	cfg    *Config
	policy policy
	dialer *dialer
	trust  trust
	now    func() time.Time

	// failures so far, and the step of the first.
	failures []*exchange.Failure
	step     string
}

// New makes the probe of that name.
func New(base journey.Config, name string, c Config) (probes.Probe, error) {
	wrong := journey.Problems(c.Check)
	if c.Address == "" {
		address, err := home(base.Home)
		wrong, c.Address = errors.Join(wrong, err), address
	}
	if wrong != nil {
		return nil, fmt.Errorf("TLS check %s: %w", name, wrong)
	}
	roots, err := c.roots(base.Roots)
	if err != nil {
		return nil, fmt.Errorf("TLS check %s: %w", name, err)
	}
	if c.ServerName == "" {
		// Check made an address of it.
		c.ServerName, _, _ = net.SplitHostPort(c.Address)
	}
	if base.AttemptTimeout == 0 {
		base.AttemptTimeout = time.Minute
	}
	timeout := base.ExchangeTimeout
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	rules, _ := policyOf(c.Policy)
	return journey.New(base, journey.Spec{
		Name: name, About: fmt.Sprintf("holds the TLS of %s to Mozilla's %s", c.Address, c.Policy), Every: time.Hour,
		Walk: func(ctx context.Context, run *journey.Run) error {
			dialing := &dialer{address: c.Address, name: c.ServerName, timeout: timeout, prelude: dial.Prelude(c.StartTLS)}
			judging := trust{roots: roots, name: c.ServerName, now: run.Now, host: c.Address}
			return (&check{cfg: &c, policy: rules, dialer: dialing, trust: judging, now: run.Now}).walk(ctx, run)
		},
	})
}

// roots to trust; nil for those of the machine.
func (c *Config) roots(others *x509.CertPool) (*x509.CertPool, error) {
	switch {
	case c.System:
		return nil, nil
	case c.CAFile == "":
		return others, nil
	}
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read ca_file: %s has no certificate in PEM", c.CAFile)
	}
	return pool, nil
}

// walk takes every step even when one found something: a server that is weak
// in one way may be so in others. Only where it cannot be reached it ends.
func (c *check) walk(ctx context.Context, run *journey.Run) error {
	var state tls.ConnectionState
	err := c.take(ctx, run, "handshake", func(ctx context.Context) (err error) {
		if state, err = c.handshake(ctx, run); err == nil {
			run.Note("%s with %s", version(state.Version), suite(state.CipherSuite))
		}
		return err
	})
	if err != nil {
		return err
	}
	if *c.cfg.Certificates {
		if err := c.certificates(ctx, run, state); err != nil {
			return err
		}
	}
	if err := c.take(ctx, run, "scan", func(ctx context.Context) error { return c.scan(ctx, run, state) }); err != nil {
		return err
	}
	// Who hung up on weak offers must still be there: else it refused nothing,
	// it had gone.
	if err := c.take(ctx, run, "handshake-again", func(ctx context.Context) error {
		_, err := c.handshake(ctx, run)
		return err
	}); err != nil {
		return err
	}
	return c.sumUp(run)
}

// take makes a step. What breaks the policy is kept for the end; any other
// failure is returned.
func (c *check) take(ctx context.Context, run *journey.Run, name string, act func(context.Context) error) error {
	err := run.Take(ctx, name, act)
	var failure *exchange.Failure
	if !errors.As(err, &failure) {
		return err
	}
	switch failure.Reason {
	case verdict.TLSPolicy, verdict.TLSExpired, verdict.TLSName, verdict.TLSUntrusted, verdict.CertificateExpiring, verdict.CertificateRevoked:
		if c.step == "" {
			c.step = name
		}
		c.failures = append(c.failures, failure)
		return nil
	}
	return err
}

// sumUp blames the first step that found something, with everything that was.
func (c *check) sumUp(run *journey.Run) error {
	if len(c.failures) == 0 {
		return nil
	}
	run.Result().FailedStep = c.step
	all := *c.failures[0]
	for _, other := range c.failures[1:] {
		all.Detail += "; also: " + other.Detail
	}
	return &all
}

// certificates judges those that the handshake showed.
func (c *check) certificates(ctx context.Context, run *journey.Run, state tls.ConnectionState) error {
	sent := state.PeerCertificates
	var chain []*x509.Certificate
	err := c.take(ctx, run, "certificates", func(context.Context) (err error) {
		chain, err = c.judgeChain(run, sent)
		return err
	})
	if err != nil || chain == nil || c.cfg.Revocation == revocationOff {
		return err
	}
	return c.take(ctx, run, "revocation", func(ctx context.Context) error { return c.revocation(ctx, run, chain, state.OCSPResponse) })
}

// judgeChain returns the chain to a trusted root where there is one, also when
// something else is wrong.
func (c *check) judgeChain(run *journey.Run, sent []*x509.Certificate) ([]*x509.Certificate, error) {
	for _, certificate := range sent {
		run.Expires(certificate.NotAfter)
		run.Note("%s, issued by %q, %s, signed with %s, until %s", nameOf(certificate), certificate.Issuer,
			certificate.PublicKeyAlgorithm, certificate.SignatureAlgorithm, certificate.NotAfter.UTC().Format(time.RFC3339))
	}
	run.Figure("certificate_left_seconds", run.Result().CertExpiry.Sub(c.now()).Seconds())
	chain, err := c.trust.verify(sent)
	if err != nil {
		var failure *exchange.Failure
		if errors.As(err, &failure) && failure.Reason == verdict.TLSUntrusted {
			failure.Detail += incomplete(sent)
		}
		return nil, err
	}
	root := chain[len(chain)-1]
	run.Expires(root.NotAfter)
	if err := c.trust.expiry(append(sent[:len(sent):len(sent)], root), c.cfg.ExpireIn); err != nil {
		return chain, err
	}
	return chain, broken(run, append(order(sent), c.policy.keys(sent)...))
}

// broken is the failure of what breaks the policy, nil where nothing does.
func broken(run *journey.Run, wrong []string) error {
	if len(wrong) == 0 {
		return nil
	}
	for _, line := range wrong {
		run.Note("not allowed: %s", line)
	}
	const most = 6
	if len(wrong) > most {
		wrong = append(wrong[:most:most], fmt.Sprintf("and %d more", len(wrong)-most))
	}
	return exchange.Brokenf(verdict.TLSPolicy, "%s", strings.Join(wrong, "; "))
}

// scan finds out what the server accepts, and judges also the certificates that
// it shows to other clients only.
func (c *check) scan(ctx context.Context, run *journey.Run, state tls.ConnectionState) error {
	found, err := c.dialer.scan(ctx)
	if errors.Is(err, errNotTLS) {
		return exchange.Brokenf(verdict.TLSHandshake, "%s: %v", c.cfg.Address, err)
	}
	if err != nil {
		return c.explain(ctx, "while it was offered what it must refuse", err)
	}
	suites, accepted := 0, 0
	wrong := c.policy.scanned(found)
	for _, a := range found {
		if len(a.suites) == 0 {
			run.Note("%s: refused", a.version)
			continue
		}
		accepted++
		suites += len(a.suites)
		for _, s := range a.suites {
			run.Note("%s: %s", a.version, s)
		}
		wrong = append(wrong, c.others(run, a, state)...)
	}
	run.Figure("tls_versions_accepted_count", float64(accepted))
	run.Figure("tls_suites_accepted_count", float64(suites))
	if accepted == 0 {
		return exchange.Brokenf(verdict.TLSHandshake, "%s refused every version and suite one at a time, though a handshake worked", c.cfg.Address)
	}
	return broken(run, wrong)
}

// others judges certificates that the handshake did not show.
func (c *check) others(run *journey.Run, a acceptance, state tls.ConnectionState) (wrong []string) {
	if !*c.cfg.Certificates {
		return nil
	}
	for _, sent := range a.certificates {
		if sent[0].Equal(state.PeerCertificates[0]) {
			continue
		}
		if _, err := c.judgeChain(run, sent); err != nil {
			wrong = append(wrong, fmt.Sprintf("over %s it shows another certificate: %v", a.version, err))
		}
	}
	return wrong
}
