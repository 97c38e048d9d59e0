// Package deferred is issuing later: the transaction ids that the credential
// endpoint gives out, and the endpoint that takes them (OpenID4VCI 1.0, 9). A
// transaction id is sealed and carries the whole order, so that nothing has to
// be kept until it is picked up. That a transaction was picked up is recorded;
// within a grace it may be picked up again, because the answer may have been
// lost. The specification wants it invalid at once: it is, for everybody but
// the wallet it was made for, and for that one after the grace.
package deferred

import (
	"fmt"
	"time"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/vci/access"
	"tocsin/system/identity/vci/issue"
)

// Defaults of the times.
const (
	// Life is how long after it is ready an issuance can be picked up.
	Life = 24 * time.Hour
	// Grace is how long after the first time it can be picked up again.
	Grace = 10 * time.Minute
	// Retry is when to come back when only the key is missing.
	Retry = 5 * time.Second
)

// Transaction is a deferred issuance.
type Transaction struct {
	Order *issue.Order `json:"order"`
	// Thumbprint is that of the DPoP key of the access token, if it had one.
	Thumbprint string    `json:"jkt,omitempty"`
	Ready      time.Time `json:"ready"`
	Expires    time.Time `json:"exp"`
}

// Transactions seals and opens transaction ids.
type Transactions struct {
	box *secret.Box
	now func() time.Time
}

// NewTransactions returns transactions sealed with keys.
func NewTransactions(keys *secret.Keys, now func() time.Time) (*Transactions, error) {
	box, err := keys.Box("vci/deferred")
	if err != nil {
		return nil, err
	}
	return &Transactions{box: box, now: now}, nil
}

// Defer returns the response that makes a wallet come back after wait.
func (t *Transactions) Defer(order *issue.Order, token *access.Token, wait time.Duration) (*issue.Response, error) {
	ready := t.now().Add(wait)
	id, err := t.box.Seal(&Transaction{
		Order: order, Thumbprint: token.Thumbprint, Ready: ready, Expires: ready.Add(Life),
	})
	if err != nil {
		return nil, fmt.Errorf("defer issuance: %w", err)
	}
	return later(id, wait), nil
}

// later makes a wallet come back after wait, which is told in whole seconds.
func later(id string, wait time.Duration) *issue.Response {
	return &issue.Response{TransactionID: id, Interval: max(int64((wait+time.Second-1)/time.Second), 1)}
}

// Open returns the transaction that id stands for, if it is of the wallet that
// has token.
func (t *Transactions) Open(id string, token *access.Token) (*Transaction, error) {
	opened := &Transaction{}
	if err := t.box.Open(id, opened); err != nil || opened.Order == nil {
		return nil, unknown()
	}
	order := opened.Order
	switch {
	case t.now().After(opened.Expires):
		return nil, unknown()
	case order.Person != token.Person || order.ClientID != token.ClientID:
		return nil, unknown()
	case opened.Thumbprint != "" && opened.Thumbprint != token.Thumbprint:
		return nil, unknown()
	case !token.Allows(order.Configuration): // OpenID4VCI 1.0, 9
		return nil, oautherr.New(oautherr.InsufficientScope, "the access token does not allow this credential")
	}
	return opened, nil
}

// unknown does not tell why: an id of somebody else is none (OpenID4VCI 1.0, 9.3).
func unknown() error {
	return oautherr.New(oautherr.InvalidTransactionID, "the transaction_id is unknown, of somebody else, expired or picked up")
}
