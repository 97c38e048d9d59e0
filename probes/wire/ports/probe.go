package ports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// New makes the probe of that name.
func New(base journey.Config, name string, c Config) (probes.Probe, error) {
	if err := journey.Problems(c.Check); err != nil {
		return nil, fmt.Errorf("port check %s: %w", name, err)
	}
	ports, err := c.swept()
	if err != nil {
		return nil, fmt.Errorf("port check %s: %w", name, err)
	}
	if base.AttemptTimeout == 0 {
		base.AttemptTimeout = c.longest(len(ports))
	}
	return journey.New(base, journey.Spec{
		Name: name, About: fmt.Sprintf("sweeps %d ports of %s", len(ports), strings.Join(c.Hosts, ", ")),
		Attempts: 1, Every: 6 * time.Hour,
		Walk: func(ctx context.Context, run *journey.Run) error { return c.walk(ctx, run, ports) },
	})
}

// longest is how long a sweep takes when every port is silent on two addresses
// of each host.
func (c *Config) longest(ports int) time.Duration {
	asked := ports * len(c.Hosts) * 2
	paced := time.Duration(asked) * time.Second / time.Duration(c.Rate)
	waited := time.Duration(asked/c.Concurrency+1) * c.ConnectTimeout
	return max(paced, waited) + 10*time.Second
}

// walk sweeps one host after the other, and blames the first that is wrong.
func (c *Config) walk(ctx context.Context, run *journey.Run, ports []int) error {
	var found []string
	first := ""
	for _, host := range c.Hosts {
		var wrong []string
		err := run.Take(ctx, host, func(ctx context.Context) (err error) {
			wrong, err = c.visit(ctx, run, host, ports)
			return err
		})
		if err != nil && len(wrong) == 0 {
			return err
		}
		if first == "" && len(wrong) > 0 {
			first = host
		}
		found = append(found, wrong...)
	}
	if len(found) == 0 {
		return nil
	}
	run.Result().FailedStep = first
	return exchange.Brokenf(verdict.Port, "%s", sumUp(found))
}

func sumUp(found []string) string {
	const most = 10
	if len(found) <= most {
		return strings.Join(found, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(found[:most], "; "), len(found)-most)
}

// visit sweeps the addresses of one host. What is wrong comes together with an
// error.
func (c *Config) visit(ctx context.Context, run *journey.Run, host string, ports []int) ([]string, error) {
	addresses, err := resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	targets := make([]netip.AddrPort, 0, len(addresses)*len(ports))
	for _, port := range ports {
		for _, address := range addresses {
			targets = append(targets, netip.AddrPortFrom(address, uint16(port)))
		}
	}
	findings, err := c.sweep(ctx, targets)
	if err != nil {
		return nil, unfinished(err, len(findings), len(targets))
	}
	slices.SortFunc(findings, func(a, b finding) int {
		return cmp.Or(a.at.Addr().Compare(b.at.Addr()), cmp.Compare(a.at.Port(), b.at.Port()))
	})
	c.describe(run, host, findings)
	if alone := unheard(addresses, findings); alone.IsValid() {
		if len(c.Open) > 0 {
			failure := exchange.Brokenf(verdict.Timeout, "no port of %s answers at all, neither open nor closed", alone)
			failure.Network = !alone.IsLoopback()
			return nil, failure
		}
		return nil, exchange.Ownf(verdict.NoData, nil,
			"no port of %s answers at all, and none is promised open: the host may be away as well as shut; name one port that is open", alone)
	}
	wrong := c.judge(findings)
	if len(wrong) == 0 {
		return nil, nil
	}
	for _, line := range wrong {
		run.Note("%s", line)
	}
	return wrong, exchange.Brokenf(verdict.Port, "%s", sumUp(wrong))
}

// unheard is an address of which every port is silent: that says nothing about
// its ports.
func unheard(addresses []netip.Addr, findings []finding) netip.Addr {
	for _, address := range addresses {
		heard := slices.ContainsFunc(findings, func(f finding) bool { return f.at.Addr() == address && f.state != silent })
		if !heard {
			return address
		}
	}
	return netip.Addr{}
}

// judge returns every port that is not as promised.
func (c *Config) judge(findings []finding) []string {
	var wrong []string
	for _, f := range findings {
		promised := slices.Contains(c.Open, int(f.at.Port()))
		switch {
		case promised && f.state != open:
			wrong = append(wrong, fmt.Sprintf("port %s is %s and must be open", f.at, f.state))
		case !promised && f.state == open:
			wrong = append(wrong, fmt.Sprintf("port %s is open and must not be", f.at))
		}
	}
	return wrong
}

// describe notes how many ports were in which state.
func (c *Config) describe(run *journey.Run, host string, findings []finding) {
	counts := map[state]int{}
	var opened []string
	for _, f := range findings {
		counts[f.state]++
		if f.state == open {
			opened = append(opened, f.at.String())
		}
	}
	run.Note("%s: asked %d, open %d, closed %d, rejected %d, silent %d", host, len(findings), counts[open], counts[closed], counts[rejected], counts[silent])
	run.Note("open: %s", strings.Join(opened, ", "))
	figures := run.Result().Figures
	run.Figure("ports_asked_count", figures["ports_asked_count"]+float64(len(findings)))
	run.Figure("ports_open_count", figures["ports_open_count"]+float64(counts[open]))
	run.Figure("ports_silent_count", figures["ports_silent_count"]+float64(counts[silent]))
}

// unfinished explains a sweep that could not ask every port.
func unfinished(err error, asked, all int) error {
	var failure *exchange.Failure
	switch {
	case errors.Is(err, errOurs):
		return exchange.Ownf(verdict.Saturated, err, "after %d of %d ports %v", asked, all, err)
	case errors.As(err, &failure) && failure.Reason == verdict.Timeout:
		return exchange.Ownf(verdict.NoData, err, "the sweep asked %d of %d ports in its time; give it a longer timeout, or a higher rate or concurrency", asked, all)
	}
	return exchange.Ownf(verdict.Stopped, err, "the sweep was stopped from our side after %d of %d ports", asked, all)
}

// resolve returns every address of a host.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			return nil, exchange.Brokenf(verdict.DNS, "the name %s does not exist (DNS)", host)
		}
		return nil, &exchange.Failure{Reason: verdict.DNS, Detail: fmt.Sprintf("the name %s cannot be resolved: %v", host, err), Err: err, Network: true}
	}
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses), nil
}
