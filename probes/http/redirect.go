package httpcheck

import (
	"fmt"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/idna"

	"tocsin/internal/verdict"
	"tocsin/probes/dial"
	"tocsin/probes/exchange"
)

// question is one request of a run.
type question struct {
	place
	method  string
	body    []byte
	secrets map[string]string
}

// maxPlaces bounds how many places that redirects led to are remembered.
const maxPlaces = 64

// locate finds out how to reach an address.
func (c *check) locate(address *url.URL) (place, error) {
	host, err := idna.Lookup.ToASCII(address.Hostname())
	if err != nil && net.ParseIP(address.Hostname()) == nil {
		return place{}, fmt.Errorf("%q is no name of a host: %w", address.Hostname(), err)
	}
	if err != nil {
		host = address.Hostname()
	}
	port := address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	key := net.JoinHostPort(host, port)
	c.mu.Lock()
	defer c.mu.Unlock()
	dialer, known := c.elsewhere[key]
	if known {
		return place{address, dialer}, nil
	}
	cfg := dial.Config{Address: c.dialled(key), Roots: c.roots, ServerName: host, Protocols: []string{protocolTwo, "http/1.1"}, Now: c.now}
	if c.target.url == nil || sameOrigin(c.target.url, address) {
		// Both are for the address of the probe, and for no other.
		cfg.Certificate = c.cfg.TLS.Certificate()
		if name := c.cfg.TLS.ServerName; name != "" {
			cfg.ServerName = name
		}
	}
	dialer, err = dial.New(cfg)
	if err != nil {
		return place{}, err
	}
	if len(c.elsewhere) < maxPlaces {
		c.elsewhere[key] = dialer
	}
	return place{address, dialer}, nil
}

// dialled is where a connection for key goes.
func (c *check) dialled(key string) string {
	if other, ok := c.connectTo[key]; ok {
		return other
	}
	return key
}

func isRedirect(got answer) bool {
	switch got.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow is the question that a redirect leads to (RFC 9110, section 15.4).
// Secrets go to the origin they are for and to no other.
func (c *check) follow(asked question, got answer, hops int) (question, error) {
	if hops >= c.cfg.Redirects {
		return question{}, exchange.Brokenf(verdict.Redirect, "%s redirects once more after %d redirects", got.host, hops)
	}
	location := got.header.Get("Location")
	address, err := asked.url.Parse(location)
	switch {
	case location == "" || err != nil || address.Hostname() == "":
		return question{}, exchange.Brokenf(verdict.Redirect, "%s redirects to nowhere: its Location is no address", got.host)
	case address.Scheme != "https" && address.Scheme != "http":
		return question{}, exchange.Brokenf(verdict.Redirect, "%s redirects to an address with the scheme %q", got.host, address.Scheme)
	case asked.url.Scheme == "https" && address.Scheme == "http":
		return question{}, exchange.Brokenf(verdict.Redirect, "%s redirects from https to http", got.host)
	}
	address.User = nil
	next := question{method: asked.method, body: asked.body, secrets: asked.secrets}
	if next.place, err = c.locate(address); err != nil {
		return question{}, exchange.Brokenf(verdict.Redirect, "%s redirects to nowhere: %v", got.host, err)
	}
	seeOther := got.status == http.StatusSeeOther && asked.method != http.MethodHead
	moved := got.status == http.StatusMovedPermanently || got.status == http.StatusFound
	if seeOther || moved && asked.method == http.MethodPost {
		next.method, next.body = http.MethodGet, nil
	}
	if !sameOrigin(asked.url, address) {
		next.secrets, next.body = nil, nil
	}
	return next, nil
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
