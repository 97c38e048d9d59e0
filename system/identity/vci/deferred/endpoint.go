package deferred

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"tocsin/system/identity/bearer"
	"tocsin/system/identity/compact"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/store"
	"tocsin/system/identity/vci/access"
	"tocsin/system/identity/vci/issue"
	"tocsin/system/identity/vci/message"
	"tocsin/system/identity/vci/signing"
)

// Issuer makes credentials (issue.Issuer).
type Issuer interface {
	Issue(ctx context.Context, order *issue.Order) ([]string, error)
}

// Records marks what is picked up (record.Store).
type Records interface {
	Collect(ctx context.Context, issuance string, at time.Time, grace time.Duration) error
}

// Endpoint answers POST /vci/deferred.
type Endpoint struct {
	Gate         *access.Gate
	Messages     *message.Keys
	Transactions *Transactions
	Issuer       Issuer
	Records      Records
	Now          func() time.Time
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
	id, encryption, err := parse(body.JSON)
	if err != nil {
		return err
	}
	recipient, err := body.Recipient(encryption)
	if err != nil {
		return err
	}
	transaction, err := e.Transactions.Open(id, token)
	if err != nil {
		return err
	}
	response, err := e.collect(r.Context(), id, transaction)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if response.TransactionID != "" {
		status = http.StatusAccepted
	}
	return message.Write(w, status, response, recipient)
}

// collect makes the credentials first and records after that they are picked
// up: what fails before leaves the transaction as it was.
func (e *Endpoint) collect(ctx context.Context, id string, transaction *Transaction) (*issue.Response, error) {
	if wait := transaction.Ready.Sub(e.Now()); wait > 0 {
		return later(id, wait), nil
	}
	order := transaction.Order
	credentials, err := e.Issuer.Issue(ctx, order)
	if errors.Is(err, signing.ErrUnavailable) {
		e.Log.WarnContext(ctx, "deferred credential waits for the signing key", "error", err)
		return later(id, Retry), nil
	}
	if err != nil {
		return nil, err
	}
	err = e.Records.Collect(ctx, order.ID, e.Now(), Grace)
	if errors.Is(err, store.ErrConsumed) {
		return nil, unknown()
	}
	if err != nil {
		return nil, fmt.Errorf("record that a deferred credential is picked up: %w", err)
	}
	return issue.Issued(order, credentials), nil
}

// parse reads a deferred credential request (OpenID4VCI 1.0, 9.1).
func parse(text []byte) (id string, encryption []byte, err error) {
	err = message.Members(text, oautherr.InvalidCredentialRequest, func(name string, value []byte) (err error) {
		switch name {
		case "transaction_id":
			id, err = compact.String(value)
		case "credential_response_encryption":
			encryption = value
		}
		return err
	})
	if err == nil && id == "" {
		err = oautherr.New(oautherr.InvalidCredentialRequest, "transaction_id is missing")
	}
	return id, encryption, err
}
