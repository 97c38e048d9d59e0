package grantquery_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/system/identity/grant"
	"tocsin/system/identity/grantquery"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/store"
	"tocsin/system/identity/token"
)

// guard lets the client named in it through.
type guard struct {
	client string
	err    error
}

func (guard) Offer(http.ResponseWriter, *http.Request) {}

func (g guard) Check(_ *http.Request, scope string) (*token.AccessClaims, error) {
	if scope != grantquery.Scope {
		return nil, errors.New("the scope is not asked for")
	}
	return &token.AccessClaims{ClientID: g.client}, g.err
}

// grants has one grant of one client.
type grants struct{ err error }

var born = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (g grants) Grant(_ context.Context, id string) (*grant.Grant, error) {
	if g.err != nil {
		return nil, g.err
	}
	if id != "known" {
		return nil, store.ErrNotFound
	}
	return &grant.Grant{
		ID: id, ClientID: "c", Person: "p", Scopes: []string{"openid", "profile"}, Claims: []string{"name", "email"},
		Allowed: []string{"name"}, CreatedAt: born, UpdatedAt: born,
	}, nil
}

func TestQuery(t *testing.T) {
	for _, test := range []struct {
		name, id string
		guard    guard
		grants   grants
		status   int
	}{
		{"a grant of the client", "known", guard{client: "c"}, grants{}, http.StatusOK},
		{"another client's grant is as unknown as none", "known", guard{client: "d"}, grants{}, http.StatusNotFound},
		{"no grant", "unknown", guard{client: "c"}, grants{}, http.StatusNotFound},
		{"an id that is too long is not looked for", strings.Repeat("x", 200), guard{client: "c"}, grants{err: errors.New("asked")}, http.StatusNotFound},
		{"no token", "known", guard{err: oautherr.New(oautherr.InvalidToken, "no")}, grants{}, http.StatusUnauthorized},
		{"no database is no verdict", "known", guard{client: "c"}, grants{err: errors.New("away")}, http.StatusServiceUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle("GET /grants/{grant_id}", &grantquery.Endpoint{Guard: test.guard, Grants: test.grants, Log: slog.New(slog.DiscardHandler)})
			answer := httptest.NewRecorder()
			mux.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/grants/"+test.id, nil))
			if answer.Code != test.status {
				t.Fatalf("status %d, want %d: %s", answer.Code, test.status, answer.Body)
			}
			if test.status != http.StatusOK {
				return
			}
			want := grantquery.Status{
				Scopes: []grantquery.ScopeEntry{{Scope: "openid profile"}}, Claims: []string{"name"}, CreatedAt: born, UpdatedAt: born,
			}
			var got grantquery.Status
			if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" || answer.Header().Get("Cache-Control") != "no-store" {
				t.Error(diff, answer.Header())
			}
		})
	}
}
