// Package revocation ends credentials before their time. It answers only when
// that is recorded in two zones; every process then publishes it in the status
// lists. Whether a person may ask for it is for the service that calls: a
// wallet's access token does not have the scope.
package revocation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"tocsin/system/identity/bearer"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/store"
	"tocsin/system/identity/vci/access"
)

// Scope is what an access token needs.
const Scope = "credential_revocation"

// Records keeps revocations (record.Store).
type Records interface {
	Revoke(ctx context.Context, id string, at time.Time) (serials []uint64, err error)
}

// Lists publishes revocations (statuslist.Publisher).
type Lists interface {
	Revoke(serials []uint64)
}

// Endpoint answers POST /vci/credentials/{id}/revoke. The id is that of a
// credential (jti; without urn:uuid: for a W3C credential) or a notification_id,
// for all credentials of one response.
type Endpoint struct {
	Guard   access.Guard
	Records Records
	Lists   Lists
	Now     func() time.Time
	Log     *slog.Logger
}

const maxID = 64

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := e.revoke(w, r); err != nil {
		bearer.Refuse(w, r, e.Log, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

func (e *Endpoint) revoke(w http.ResponseWriter, r *http.Request) error {
	e.Guard.Offer(w, r)
	claims, err := e.Guard.Check(r, Scope)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if len(id) > maxID {
		return notFound()
	}
	serials, err := e.Records.Revoke(r.Context(), id, e.Now())
	if errors.Is(err, store.ErrNotFound) {
		return notFound()
	}
	if err != nil {
		return fmt.Errorf("revoke credential: %w", err)
	}
	e.Lists.Revoke(serials)
	e.Log.InfoContext(r.Context(), "credential revoked", "id", id, "client_id", claims.ClientID, "credentials", len(serials))
	return nil
}

func notFound() error { return oautherr.New(oautherr.NotFound, "there is no such credential") }
