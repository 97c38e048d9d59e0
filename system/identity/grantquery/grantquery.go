// Package grantquery is the query half of Grant Management for OAuth 2.0: a
// client reads what a person allowed it. The answer comes from the database
// server that takes writes, so it can be held against an acknowledgement.
package grantquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"tocsin/system/identity/bearer"
	"tocsin/system/identity/grant"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/store"
	"tocsin/system/identity/token"
)

// Scope is what a token needs to query grants.
const Scope = "grant_management_query"

// maxID bounds what is looked for; ids of grants are much shorter.
const maxID = 128

// Guard checks access tokens (bearer.Guard).
type Guard interface {
	Offer(w http.ResponseWriter, r *http.Request)
	Check(r *http.Request, scope string) (*token.AccessClaims, error)
}

// Grants reads from the server that takes writes; store.ErrNotFound.
type Grants interface {
	Grant(ctx context.Context, id string) (*grant.Grant, error)
}

// Endpoint answers GET /grants/{grant_id}.
type Endpoint struct {
	Guard  Guard
	Grants Grants
	Log    *slog.Logger
}

// Status is the answer (Grant Management for OAuth 2.0, 6.4), with the times
// of the record. Claims are those that the person agreed to release.
type Status struct {
	Scopes    []ScopeEntry `json:"scopes"`
	Claims    []string     `json:"claims"`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

// ScopeEntry is one space-separated list of scopes granted together.
type ScopeEntry struct {
	Scope string `json:"scope"`
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.Guard.Offer(w, r)
	status, err := e.status(r)
	if err != nil {
		bearer.Refuse(w, r, e.Log, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(status); err != nil {
		e.Log.DebugContext(r.Context(), "write grant", "error", err)
	}
}

func (e *Endpoint) status(r *http.Request) (*Status, error) {
	access, err := e.Guard.Check(r, Scope)
	if err != nil {
		return nil, err
	}
	id := r.PathValue("grant_id")
	unknown := oautherr.New(oautherr.NotFound, "there is no such grant of this client")
	if len(id) > maxID {
		return nil, unknown
	}
	found, err := e.Grants.Grant(r.Context(), id)
	// Another client's grant is as unknown as none: ids must not be probed for.
	if errors.Is(err, store.ErrNotFound) || (err == nil && found.ClientID != access.ClientID) {
		return nil, unknown
	}
	if err != nil {
		return nil, fmt.Errorf("query grant: %w", err)
	}
	return &Status{
		Scopes:    []ScopeEntry{{Scope: strings.Join(found.Scopes, " ")}},
		Claims:    append([]string{}, found.Allowed...), // never null
		CreatedAt: found.CreatedAt.UTC(), UpdatedAt: found.UpdatedAt.UTC(),
	}, nil
}
