package interop

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/interop/browser"
	"tocsin/system/interop/node"
)

// RelyingParty is what rp.mjs needs to know.
type RelyingParty struct {
	Issuer    string
	Authority string // PEM file, "" on plain HTTP
	// ClientID is a client for authorization_code, refresh_token and
	// client_credentials; Signed is one whose userinfo is signed. Both
	// authenticate with Key and have the redirect URI.
	ClientID, Signed      string
	Key                   *ecdsa.PrivateKey
	KeyID                 string
	RedirectURI           string
	PostLogoutRedirectURI string
	Scope, ServiceScope   string
	Person                browser.Person
}

// Run lets openid-client complete its flows; each step is a subtest.
func (r RelyingParty) Run(t *testing.T) {
	jwk := writeKey(t, r.Key, r.KeyID)
	report(t, r.Authority, "rp.mjs", map[string]string{
		"ISSUER": r.Issuer, "CLIENT_ID": r.ClientID, "SIGNED_CLIENT_ID": r.Signed, "CLIENT_JWK": jwk,
		"REDIRECT_URI": r.RedirectURI, "POST_LOGOUT_REDIRECT_URI": r.PostLogoutRedirectURI,
		"SCOPE": r.Scope, "SERVICE_SCOPE": r.ServiceScope, "INDIVIDUAL_ID": r.Person.ID, "PIN": r.Person.PIN,
	})
}

// Wallet is what wallet.mjs needs to know.
type Wallet struct {
	Issuer    string
	Authority string // PEM file, "" on plain HTTP
	ClientID  string
	// Key authenticates the client; without it the client is public, and DPoP
	// binds its tokens.
	Key         *ecdsa.PrivateKey
	KeyID       string
	RedirectURI string
	// Offer is an openid-credential-offer:// link with a pre-authorized code
	// that needs TxCode.
	Offer, TxCode string
	// Configurations are fetched by logging in.
	Configurations []string
	// TrustAnchor is the PEM file of the certificate that credentials lead to.
	TrustAnchor string
	Person      browser.Person
}

// Run lets the wallet library fetch and verify credentials; each step is a
// subtest.
func (w Wallet) Run(t *testing.T) {
	settings := map[string]string{
		"ISSUER": w.Issuer, "CLIENT_ID": w.ClientID, "REDIRECT_URI": w.RedirectURI, "OFFER": w.Offer, "TX_CODE": w.TxCode,
		"CONFIGURATIONS": strings.Join(w.Configurations, " "), "TRUST_ANCHOR": w.TrustAnchor,
		"INDIVIDUAL_ID": w.Person.ID, "PIN": w.Person.PIN,
	}
	if w.Key != nil {
		settings["CLIENT_JWK"] = writeKey(t, w.Key, w.KeyID)
	}
	report(t, w.Authority, "wallet.mjs", settings)
}

// report runs program and turns its steps into subtests.
func report(t *testing.T, authority, program string, settings map[string]string) {
	command, err := node.Command(t.Context(), authority, program)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range settings {
		command.Env = append(command.Env, name+"="+value)
	}
	steps, err := node.Report(command)
	for _, step := range steps {
		t.Run(step.Name, func(t *testing.T) {
			if !step.OK {
				t.Error(step.Problem)
			}
		})
	}
	if err != nil {
		t.Error(err)
	}
	if len(steps) == 0 {
		t.Errorf("%s took no step", program)
	}
}

// writeKey puts a private key where a client can read it.
func writeKey(t *testing.T, key *ecdsa.PrivateKey, id string) string {
	text, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: id, Algorithm: "ES256", Use: "sig"})
	if err != nil {
		t.Fatal(fmt.Errorf("encode client key: %w", err))
	}
	file := filepath.Join(t.TempDir(), "client.jwk")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
