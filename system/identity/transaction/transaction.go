// Package transaction is the state of one login between /authorize and the
// code. It is sealed into a cookie of the browser that began it: no store can
// lose it, no other browser has it, and every zone can go on with it. It holds
// nothing that may be used only once.
package transaction

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tocsin/system/identity/claim"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/session"
)

// What may be wrong with a sealed transaction.
var (
	// ErrGone means that the transaction has expired.
	ErrGone = errors.New("login transaction has expired")
	// ErrForged means that the text is no transaction of this provider.
	ErrForged = errors.New("login transaction is not of this provider")
	// ErrTooLarge means that the request does not fit into a cookie.
	ErrTooLarge = errors.New("authorization request is too large")
)

// MaxSealed bounds a sealed transaction, in characters: with its name and
// attributes it has to fit into the 4096 bytes that browsers give a cookie
// (RFC 6265, 6.1).
const MaxSealed = 3900

// sessionRoom is kept free for who logs in: a request that is taken must not
// turn out to be too large in the middle of the login.
const sessionRoom = 600

// PushedLife is how long a pushed request may begin logins (RFC 9126, 2.2).
const PushedLife = 90 * time.Second

// Transaction is one login in progress: a checked authorization request and,
// after the login step, who it is. Member names are short because the whole
// travels with every request of the browser.
type Transaction struct {
	// ID begins with the time, so that ids sort by age.
	ID            string   `json:"id"`
	ClientID      string   `json:"c"`
	RedirectURI   string   `json:"r"`
	Scopes        []string `json:"sc,omitempty"`
	State         string   `json:"st,omitempty"`
	Nonce         string   `json:"n,omitempty"`
	CodeChallenge string   `json:"cc"`
	ResponseMode  string   `json:"rm,omitempty"`
	Prompt        []string `json:"p,omitempty"`
	// MaxAge is in seconds, -1 when not asked for.
	MaxAge int `json:"ma"`
	// ACRs are the acceptable authentication contexts, best first; none means any.
	ACRs []string `json:"a,omitempty"`
	// Locales are ui_locales; ClaimsLocales are not kept: there is one spelling
	// of every claim.
	Locales   []string      `json:"l,omitempty"`
	LoginHint string        `json:"lh,omitempty"`
	Claims    claim.Request `json:"cl,omitzero"`
	// Subject is who it must be (id_token_hint, or a value for the claim sub);
	// "" means anybody.
	Subject        string `json:"su,omitempty"`
	DPoPThumbprint string `json:"d,omitempty"`
	// Configurations are ids of credential configurations that were asked for
	// with authorization_details (OpenID4VCI 1.0, 5.1.1).
	Configurations []string `json:"cr,omitempty"`
	IssuerState    string   `json:"is,omitempty"`
	Resource       string   `json:"re,omitempty"`
	// Pushed is the id of the pushed request (RFC 9126), "" when it came by
	// the browser.
	Pushed  string    `json:"pu,omitempty"`
	Started time.Time `json:"s"`
	Expires time.Time `json:"e"`

	// Session is who has logged in; nil before the login step.
	Session *session.Session `json:"se,omitempty"`
	// OTPSent is set when a one-time code is on its way.
	OTPSent bool `json:"o,omitempty"`
}

// NewID returns an id for a transaction that starts now.
func NewID(now time.Time) string { return fmt.Sprintf("%08x", uint32(now.Unix())) + rand.Text()[:16] }

// Asks reports whether prompt holds value.
func (t *Transaction) Asks(prompt string) bool { return slices.Contains(t.Prompt, prompt) }

// RequestedClaims returns all claims that the transaction asks for.
func (t *Transaction) RequestedClaims() []string { return claim.Requested(t.Scopes, t.Claims) }

// Callback returns the address that hands answer to the client, with state and
// iss (RFC 9207) added.
func (t *Transaction) Callback(issuer string, answer url.Values) string {
	return Callback(t.RedirectURI, t.State, issuer, answer)
}

// Back returns the address that leads back to the client when the transaction
// cannot go on.
func (t *Transaction) Back(issuer string) string {
	return t.Callback(issuer, url.Values{
		"error":             {"temporarily_unavailable"},
		"error_description": {"the login was interrupted; start again"},
	})
}

// Callback is Transaction.Callback for what is not a transaction yet.
func Callback(redirectURI, state, issuer string, answer url.Values) string {
	answer.Set("iss", issuer)
	if state != "" {
		answer.Set("state", state)
	}
	separator := "?"
	// A registered redirect URI may have a query of its own (RFC 6749, 3.1.2).
	if strings.Contains(redirectURI, "?") {
		separator = "&"
	}
	return redirectURI + separator + answer.Encode()
}

// Sealer turns transactions into cookie values and back.
type Sealer struct {
	box *secret.Box
	now func() time.Time
}

// NewSealer returns a sealer with keys.
func NewSealer(keys *secret.Keys, now func() time.Time) (*Sealer, error) {
	box, err := keys.Box("transaction")
	if err != nil {
		return nil, err
	}
	return &Sealer{box: box, now: now}, nil
}

// Seal returns t as a cookie value, or ErrTooLarge.
func (s *Sealer) Seal(t *Transaction) (string, error) {
	sealed, err := s.box.Seal(t)
	if err != nil {
		return "", fmt.Errorf("seal login transaction: %w", err)
	}
	limit := MaxSealed
	if t.Session == nil {
		limit -= sessionRoom
	}
	if len(sealed) > limit {
		return "", ErrTooLarge
	}
	return sealed, nil
}

// Open returns the transaction in a cookie value. With ErrGone it returns it
// too, so that somebody who comes back late can be led to the client.
func (s *Sealer) Open(sealed string) (*Transaction, error) {
	if len(sealed) > MaxSealed {
		return nil, ErrForged
	}
	opened := &Transaction{}
	if err := s.box.Open(sealed, opened); err != nil {
		return nil, ErrForged
	}
	if !s.now().Before(opened.Expires) {
		return opened, ErrGone
	}
	return opened, nil
}
