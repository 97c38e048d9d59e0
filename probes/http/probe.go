package httpcheck

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/dial"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

const (
	defaultTimeout  = 5 * time.Second
	defaultMaxBytes = 2 << 20
)

// check is what the runs of one HTTP probe share. It is made once, so that a run
// makes nothing but its request.
type check struct {
	cfg      Config
	target   place
	body     []byte
	maxBytes int64
	statuses statuses
	promises []assertion
	roots    *x509.CertPool
	now      func() time.Time
	// connectTo dials another host:port than the one an address names.
	connectTo map[string]string

	// elsewhere are the dialers of the places that redirects led to.
	mu        sync.Mutex
	elsewhere map[string]*dial.Dialer
}

// place is an address to ask and how to reach it.
type place struct {
	url    *url.URL
	dialer *dial.Dialer
}

// New makes the HTTP probe of that name. Base is what it shares with the other
// probes of the target.
func New(base journey.Config, name string, cfg Config) (probes.Probe, error) {
	if base.AttemptTimeout == 0 {
		base.AttemptTimeout = defaultTimeout
	}
	c, err := newCheck(cfg, base)
	if err != nil {
		return nil, fmt.Errorf("http probe %s: %w", name, err)
	}
	about := fmt.Sprintf("%s %s", c.cfg.Method, exchange.WithoutQuery(c.target.url))
	return journey.New(base, journey.Spec{Name: name, About: about, Attempts: cfg.Attempts, Walk: c.walk})
}

func newCheck(cfg Config, base journey.Config) (*check, error) {
	if err := journey.Problems(cfg.Check); err != nil {
		return nil, err
	}
	c := &check{
		cfg: cfg, body: []byte(cfg.Body), maxBytes: cfg.Expect.MaxBytes, now: base.Now,
		connectTo: base.ConnectTo, elsewhere: map[string]*dial.Dialer{},
	}
	if c.cfg.Method == "" {
		c.cfg.Method = http.MethodGet
	}
	if c.maxBytes == 0 {
		c.maxBytes = defaultMaxBytes
	}
	if c.now == nil {
		c.now = time.Now
	}
	var err error
	if c.statuses, err = parseStatuses(cfg.Expect.Status); err != nil {
		return nil, err
	}
	if c.promises, err = cfg.Expect.assertions(); err != nil {
		return nil, err
	}
	if c.roots, err = cfg.TLS.Roots(base.Roots); err != nil {
		return nil, err
	}
	if cfg.BodyFile != "" {
		if c.body, err = os.ReadFile(cfg.BodyFile); err != nil {
			return nil, fmt.Errorf("read body: %w", err)
		}
	}
	address, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("parse url: %w", err)
	}
	c.target, err = c.locate(address)
	return c, err
}

// walk makes one attempt.
func (c *check) walk(ctx context.Context, run *journey.Run) error {
	secrets, err := c.readSecrets()
	if err != nil {
		return err
	}
	started := time.Now()
	ask := question{place: c.target, method: c.cfg.Method, body: c.body, secrets: secrets}
	var got answer
	for hops := 0; ; hops++ {
		step := "request"
		if hops > 0 {
			step = fmt.Sprintf("redirect-%d", hops)
		}
		err := run.Take(ctx, step, func(context.Context) (err error) {
			got, err = c.exchange(ctx, run, step, ask)
			return err
		})
		if err != nil {
			return err
		}
		if c.cfg.Redirects == 0 || !isRedirect(got) {
			break
		}
		if ask, err = c.follow(ask, got, hops); err != nil {
			return run.Take(ctx, "redirect", func(context.Context) error { return err })
		}
	}
	got.took = time.Since(started)
	return run.Take(ctx, "check", func(context.Context) error { return c.judge(got) })
}

// readSecrets reads the headers that stand in files.
func (c *check) readSecrets() (map[string]string, error) {
	if len(c.cfg.HeaderFiles) == 0 {
		return nil, nil
	}
	secrets := make(map[string]string, len(c.cfg.HeaderFiles))
	for name, path := range c.cfg.HeaderFiles {
		file, err := os.Open(path)
		if err != nil {
			return nil, exchange.Ownf(verdict.OwnConfig, err, "the header %s cannot be read: %v", name, err)
		}
		lines := bufio.NewScanner(file)
		lines.Scan()
		secrets[name] = strings.TrimSpace(lines.Text())
		if err := errors.Join(lines.Err(), file.Close()); err != nil || secrets[name] == "" {
			return nil, exchange.Ownf(verdict.OwnConfig, err, "the file %s has no first line to be the header %s", path, name)
		}
	}
	return secrets, nil
}

// judge compares an answer with what is promised.
func (c *check) judge(got answer) error {
	if !c.statuses.has(got.status) {
		return exchange.Unexpected(&exchange.Reply{URL: c.target.url, Status: got.status, Header: got.header}, "")
	}
	for _, kept := range c.promises {
		if failure := kept(got); failure != nil {
			return failure
		}
	}
	if most := c.cfg.Expect.MaxTime; most > 0 && got.took > most {
		return exchange.Brokenf(verdict.Slow, "the answer took %s, and %s is promised", got.took.Round(time.Millisecond), most)
	}
	left := got.expiry.Sub(c.now())
	if days := c.cfg.Expect.CertificateDays; days > 0 && !got.expiry.IsZero() && left < time.Duration(days)*24*time.Hour {
		return exchange.Brokenf(verdict.CertificateExpiring, "a certificate of %s expires at %s, in %d days; %d are promised",
			got.host, got.expiry.UTC().Format(time.RFC3339), int(left.Hours()/24), days)
	}
	return nil
}
