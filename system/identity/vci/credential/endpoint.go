// Package credential is the credential endpoint (OpenID4VCI 1.0, 8). Everything
// is checked before anything is recorded, and a wallet is never told that it
// cannot have a credential because something here is broken: while the signing
// key is away it gets a transaction to come back with, and otherwise a 503.
package credential

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"tocsin/system/identity/bearer"
	"tocsin/system/identity/vci/access"
	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/deferred"
	"tocsin/system/identity/vci/issue"
	"tocsin/system/identity/vci/message"
	"tocsin/system/identity/vci/proof"
	"tocsin/system/identity/vci/signing"
)

// Issuer makes credentials (issue.Issuer).
type Issuer interface {
	Issue(ctx context.Context, order *issue.Order) ([]string, error)
}

// Endpoint answers POST /vci/credential.
type Endpoint struct {
	Gate         *access.Gate
	Messages     *message.Keys
	Proofs       *proof.Checker
	Issuer       Issuer
	Transactions *deferred.Transactions
	Log          *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := e.answer(w, r); err != nil {
		bearer.Refuse(w, r, e.Log, err)
	}
}

func (e *Endpoint) answer(w http.ResponseWriter, r *http.Request) error {
	token, err := e.Gate.Admit(w, r)
	if err != nil {
		return err
	}
	body, err := e.Messages.Read(w, r)
	if err != nil {
		return err
	}
	asked, err := parse(body.JSON)
	if err != nil {
		return err
	}
	recipient, err := body.Recipient(asked.encryption)
	if err != nil {
		return err
	}
	c, err := choose(asked, token)
	if err != nil {
		return err
	}
	keys, err := e.Proofs.Check(asked.proofs, proof.Context{Configuration: c, ClientID: token.ClientID})
	if err != nil {
		return err
	}
	order := issue.NewOrder(c.ID, token.Person, token.ClientID, keys)
	response, status, err := e.issue(r.Context(), order, c, token)
	if err != nil {
		return err
	}
	return message.Write(w, status, response, recipient)
}

func choose(asked *request, token *access.Token) (*configuration.Configuration, error) {
	if asked.identifier != "" {
		return token.Identified(asked.identifier)
	}
	return token.Configured(asked.configuration)
}

func (e *Endpoint) issue(ctx context.Context, order *issue.Order, c *configuration.Configuration, token *access.Token) (*issue.Response, int, error) {
	if c.Defer > 0 {
		response, err := e.Transactions.Defer(order, token, c.Defer)
		return response, http.StatusAccepted, err
	}
	credentials, err := e.Issuer.Issue(ctx, order)
	if errors.Is(err, signing.ErrUnavailable) {
		e.Log.WarnContext(ctx, "credential deferred: the signing key is away", "error", err)
		response, err := e.Transactions.Defer(order, token, deferred.Retry)
		return response, http.StatusAccepted, err
	}
	if err != nil {
		return nil, 0, err
	}
	return issue.Issued(order, credentials), http.StatusOK, nil
}
