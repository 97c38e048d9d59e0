//go:build interop

package interop

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/interop/browser"
	"tocsin/system/interop/peer"
)

const (
	callback = "http://localhost:9/callback"
	goodbye  = "http://localhost:9/goodbye"
)

// The peer shows that the client itself is right: what fails against us alone
// is ours.
func TestRelyingPartyAgainstThePeer(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	client := peer.Client{
		ID: "rp", RedirectURIs: []string{callback}, LogoutURIs: []string{goodbye}, ResponseTypes: []string{"code"},
		GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"},
		Keys:       jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}},
	}
	signed := client
	signed.ID, signed.UserinfoAlg = "rp-signed", "ES256"
	running, err := peer.Start(context.WithoutCancel(t.Context()), t.TempDir(), peer.Config{
		Clients: []peer.Client{client, signed},
		Persons: map[string]peer.Person{"1": {PIN: "24680", Claims: map[string]any{"name": "Ada Nord", "email": "ada@example.org"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	})
	RelyingParty{
		Issuer: running.Issuer, ClientID: "rp", Signed: "rp-signed", Key: key, KeyID: "k1",
		RedirectURI: callback, PostLogoutRedirectURI: goodbye, Scope: "openid profile email", ServiceScope: "grant_management_query",
		Person: browser.Person{ID: "1", PIN: "24680"},
	}.Run(t)
}
