//go:build interop

package interop

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/interop/browser"
	"tocsin/system/interop/peer"
)

const (
	callback = "http://localhost:9/callback"
	goodbye  = "http://localhost:9/goodbye"
)

// startPeer starts a peer that ends with the test.
func startPeer(t *testing.T, config peer.Config) *peer.Peer {
	t.Helper()
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
	return running
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ada() map[string]peer.Person {
	return map[string]peer.Person{"1": {PIN: "24680", Claims: map[string]any{
		"name": "Ada Nord", "given_name": "Ada", "family_name": "Nord", "email": "ada@example.org",
	}}}
}

func registered(id string, key *ecdsa.PrivateKey, grants ...string) peer.Client {
	return peer.Client{
		ID: id, RedirectURIs: []string{callback}, LogoutURIs: []string{goodbye}, ResponseTypes: []string{"code"}, GrantTypes: grants,
		Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}},
	}
}

// The peer shows that the clients themselves are right: what fails against us
// alone is ours.
func TestRelyingPartyAgainstThePeer(t *testing.T) {
	key := newKey(t)
	client := registered("rp", key, "authorization_code", "refresh_token", "client_credentials")
	signed := client
	signed.ID, signed.UserinfoAlg = "rp-signed", "ES256"
	running := startPeer(t, peer.Config{Clients: []peer.Client{client, signed}, Persons: ada()})
	RelyingParty{
		Issuer: running.Issuer, ClientID: "rp", Signed: "rp-signed", Key: key, KeyID: "k1",
		RedirectURI: callback, PostLogoutRedirectURI: goodbye, Scope: "openid profile email", ServiceScope: "grant_management_query",
		Person: browser.Person{ID: "1", PIN: "24680"},
	}.Run(t)
}

func TestWalletAgainstThePeer(t *testing.T) {
	const scopes = "national_id_sd_jwt national_id_mdoc"
	credentials, err := peer.SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	credentials.Offers["pre-authorized"] = peer.Offer{Person: "1", TxCode: "4711", Scope: scopes}
	anchor := filepath.Join(t.TempDir(), "anchor.pem")
	if err := os.WriteFile(anchor, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: credentials.Chain[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	client := registered("wallet", key, "authorization_code", "urn:ietf:params:oauth:grant-type:pre-authorized_code")
	running := startPeer(t, peer.Config{Clients: []peer.Client{client}, Persons: ada(), Credentials: credentials})
	offer, err := json.Marshal(map[string]any{
		"credential_issuer": running.Issuer, "credential_configuration_ids": strings.Fields(scopes),
		"grants": map[string]any{"urn:ietf:params:oauth:grant-type:pre-authorized_code": map[string]any{
			"pre-authorized_code": "pre-authorized", "tx_code": map[string]any{"input_mode": "numeric", "length": 4},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	Wallet{
		Issuer: running.Issuer, ClientID: "wallet", Key: key, KeyID: "k1", RedirectURI: callback,
		Offer: "openid-credential-offer://?" + url.Values{"credential_offer": {string(offer)}}.Encode(), TxCode: "4711",
		Configurations: strings.Fields(scopes), TrustAnchor: anchor, Person: browser.Person{ID: "1", PIN: "24680"},
	}.Run(t)
}
