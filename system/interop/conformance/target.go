// Package conformance re-creates the black-box checks of the OpenID
// conformance suite (openid-certification/conformance-suite, release v5.2.3)
// for the plans that apply to this provider: basic OP, config OP, FAPI 2.0
// Security Profile Final and OpenID4VCI 1.0 issuer. Each check carries its
// module's name and uses public endpoints only, so it runs against any issuer.
// CONFORMANCE.md lists every module: what covers it, or why it does not apply.
package conformance

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"net/http"
	"time"

	"tocsin/system/interop/browser"
)

// Target is a running issuer and what the checks may use there.
type Target struct {
	// Issuer is the issuer identifier.
	Issuer string
	// Trust verifies the issuer's certificate; nil for one on plain HTTP.
	Trust *tls.Config

	// Basic and Second are different clients registered for the grants
	// authorization_code and refresh_token and for every scope, not bound to
	// any security profile. They share no key.
	Basic, Second Client
	// RS256 is a client whose ID tokens are to be signed with RS256.
	RS256 Client
	// Profile and ProfileSecond are different clients that follow FAPI 2.0:
	// pushed requests and DPoP are required of them.
	Profile, ProfileSecond Client
	// Wallet and WalletSecond may ask for credentials by the authorization
	// code flow.
	Wallet, WalletSecond Client

	// Person returns somebody who has not consented to anything yet.
	Person func() browser.Person
	// Claims of every such person, by scope, of which at least one must be
	// released when the scope is granted.
	Claims map[string][]string

	// Excused are modules that this target need not pass, with the reason.
	Excused map[string]string
	// Brief leaves out the modules that wait 30 seconds or more.
	Brief bool
	// Refusals, if set, is how long the issuer takes to hear of a revocation
	// in all of its zones. Access tokens may work for that long after.
	Refusals time.Duration

	// Of this package's own tests: waits are left out, and what comes back
	// passes through between.
	hurried bool
	between func(http.RoundTripper) http.RoundTripper
}

// Client is a registered client and its keys. It authenticates by
// private_key_jwt with the P-256 key.
type Client struct {
	ID                    string
	RedirectURI           string
	PostLogoutRedirectURI string
	Scope                 string // what a usual request asks for
	Key                   *ecdsa.PrivateKey
	KeyID                 string
	// RSA is a second registered key, of 2048 bits or more, with which the
	// client may sign PS256.
	RSA   *rsa.PrivateKey
	RSAID string
	// Public clients do not authenticate; DPoP binds their tokens.
	Public bool
}
