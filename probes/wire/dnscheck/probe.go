package dnscheck

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
	"tocsin/probes/wire/dnssec"
)

// check is one run.
type check struct {
	cfg     *Config
	servers []string
	timeout time.Duration
	// port of the servers that NS records name.
	port    string
	hasIPv6 bool
	slowest time.Duration
}

// New makes the probe of that name.
func New(base journey.Config, name string, c Config) (probes.Probe, error) {
	if err := journey.Problems(c.Check); err != nil {
		return nil, fmt.Errorf("DNS check %s: %w", name, err)
	}
	if base.AttemptTimeout == 0 {
		base.AttemptTimeout = 20*time.Second + c.Settle
	}
	return journey.New(base, journey.Spec{
		Name: name, About: "checks " + c.subject() + " in DNS", Every: time.Minute,
		Walk: func(ctx context.Context, run *journey.Run) error {
			return (&check{cfg: &c, servers: c.Servers, timeout: 2 * time.Second, port: "53", hasIPv6: ipv6()}).walk(ctx, run)
		},
	})
}

// subject names what is checked.
func (c *Config) subject() string {
	var names []string
	for _, record := range c.Records {
		names = append(names, record.Name+" "+record.Type)
	}
	if c.Zone != "" {
		names = append(names, "the zone "+c.Zone)
	}
	return strings.Join(names, ", ")
}

func (c *check) server(address string, recursive bool) *server {
	return &server{address: address, recursive: recursive, timeout: c.timeout}
}

// walk looks at the records of every server, then at serials and signatures.
func (c *check) walk(ctx context.Context, run *journey.Run) error {
	defer func() { run.Figure("dns_slowest_answer_seconds", c.slowest.Seconds()) }()
	if len(c.servers) == 0 {
		system, err := systemServers()
		if err != nil {
			return err
		}
		c.servers = system
	}
	for _, address := range c.servers {
		if len(c.cfg.Records) == 0 {
			break
		}
		if err := run.Take(ctx, "records "+address, func(ctx context.Context) error { return c.records(ctx, run, address) }); err != nil {
			return err
		}
	}
	if c.cfg.Zone != "" {
		if err := run.Take(ctx, "serial", func(ctx context.Context) error { return c.agree(ctx, run) }); err != nil {
			return err
		}
	}
	if c.cfg.DNSSEC == nil {
		return nil
	}
	for _, address := range c.servers {
		if err := run.Take(ctx, "dnssec "+address, func(ctx context.Context) error { return c.validate(ctx, run, address) }); err != nil {
			return err
		}
	}
	return nil
}

// records compares what one server answers with what is promised.
func (c *check) records(ctx context.Context, run *journey.Run, address string) error {
	asked := c.server(address, !c.cfg.Authoritative)
	defer func() { c.slowest = max(c.slowest, asked.slowest) }()
	var wrong []string
	for i := range c.cfg.Records {
		record := &c.cfg.Records[i]
		answer, err := asked.ask(ctx, record.Name, dns.StringToType[record.Type])
		if err != nil {
			return err
		}
		if c.cfg.Authoritative && !answer.Authoritative {
			return exchange.Brokenf(verdict.DNSRecord, "%s has no authority for %s", address, record.Name)
		}
		for _, problem := range record.judge(answer, c.cfg.Authoritative) {
			wrong = append(wrong, problem)
			run.Note("%s", problem)
		}
		for _, found := range follow(answer.Answer, record.Name, dns.StringToType[record.Type]) {
			run.Note("%s %s %s (ttl %d s)", record.Name, record.Type, value(found), found.Header().Ttl)
		}
	}
	if len(wrong) > 0 {
		return exchange.Brokenf(verdict.DNSRecord, "%s: %s", address, strings.Join(wrong, "; "))
	}
	return nil
}

// validate proves what one server answers.
func (c *check) validate(ctx context.Context, run *journey.Run, address string) error {
	anchors, err := readAnchors(c.cfg.DNSSEC.AnchorsFile)
	if err != nil {
		return exchange.Ownf(verdict.OwnConfig, err, "the trust anchors cannot be used: %v", err)
	}
	asked := c.server(address, !c.cfg.Authoritative)
	validator := &dnssec.Validator{Anchors: anchors, Answer: asked.ask, Chain: c.chain(asked), Now: run.Now, Policy: c.cfg.DNSSEC.policy()}
	for _, question := range c.questions() {
		found, err := validator.Validate(ctx, question.Name, question.Qtype)
		if err != nil {
			return err
		}
		if err := c.cfg.DNSSEC.judge(run, question, found); err != nil {
			return err
		}
	}
	return nil
}

// chain asks for the keys of zones: the resolvers in turn, or the server itself.
func (c *check) chain(asked *server) dnssec.Lookup {
	if len(c.cfg.DNSSEC.Resolvers) == 0 {
		return asked.ask
	}
	return func(ctx context.Context, name string, kind uint16) (answer *dns.Msg, err error) {
		for _, address := range c.cfg.DNSSEC.Resolvers {
			if answer, err = c.server(address, true).ask(ctx, name, kind); err == nil {
				return answer, nil
			}
		}
		return nil, err
	}
}

func (c *check) questions() (all []dns.Question) {
	for _, record := range c.cfg.Records {
		all = append(all, dns.Question{Name: record.Name, Qtype: dns.StringToType[record.Type]})
	}
	if c.cfg.Zone != "" {
		all = append(all, dns.Question{Name: c.cfg.Zone, Qtype: dns.TypeSOA})
	}
	return all
}

// judge compares a finding with what is demanded.
func (d *DNSSEC) judge(run *journey.Run, question dns.Question, found dnssec.Finding) error {
	what := question.Name + " " + dns.TypeToString[question.Qtype]
	run.Note("%s is %s%s", what, found.Status, because(found))
	if found.Status == dnssec.Indeterminate {
		return exchange.Ownf(verdict.OwnConfig, nil, "%s is indeterminate: %s", what, found.Why)
	}
	if string(found.Status) != d.Require {
		return exchange.Brokenf(verdict.DNSSEC, "%s is %s, not %s%s", what, found.Status, d.Require, because(found))
	}
	if found.Status != dnssec.Secure {
		return nil
	}
	left := found.Expires.Sub(run.Now())
	if known, set := run.Result().Figures["dnssec_signature_left_seconds"]; !set || left.Seconds() < known {
		run.Figure("dnssec_signature_left_seconds", left.Seconds())
	}
	if left < d.ExpireIn {
		return exchange.Brokenf(verdict.DNSSEC, "%s is secure until %s only, when the signature over %s expires: in %s, and %s are demanded",
			what, found.Expires.Format(time.RFC3339), found.ExpiresAt, left.Round(time.Minute), d.ExpireIn)
	}
	if len(found.Weak) > 0 {
		return exchange.Brokenf(verdict.DNSSEC, "%s rests on what the policy does not allow: %s", what, strings.Join(found.Weak, "; "))
	}
	return nil
}

func because(found dnssec.Finding) string {
	if found.Why == "" {
		return fmt.Sprintf(", through %s, until %s", strings.Join(found.Zones, " → "), found.Expires.Format(time.RFC3339))
	}
	return ": " + found.Why
}
