package ours

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/clients"
	"tocsin/system/interop/conformance"
)

// Addresses of clients. Nobody is there: browsers stop before them.
const (
	Callback = "https://client.example/callback"
	Goodbye  = "https://client.example/goodbye"
)

// Everything is a scope with all claims about persons.
const Everything = "openid profile email address phone"

// Client is a registered client and its private keys.
type Client struct {
	clients.Client
	Key *ecdsa.PrivateKey // KeyID "ec"
	RSA *rsa.PrivateKey   // KeyID "rsa"
}

// NewClient returns a client that may do everything, changed by change.
func NewClient(t *testing.T, id string, change func(*clients.Client)) *Client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	client := &Client{Key: key, RSA: second, Client: clients.Client{
		ID: id, Name: id, RedirectURIs: []string{Callback + "/" + id}, PostLogoutRedirectURIs: []string{Goodbye},
		Scopes: []string{
			"openid", "profile", "email", "address", "phone", "offline_access", "grant_management_query", "credential_offer",
			"national_id_sd_jwt", "national_id_jwt_vc", "national_id_mdoc", "national_id_reviewed",
		},
		GrantTypes: []string{
			"authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:pre-authorized_code",
		},
		Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: key.Public(), KeyID: "ec", Algorithm: "ES256", Use: "sig"},
			{Key: second.Public(), KeyID: "rsa", Algorithm: "PS256", Use: "sig"},
		}},
	}}
	if change != nil {
		change(&client.Client)
	}
	return client
}

// Public makes a client one without keys of its own, as wallets on telephones
// are.
func Public(c *clients.Client) {
	c.AuthMethod, c.Keys = clients.Public, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	c.GrantTypes = []string{"authorization_code", "urn:ietf:params:oauth:grant-type:pre-authorized_code"}
}

// Profiled makes a client follow the FAPI 2.0 security profile.
func Profiled(c *clients.Client) { c.RequirePAR, c.RequireDPoP = true, true }

// Checked returns the client as the conformance checks know it.
func (c *Client) Checked() conformance.Client {
	return conformance.Client{
		ID: c.ID, RedirectURI: c.RedirectURIs[0], Scope: Everything,
		Key: c.Key, KeyID: "ec", RSA: c.RSA, RSAID: "rsa", Public: c.IsPublic(),
	}
}
