// Package logintest is a provider in memory, for tests of the packages between
// /authorize and the code: registered clients, a person, consents and marks,
// each of which can be made to fail.
package logintest

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/attempts"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/code"
	"tocsin/system/identity/grant"
	"tocsin/system/identity/login"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/session"
	"tocsin/system/identity/store"
	"tocsin/system/identity/transaction"
	"tocsin/system/identity/vci/configuration"
)

// What the site knows.
const (
	Issuer       = "https://id.example.org"
	ClientID     = "tax-office"
	RedirectURI  = "https://tax.example.org/cb"
	IndividualID = "1234567890"
	Person       = "person-1"
	Other        = "9876543210" // another individual id
	OtherPerson  = "person-2"
	PIN          = "1234"
	OTP          = "111111"
	Credential   = "national_id_sd_jwt" // id and scope of a credential
)

// ErrAway is what everything answers that is made to fail.
var ErrAway = errors.New("connection refused")

// Site is the provider.
type Site struct {
	Clients  Clients
	Grants   *Grants
	Marks    *Marks
	Persons  *Persons
	Counters *Counters
	// Credentials are those of the national identity system.
	Credentials *configuration.Set
	Keys        *secret.Keys
	Service     *login.Service

	Transactions *transaction.Sealer
	Sessions     *session.Sealer
	Codes        *code.Sealer

	mu  sync.Mutex
	now time.Time
}

// New returns a site where nobody has logged in.
func New(t testing.TB) *Site {
	t.Helper()
	s := &Site{
		Clients: Clients{ClientID: {
			ID: ClientID, Name: "Tax Office", NameByLanguage: map[string]string{"nb": "Skatteetaten"}, RedirectURIs: []string{RedirectURI},
			PostLogoutRedirectURIs: []string{"https://tax.example.org/bye"},
			Scopes:                 []string{"openid", "profile", "email", Credential}, GrantTypes: []string{"authorization_code"},
		}},
		Grants: &Grants{}, Marks: &Marks{spent: map[string]string{}}, Persons: &Persons{},
		now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC),
	}
	s.Counters = &Counters{Local: attempts.NewLocal(s.Now)}
	s.Keys = must(t, func() (*secret.Keys, error) { return secret.Derive([]byte(strings.Repeat("pepper", 8))) })
	s.Transactions = must(t, func() (*transaction.Sealer, error) { return transaction.NewSealer(s.Keys, s.Now) })
	s.Sessions = must(t, func() (*session.Sealer, error) { return session.NewSealer(s.Keys) })
	s.Codes = must(t, func() (*code.Sealer, error) { return code.NewSealer(s.Keys, s.Now) })
	s.Credentials = must(t, func() (*configuration.Set, error) {
		return configuration.NewSet(Issuer, nil, configuration.DefaultBatch, configuration.NationalID(Issuer)...)
	})
	s.Service = &login.Service{
		Clients: s.Clients, Authenticator: s.Persons, Grants: s.Grants, Marks: s.Marks,
		Attempts: attempts.New(s.Counters, policy.Judge{}, s.Now), Codes: s.Codes, Keys: s.Keys, Credentials: s.Credentials,
		Issuer: Issuer, Life: 10 * time.Minute, CodeLife: time.Minute, SessionLife: 8 * time.Hour,
		Now: s.Now, Log: slog.New(slog.DiscardHandler),
	}
	return s
}

func must[T any](t testing.TB, build func() (T, error)) T {
	t.Helper()
	made, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// Now is the site's clock.
func (s *Site) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Pass lets time pass.
func (s *Site) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// Transaction returns one that has just begun and asks for profile and email.
func (s *Site) Transaction() *transaction.Transaction {
	now := s.Now()
	return &transaction.Transaction{
		ID: transaction.NewID(now), ClientID: ClientID, RedirectURI: RedirectURI, Scopes: []string{"email", "openid", "profile"},
		State: "st", Nonce: "no", CodeChallenge: strings.Repeat("A", 43), MaxAge: -1,
		Started: now, Expires: now.Add(10 * time.Minute),
	}
}

// Consent writes down that Person allowed ClientID the claims of scopes.
func (s *Site) Consent(t testing.TB, scopes ...string) *grant.Grant {
	t.Helper()
	asked := &transaction.Transaction{Scopes: scopes}
	known := &grant.Grant{
		ID: "grant-1", ClientID: ClientID, Person: Person, Scopes: scopes,
		Claims: asked.RequestedClaims(), Allowed: asked.RequestedClaims(), CreatedAt: s.Now(),
	}
	if err := s.Grants.Save(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	return known
}

// Session returns a session of Person that began now.
func (s *Site) Session() *session.Session {
	return session.New(Person, s.Now(), authenticator.PIN.ACR(), authenticator.PIN.Methods(), 8*time.Hour)
}

// Answer returns the parameters that location brings to the client.
func Answer(t testing.TB, location string) url.Values {
	t.Helper()
	target, query, _ := strings.Cut(location, "?")
	values, err := url.ParseQuery(query)
	if err != nil || target != RedirectURI {
		t.Fatalf("location %q leads elsewhere: %v", location, err)
	}
	if values.Get("iss") != Issuer { // RFC 9207
		t.Errorf("iss is %q", values.Get("iss"))
	}
	return values
}

// Clients is a clients.Store.
type Clients map[string]*clients.Client

// Client implements clients.Store. The id "away" is one that cannot be told.
func (c Clients) Client(_ context.Context, id string) (*clients.Client, error) {
	if id == "away" {
		return nil, ErrAway
	}
	found, known := c[id]
	if !known {
		return nil, store.ErrNotFound
	}
	return found, nil
}
