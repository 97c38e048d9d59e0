package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Toxic is one way in which a network is bad, as toxiproxy knows it.
type Toxic struct {
	Type string `json:"type"`
	// Stream is downstream for what the server says, upstream for what it hears.
	Stream     string         `json:"stream"`
	Attributes map[string]int `json:"attributes"`
}

// LostReplies lets requests through and drops every answer.
func LostReplies() Toxic {
	return Toxic{Type: "timeout", Stream: "downstream", Attributes: map[string]int{"timeout": 0}}
}

// Resets closes every connection, new ones too, when the server answers.
func Resets() Toxic {
	return Toxic{Type: "reset_peer", Stream: "downstream", Attributes: map[string]int{"timeout": 0}}
}

// Latency delays what the server says, in milliseconds.
func Latency(delay, jitter int) Toxic {
	return Toxic{Type: "latency", Stream: "downstream", Attributes: map[string]int{"latency": delay, "jitter": jitter}}
}

// Network is proxies in front of servers; what happens to it happens to all.
type Network struct {
	// Ports are those of the proxies, in the order of the servers.
	Ports   []int
	proxies []*toxiproxy.Proxy
}

// Network puts a proxy in front of each port.
func (s *Site) Network(ports ...int) (*Network, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	network := &Network{}
	for _, port := range ports {
		listen, err := s.Ports.Free()
		if err != nil {
			return nil, err
		}
		proxy := toxiproxy.NewProxy(server, fmt.Sprint(port), Address(listen), Address(port))
		if err := proxy.Start(); err != nil {
			return nil, fmt.Errorf("start proxy: %w", err)
		}
		network.Ports = append(network.Ports, listen)
		network.proxies = append(network.proxies, proxy)
	}
	return network, nil
}

// Close ends the proxies and their connections.
func (n *Network) Close() {
	for _, proxy := range n.proxies {
		proxy.Stop()
	}
}

// Poison makes the network bad until it is healed. Connections that are open
// are hit as well.
func (n *Network) Poison(toxic Toxic) error {
	text, err := json.Marshal(toxic)
	if err != nil {
		return fmt.Errorf("encode toxic: %w", err)
	}
	for _, proxy := range n.proxies {
		if _, err := proxy.Toxics.AddToxicJson(bytes.NewReader(text)); err != nil {
			return fmt.Errorf("add toxic: %w", err)
		}
	}
	return nil
}

// Heal makes the network good again.
func (n *Network) Heal(ctx context.Context) {
	for _, proxy := range n.proxies {
		proxy.Toxics.ResetToxics(ctx)
	}
}
