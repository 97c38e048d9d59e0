// Package grantquery is the query half of Grant Management for OAuth 2.0: a
// client reads what a person allowed it. The answer comes from the database
// server that takes writes, so it can be held against an acknowledgement.
package grantquery

import (
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
)

// Scope is what a token needs to query grants.
const Scope = "grant_management_query"

// Endpoint answers GET /grants/{grant_id}.
type Endpoint struct {
	Guard  *bearer.Guard
	Grants grant.Store
	Log    *slog.Logger
}

// Status is the answer (Grant Management for OAuth 2.0, 6.4), with the times
// of the record.
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
	found, err := e.Grants.Grant(r.Context(), r.PathValue("grant_id"))
	// Another client's grant is as unknown as none: ids must not be probed for.
	if errors.Is(err, store.ErrNotFound) || (err == nil && found.ClientID != access.ClientID) {
		return nil, oautherr.New(oautherr.NotFound, "there is no such grant of this client")
	}
	if err != nil {
		return nil, fmt.Errorf("query grant: %w", err)
	}
	return &Status{
		Scopes:    []ScopeEntry{{Scope: strings.Join(found.Scopes, " ")}},
		Claims:    found.Claims,
		CreatedAt: found.CreatedAt.UTC(), UpdatedAt: found.UpdatedAt.UTC(),
	}, nil
}
