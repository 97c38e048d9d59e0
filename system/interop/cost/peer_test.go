//go:build interop

package cost

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/interop/browser"
	"tocsin/system/interop/peer"
)

var (
	logins   = flag.Int("logins", 300, "how many logins to measure")
	services = flag.Int("services", 1000, "how many client-credentials tokens to measure")
	parallel = flag.Int("parallel", 4, "how many at once")
	subjects = flag.String("subjects", "", "JSON files of providers to measure beside the peer, with commas between")
)

// newPeer starts a peer to measure. With a resource its access tokens are JWTs.
func newPeer(t *testing.T, name, resource string) *Subject {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const callback = "http://localhost:9/callback"
	config := peer.Config{Resource: resource, Persons: map[string]peer.Person{}, Clients: []peer.Client{{
		ID: "cost", RedirectURIs: []string{callback}, ResponseTypes: []string{"code"},
		GrantTypes: []string{"authorization_code", "client_credentials"},
		Keys:       jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}},
	}}}
	for i := range 10_000 {
		config.Persons[fmt.Sprint(i)] = peer.Person{PIN: "24680", Claims: map[string]any{"name": "Ada Nord", "email": "ada@example.org"}}
	}
	running, err := peer.Start(context.WithoutCancel(t.Context()), t.TempDir(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(running.Complaints())
		}
	})
	var count atomic.Int64
	return &Subject{
		Name: name, Issuer: running.Issuer, ClientID: "cost", Key: key, KeyID: "k1", RedirectURI: callback,
		Scope: "openid profile email", ServiceScope: "grant_management_query",
		Person:     func() browser.Person { return browser.Person{ID: fmt.Sprint(count.Add(1) % 10_000), PIN: "24680"} },
		Components: []Component{{Name: "node", PIDs: []int{running.PID}}},
	}
}

// TestCost prints what a login takes: of ours, of the peer with opaque access tokens (its
// habit) and with JWTs (ours), and of every provider that -subjects describes.
func TestCost(t *testing.T) {
	all := []*Subject{newOurs(t), newPeer(t, "oidc-provider, opaque", ""), newPeer(t, "oidc-provider, JWT", "urn:example:resource")}
	for _, file := range strings.FieldsFunc(*subjects, func(r rune) bool { return r == ',' }) {
		subject, err := Read(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, subject)
	}
	var results []*Result
	for _, subject := range all {
		for _, load := range Loads(*logins, *services, *parallel) {
			result, err := Measure(t.Context(), subject, load)
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, result)
			if result.Own() <= 0 {
				t.Errorf("%s of %s costs %s", load.Name, subject.Name, result.Own())
			}
		}
	}
	if err := Print(t.Output(), results); err != nil {
		t.Error(err)
	}
}
