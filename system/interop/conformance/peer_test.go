//go:build interop

package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/interop/browser"
	"tocsin/system/interop/peer"
)

const (
	redirectURI = "http://localhost:9/callback"
	everything  = "openid profile email address phone"
)

// newClient makes a client and its registration.
func newClient(t *testing.T, id string, change func(*peer.Client)) (Client, peer.Client) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	registered := peer.Client{
		ID: id, RedirectURIs: []string{redirectURI + "/" + id}, ResponseTypes: []string{"code"},
		GrantTypes: []string{"authorization_code", "refresh_token"},
		Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: key.Public(), KeyID: "ec", Algorithm: "ES256", Use: "sig"}, {Key: second.Public(), KeyID: "rsa", Use: "sig"},
		}},
	}
	if change != nil {
		change(&registered)
	}
	return Client{
		ID: id, RedirectURI: registered.RedirectURIs[0], Scope: everything,
		Key: key, KeyID: "ec", RSA: second, RSAID: "rsa",
	}, registered
}

// newPeer starts a peer that knows everybody the checks need.
func newPeer(t *testing.T) *Target {
	t.Helper()
	target := &Target{Claims: map[string][]string{
		"profile": {"name"}, "email": {"email"}, "address": {"address"}, "phone": {"phone_number"},
	}}
	profiled := func(c *peer.Client) { c.RequirePAR, c.RequireDPoP, c.AuthAlgorithm = true, true, "ES256" }
	credentials, err := peer.SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	config := peer.Config{Persons: map[string]peer.Person{}, Credentials: credentials}
	for id, one := range map[string]struct {
		client *Client
		change func(*peer.Client)
	}{
		"basic": {&target.Basic, nil}, "second": {&target.Second, nil},
		"rs256":   {&target.RS256, func(c *peer.Client) { c.IDTokenAlgorithm = "RS256" }},
		"profile": {&target.Profile, profiled}, "profile-second": {&target.ProfileSecond, profiled},
		"wallet": {&target.Wallet, nil}, "wallet-second": {&target.WalletSecond, nil},
	} {
		client, registered := newClient(t, id, one.change)
		*one.client = client
		config.Clients = append(config.Clients, registered)
	}
	for i := range 500 {
		config.Persons[fmt.Sprint(1000+i)] = peer.Person{PIN: "24680", Claims: map[string]any{
			"name": "Ada Nord", "given_name": "Ada", "family_name": "Nord", "email": "ada@example.org", "phone_number": "+4790000000",
			"address": map[string]any{"country": "NO"},
		}}
	}
	var count atomic.Int64
	target.Person = func() browser.Person {
		return browser.Person{ID: fmt.Sprint(1000 + count.Add(1)), PIN: "24680"}
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
	target.Issuer = running.Issuer
	return target
}

func TestThePeerPasses(t *testing.T) {
	target := newPeer(t)
	target.Brief = testing.Short()
	Run(t, target)
}
