package identity_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// active introspects a token in a zone.
func (p *party) active(gateway, token string) bool {
	p.t.Helper()
	var answer struct {
		Active bool `json:"active"`
	}
	got := p.send(gateway, "/introspect", p.form("token", token))
	if decode(p.t, got, &answer); got.status != http.StatusOK {
		p.t.Fatalf("introspect: %d %s", got.status, got.body)
	}
	return answer.Active
}

// lives reports what is left of access and refresh tokens in both zones.
func (p *party) lives(tokens ...string) (alive []string) {
	p.t.Helper()
	for _, gateway := range gateways() {
		for i, token := range tokens {
			if p.active(gateway, token) {
				alive = append(alive, fmt.Sprintf("token %d at introspection of %s", i, gateway))
			}
			if !strings.Contains(token, ".") {
				continue
			}
			if answer := p.fetch(http.MethodGet, gateway, "/userinfo", token, ""); answer.status != http.StatusUnauthorized {
				alive = append(alive, fmt.Sprintf("token %d at userinfo of %s (%d)", i, gateway, answer.status))
			}
		}
	}
	return alive
}

// mustDie fails the test unless tokens are dead in both zones within a second.
func (p *party) mustDie(tokens ...string) {
	p.t.Helper()
	dead := func() error {
		if alive := p.lives(tokens...); len(alive) > 0 {
			return fmt.Errorf("alive: %s", strings.Join(alive, ", "))
		}
		return nil
	}
	if err := await(p.t.Context(), time.Second, dead); err != nil {
		p.t.Error(err)
	}
}

// mustLive fails the test unless access tokens are good in both zones.
func (p *party) mustLive(tokens ...string) {
	p.t.Helper()
	for _, gateway := range gateways() {
		for i, token := range tokens {
			answer := p.fetch(http.MethodGet, gateway, "/userinfo", token, "")
			if answer.status != http.StatusOK || !p.active(gateway, token) {
				p.t.Errorf("token %d at %s: userinfo %d %s", i, gateway, answer.status, answer.body)
			}
		}
	}
}
