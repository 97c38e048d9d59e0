package dnscheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"

	"tocsin/internal/reach"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// payload is how large an answer over UDP may be, in bytes; larger ones come
// over TCP. It passes every path without fragments (DNS flag day 2020).
const payload = 1232

// server asks one server.
type server struct {
	address string
	// recursive asks it to find the answer elsewhere.
	recursive bool
	timeout   time.Duration
	// slowest answer so far.
	slowest time.Duration
}

// ask returns what the server answers, whatever it says. DO asks for
// signatures, and CD for answers that it thinks bogus: that is for us to judge.
func (s *server) ask(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(name, kind)
	question.RecursionDesired, question.CheckingDisabled = s.recursive, true
	question.SetEdns0(payload, true)
	client := dns.Client{Timeout: s.timeout, UDPSize: payload}
	reply, took, err := client.ExchangeContext(ctx, question, s.address)
	if err == nil && reply.Truncated {
		client.Net = "tcp"
		reply, took, err = client.ExchangeContext(ctx, question, s.address)
	}
	s.slowest = max(s.slowest, took)
	if err != nil {
		return nil, s.explain(ctx, name, kind, err)
	}
	if reply.Rcode == dns.RcodeServerFailure {
		return nil, &exchange.Failure{Reason: verdict.Unavailable, Detail: fmt.Sprintf("%s cannot answer for %s %s (SERVFAIL)", s.address, name, dns.TypeToString[kind])}
	}
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		return nil, exchange.Brokenf(verdict.DNSRecord, "%s does not answer for %s %s (%s)", s.address, name, dns.TypeToString[kind], dns.RcodeToString[reply.Rcode])
	}
	return reply, nil
}

func (s *server) explain(ctx context.Context, name string, kind uint16, err error) error {
	question := fmt.Sprintf("%s %s", name, dns.TypeToString[kind])
	var garbled *dns.Error
	if errors.As(err, &garbled) {
		return exchange.Brokenf(verdict.Content, "%s sent no usable answer for %s: %v", s.address, question, err)
	}
	return exchange.Explain(ctx, reach.Attempt{Host: s.address, Timeout: s.timeout, Doing: "while asking for " + question, Now: time.Now}, err)
}

// systemServers are those of /etc/resolv.conf.
func systemServers() ([]string, error) {
	system, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(system.Servers) == 0 {
		return nil, exchange.Ownf(verdict.OwnConfig, err, "/etc/resolv.conf names no server; write servers in the plan")
	}
	var addresses []string
	for _, host := range system.Servers {
		addresses = append(addresses, net.JoinHostPort(host, system.Port))
	}
	return addresses, nil
}
