// Package transaction is the state of one login between /authorize and the
// code. It may be lost: the user starts again. So it lives in Redis, and
// nothing here is an acknowledgement of anything.
package transaction

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/url"
	"strings"
	"time"
)

// Transaction is one login in progress.
type Transaction struct {
	ClientID      string   `json:"client_id"`
	RedirectURI   string   `json:"redirect_uri"`
	Scopes        []string `json:"scopes"`
	State         string   `json:"state,omitempty"`
	Nonce         string   `json:"nonce,omitempty"`
	CodeChallenge string   `json:"code_challenge"`
	PromptConsent bool     `json:"prompt_consent,omitempty"`
	Locales       []string `json:"locales,omitempty"`
	// Binder is the hash of the cookie of the browser that began.
	Binder []byte `json:"binder"`

	// Of the person, once authenticated.
	Subject  string    `json:"subject,omitempty"`
	AuthTime time.Time `json:"auth_time,omitzero"`
	// Issued is when the code was first promised; the code depends on it, so
	// that asking again gives the same code.
	Issued time.Time `json:"issued,omitzero"`
}

// Bind returns what is kept of a browser's cookie.
func Bind(cookie string) []byte {
	hash := sha256.Sum256([]byte(cookie))
	return hash[:]
}

// BoundTo reports whether the browser with cookie began the transaction: a
// link to it that was sent to somebody else must not work there.
func (t *Transaction) BoundTo(cookie string) bool {
	return subtle.ConstantTimeCompare(t.Binder, Bind(cookie)) == 1
}

// Callback returns the address that hands answer to the client, with state and
// iss (RFC 9207) added.
func (t *Transaction) Callback(issuer string, answer url.Values) string {
	return Callback(t.RedirectURI, t.State, issuer, answer)
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

// Store keeps transactions and the count of PIN attempts for each.
type Store interface {
	Create(ctx context.Context, id string, t *Transaction, life time.Duration) error
	// Transaction fails with store.ErrNotFound when it expired or was lost.
	Transaction(ctx context.Context, id string) (*Transaction, error)
	// Update changes a transaction without prolonging it.
	Update(ctx context.Context, id string, t *Transaction) error
	// CountAttempt returns how many attempts there are now, this one included.
	CountAttempt(ctx context.Context, id string, life time.Duration) (int, error)
	// ForgetAttempt takes one attempt back.
	ForgetAttempt(ctx context.Context, id string) error
}
