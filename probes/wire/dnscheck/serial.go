package dnscheck

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// agree asks every authoritative server of the zone for its serial, until all
// have the same one or have had their time.
func (c *check) agree(ctx context.Context, run *journey.Run) error {
	addresses, err := c.authorities(ctx)
	if err != nil {
		return err
	}
	settled := time.NewTimer(c.cfg.Settle)
	defer settled.Stop()
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for {
		serials, err := c.serials(ctx, addresses)
		if err != nil {
			return err
		}
		if distinct(serials) == 1 {
			for _, address := range addresses {
				run.Note("%s: serial %d", address, serials[address])
			}
			return nil
		}
		select {
		case <-again.C:
		case <-settled.C:
			return exchange.Brokenf(verdict.Disagreement, "the servers of %s do not have the same zone: %s", c.cfg.Zone, describe(serials))
		case <-ctx.Done():
			return c.server(addresses[0], false).explain(ctx, c.cfg.Zone, dns.TypeSOA, ctx.Err())
		}
	}
}

func distinct(serials map[string]uint32) int {
	seen := map[uint32]bool{}
	for _, serial := range serials {
		seen[serial] = true
	}
	return len(seen)
}

func describe(serials map[string]uint32) string {
	var parts []string
	for address, serial := range serials {
		parts = append(parts, fmt.Sprintf("%s has serial %d", address, serial))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func (c *check) serials(ctx context.Context, addresses []string) (map[string]uint32, error) {
	serials := make(map[string]uint32, len(addresses))
	for _, address := range addresses {
		answer, err := c.server(address, false).ask(ctx, c.cfg.Zone, dns.TypeSOA)
		if err != nil {
			return nil, err
		}
		found := follow(answer.Answer, c.cfg.Zone, dns.TypeSOA)
		if len(found) != 1 || !answer.Authoritative {
			return nil, exchange.Brokenf(verdict.DNSRecord, "%s is named as a server of %s and has no authority for it", address, c.cfg.Zone)
		}
		serials[address] = found[0].(*dns.SOA).Serial
	}
	return serials, nil
}

// authorities are the addresses of all servers of the zone.
func (c *check) authorities(ctx context.Context) ([]string, error) {
	if c.cfg.Authoritative {
		return c.cfg.Servers, nil
	}
	asked := c.server(c.servers[0], true)
	answer, err := asked.ask(ctx, c.cfg.Zone, dns.TypeNS)
	if err != nil {
		return nil, err
	}
	names := follow(answer.Answer, c.cfg.Zone, dns.TypeNS)
	if len(names) == 0 {
		return nil, exchange.Brokenf(verdict.DNSRecord, "%s NS is missing: the zone has no servers", c.cfg.Zone)
	}
	var addresses []string
	for _, record := range names {
		name := dns.CanonicalName(record.(*dns.NS).Ns)
		found, err := c.addresses(ctx, asked, name)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, found...)
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), nil
}

// addresses of one server. Those of IPv6 are asked where this machine has it.
func (c *check) addresses(ctx context.Context, asked *server, name string) (found []string, err error) {
	kinds := []uint16{dns.TypeA}
	if c.hasIPv6 {
		kinds = append(kinds, dns.TypeAAAA)
	}
	for _, kind := range kinds {
		answer, err := asked.ask(ctx, name, kind)
		if err != nil {
			return nil, err
		}
		for _, record := range follow(answer.Answer, name, kind) {
			found = append(found, net.JoinHostPort(value(record), c.port))
		}
	}
	if len(found) == 0 {
		return nil, exchange.Brokenf(verdict.DNSRecord, "%s is named as a server of %s and has no address", name, c.cfg.Zone)
	}
	return found, nil
}

// ipv6 reports whether this machine has an address of IPv6 that leaves it.
func ipv6() bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addresses, func(address net.Addr) bool {
		network, ok := address.(*net.IPNet)
		return ok && network.IP.To4() == nil && network.IP.IsGlobalUnicast() && !network.IP.IsPrivate()
	})
}
