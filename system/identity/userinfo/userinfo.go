// Package userinfo is the UserInfo endpoint (OpenID Connect Core, 5.3): the
// claims about a person that they allowed this client to have.
package userinfo

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"tocsin/system/identity/bearer"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/person"
	"tocsin/system/identity/store"
)

// Endpoint answers GET and POST /userinfo.
type Endpoint struct {
	Guard   *bearer.Guard
	Persons person.Store
	Log     *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	claims, err := e.claims(r)
	if err != nil {
		bearer.Refuse(w, r, e.Log, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(claims); err != nil {
		e.Log.DebugContext(r.Context(), "write userinfo", "error", err)
	}
}

func (e *Endpoint) claims(r *http.Request) (map[string]any, error) {
	access, err := e.Guard.Check(r, "openid")
	if err != nil {
		return nil, err
	}
	who, err := e.Persons.PersonBySubject(r.Context(), access.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return nil, oautherr.New(oautherr.InvalidToken, "the person is not known any more")
	}
	if err != nil {
		return nil, fmt.Errorf("read userinfo: %w", err)
	}
	released := claim.Release(access.Allowed, who.Claims)
	released["sub"] = access.Subject
	return released, nil
}
