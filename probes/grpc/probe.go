package grpccheck

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/dial"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

const (
	defaultTimeout = 5 * time.Second
	// protocolTwo is HTTP/2 in the negotiation of TLS (RFC 9113, section 3.2).
	protocolTwo = "h2"
)

// check is what the runs of one gRPC probe share.
type check struct {
	cfg    Config
	dialer *dial.Dialer
}

// New makes the gRPC probe of that name. Base is what it shares with the other
// probes of the target.
func New(base journey.Config, name string, cfg Config) (probes.Probe, error) {
	if err := journey.Problems(cfg.Check); err != nil {
		return nil, fmt.Errorf("grpc probe %s: %w", name, err)
	}
	if base.AttemptTimeout == 0 {
		base.AttemptTimeout = defaultTimeout
	}
	reached, err := cfg.TLS.Dialing(cfg.Address, base.ConnectTo, base.Roots)
	if err != nil {
		return nil, fmt.Errorf("grpc probe %s: %w", name, err)
	}
	reached.Protocols = []string{protocolTwo}
	reached.Now = base.Now
	if cfg.Authority == "" {
		cfg.Authority = cfg.Address
	}
	dialer, err := dial.New(reached)
	if err != nil {
		return nil, fmt.Errorf("grpc probe %s: %w", name, err)
	}
	c := &check{cfg: cfg, dialer: dialer}
	about := "asks the health service of " + cfg.Address
	if cfg.Service != "" {
		about += " for " + cfg.Service
	}
	return journey.New(base, journey.Spec{Name: name, About: about, Attempts: cfg.Attempts, Walk: c.walk})
}

// walk makes one attempt.
func (c *check) walk(ctx context.Context, run *journey.Run) error {
	sent, err := c.metadata()
	if err != nil {
		return err
	}
	began := time.Now()
	asking := &asking{check: c, run: run, sent: sent}
	defer asking.close()
	if err := asking.connect(ctx); err != nil {
		return err
	}
	if err := asking.ask(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	return run.Take(ctx, "check", func(context.Context) error {
		err := c.judge(asking, took, run.Now())
		if err != nil {
			asking.remember("check", probes.Hop{URL: asking.url(), Started: began}, nil, err)
		}
		return err
	})
}

// metadata is what is sent with the call; files are read anew.
func (c *check) metadata() (map[string]string, error) {
	sent := make(map[string]string, len(c.cfg.Metadata)+len(c.cfg.MetadataFiles))
	maps.Copy(sent, c.cfg.Metadata)
	for name, path := range c.cfg.MetadataFiles {
		value, err := firstLine(path)
		if err != nil {
			return nil, exchange.Ownf(verdict.OwnConfig, err, "the metadata %s cannot be read: %v", name, err)
		}
		sent[name] = value
	}
	return sent, nil
}

func firstLine(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	lines := bufio.NewScanner(file)
	lines.Scan()
	line := strings.TrimSpace(lines.Text())
	if err := errors.Join(lines.Err(), file.Close()); err != nil {
		return "", err
	}
	if line == "" {
		return "", fmt.Errorf("the file %s has no first line", path)
	}
	return line, nil
}

// judge compares an answer with what is promised.
func (c *check) judge(got *asking, took time.Duration, now time.Time) error {
	if got.status != c.cfg.Expect.Status {
		return c.unexpected(got)
	}
	if most := c.cfg.Expect.MaxTime; most > 0 && took > most {
		return exchange.Brokenf(verdict.Slow, "the answer took %s, and %s is promised", took.Round(time.Millisecond), most)
	}
	left := got.expiry.Sub(now)
	if days := c.cfg.Expect.CertificateDays; days > 0 && left < time.Duration(days)*24*time.Hour {
		return exchange.Brokenf(verdict.CertificateExpiring, "a certificate of %s expires at %s, in %d days; %d are promised",
			c.cfg.Address, got.expiry.UTC().Format(time.RFC3339), int(left.Hours()/24), days)
	}
	return nil
}

// unexpected is the failure of another status than the promised one. Some are
// the honest answers of a system in trouble, as 503 is.
func (c *check) unexpected(got *asking) error {
	asked := "the server as a whole"
	if c.cfg.Service != "" {
		asked = c.cfg.Service
	}
	reason := verdict.Status
	switch got.status {
	case "NOT_SERVING", "UNAVAILABLE", "RESOURCE_EXHAUSTED":
		reason = verdict.Unavailable
	case "DEADLINE_EXCEEDED":
		reason = verdict.Timeout
	}
	hint := ""
	switch got.status {
	case "UNIMPLEMENTED":
		hint = "; it has no health service there"
	case "NOT_FOUND":
		hint = "; its health service knows none of that name"
	}
	if got.message != "" {
		hint += fmt.Sprintf("; it says %q", got.message)
	}
	return exchange.Brokenf(reason, "%s answers %s of %s, and %s is promised%s", c.cfg.Address, got.status, asked, c.cfg.Expect.Status, hint)
}
