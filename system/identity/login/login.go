// Package login is the steps of a login between /authorize and the code: who
// is it, what do they allow. The UI component drives it through the internal
// listener. Every step may be repeated after a lost answer or a 503 and then
// gives the same result.
package login

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/system/identity/claim"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/code"
	"tocsin/system/identity/grant"
	"tocsin/system/identity/person"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/store"
	"tocsin/system/identity/transaction"
)

// maxAttempts is how many PINs may be tried in one transaction.
const maxAttempts = 5

// What may be wrong with a step; all else is an infrastructure error.
var (
	// ErrGone means that the transaction expired, was lost, or is finished.
	ErrGone = errors.New("login transaction is gone")
	// ErrForeign means that another browser began the transaction.
	ErrForeign = errors.New("login transaction belongs to another browser")
	// ErrWrongPIN means that id and PIN do not belong together.
	ErrWrongPIN = errors.New("individual id and PIN do not match")
	// ErrLocked means that too many PINs were tried.
	ErrLocked = errors.New("too many attempts in this login")
	// ErrNotAuthenticated means that the login step has to come first.
	ErrNotAuthenticated = errors.New("nobody has logged in yet")
)

// Service carries out the steps.
type Service struct {
	Transactions transaction.Store
	Clients      clients.Store
	Persons      *person.Directory
	Grants       grant.Store
	Codes        code.Store
	Keys         *secret.Keys
	Issuer       string
	// Life is that of a transaction, CodeLife that of a code.
	Life, CodeLife time.Duration
	Now            func() time.Time
	Log            *slog.Logger
}

// View is what a page shows of a transaction.
type View struct {
	ClientName    string   `json:"client_name"`
	Scopes        []string `json:"scopes"`
	Claims        []string `json:"claims"`
	Locales       []string `json:"locales,omitempty"`
	Authenticated bool     `json:"authenticated"`
	// RedirectOrigin is where the browser goes in the end; the page's content
	// security policy has to allow it.
	RedirectOrigin string `json:"redirect_origin"`
}

// Next is where the browser goes after a step.
type Next struct {
	// Location is at the client; empty means that consent is next.
	Location string `json:"location,omitempty"`
}

// View returns what pages show of transaction id to the browser with binder.
func (s *Service) View(ctx context.Context, id, binder string) (*View, error) {
	t, err := s.open(ctx, id, binder)
	if err != nil {
		return nil, err
	}
	client, err := s.Clients.Client(ctx, t.ClientID)
	if err != nil {
		return nil, fmt.Errorf("view login: %w", err)
	}
	return &View{
		ClientName: client.Name, Scopes: t.Scopes, Claims: claim.Requested(t.Scopes), Locales: t.Locales,
		Authenticated: t.Subject != "", RedirectOrigin: origin(t.RedirectURI),
	}, nil
}

// Authenticate checks the PIN of individualID. When the person has already
// allowed what is asked, the login is finished by it.
func (s *Service) Authenticate(ctx context.Context, id, binder, individualID, pin string) (*Next, error) {
	t, err := s.open(ctx, id, binder)
	if err != nil {
		return nil, err
	}
	check, err := s.Persons.Check(ctx, individualID)
	if err != nil {
		return nil, err
	}
	who, err := s.attempt(ctx, id, check, pin)
	if err != nil {
		return nil, err
	}
	if t.Subject != who.Subject {
		t.Subject, t.AuthTime, t.Issued = who.Subject, s.Now().Truncate(time.Second), time.Time{}
	}
	known, err := s.knownConsent(ctx, t)
	if err != nil {
		return nil, err
	}
	if known != nil {
		return s.finish(ctx, id, t, known)
	}
	if err := s.update(ctx, id, t); err != nil {
		return nil, err
	}
	return &Next{}, nil
}

// attempt counts before it looks, so that guesses made in parallel count too.
func (s *Service) attempt(ctx context.Context, id string, check func(string) (*person.Person, bool), pin string) (*person.Person, error) {
	attempts, err := s.Transactions.CountAttempt(ctx, id, s.Life)
	if err != nil {
		return nil, err
	}
	if attempts > maxAttempts {
		return nil, ErrLocked
	}
	who, right := check(pin)
	if !right {
		return nil, ErrWrongPIN
	}
	if err := s.Transactions.ForgetAttempt(ctx, id); err != nil {
		// One attempt less is left; that is no reason to refuse a right PIN.
		s.Log.WarnContext(ctx, "attempt stays counted", "error", err)
	}
	return who, nil
}

func (s *Service) knownConsent(ctx context.Context, t *transaction.Transaction) (*grant.Grant, error) {
	if t.PromptConsent {
		return nil, nil
	}
	known, err := s.Grants.Latest(ctx, t.ClientID, t.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for consent: %w", err)
	}
	if !known.Covers(t.Scopes) {
		return nil, nil
	}
	return known, nil
}

// Allow records the consent to claims and returns the way back to the client
// with a code. It returns only after the grant is in two zones.
func (s *Service) Allow(ctx context.Context, id, binder string, claims []string) (*Next, error) {
	t, err := s.authenticated(ctx, id, binder)
	if err != nil {
		return nil, err
	}
	allowed := []string{}
	for _, name := range claim.Requested(t.Scopes) {
		if slices.Contains(claims, name) {
			allowed = append(allowed, name)
		}
	}
	// The id follows from the transaction, so repeating the step writes the
	// same grant and not a second one.
	consent := &grant.Grant{
		ID:       s.Keys.Grant(id, t.Subject),
		ClientID: t.ClientID, Subject: t.Subject, Scopes: t.Scopes, Claims: allowed,
	}
	if err := s.Grants.Save(ctx, consent); err != nil {
		return nil, err
	}
	return s.finish(ctx, id, t, consent)
}

// Deny returns the way back to the client without a code.
func (s *Service) Deny(ctx context.Context, id, binder string) (*Next, error) {
	t, err := s.authenticated(ctx, id, binder)
	if err != nil {
		return nil, err
	}
	answer := url.Values{"error": {"access_denied"}, "error_description": {"the user said no"}}
	return &Next{Location: t.Callback(s.Issuer, answer)}, nil
}

// finish issues the code. Code and expiry follow from the transaction and the
// moment of the first promise, which is written down before the code is: so a
// repeated step yields the same code while that lives, and never after.
func (s *Service) finish(ctx context.Context, id string, t *transaction.Transaction, under *grant.Grant) (*Next, error) {
	now := s.Now()
	if t.Issued.IsZero() {
		t.Issued = now.Truncate(time.Millisecond)
		if err := s.update(ctx, id, t); err != nil {
			return nil, err
		}
	}
	expires := t.Issued.Add(s.CodeLife)
	if now.After(expires) {
		return nil, ErrGone
	}
	issued := strconv.FormatInt(t.Issued.UnixMilli(), 10)
	plain := s.Keys.Code(id, issued, t.Subject, under.ID, strings.Join(under.Claims, " "))
	err := s.Codes.Put(ctx, plain, &code.Code{
		ClientID: t.ClientID, RedirectURI: t.RedirectURI, Subject: t.Subject, Scopes: t.Scopes,
		Claims: under.Claims, Nonce: t.Nonce, CodeChallenge: t.CodeChallenge, GrantID: under.ID,
		AuthTime: t.AuthTime, Expires: expires,
	})
	if err != nil {
		return nil, err
	}
	return &Next{Location: t.Callback(s.Issuer, url.Values{"code": {plain}})}, nil
}

func (s *Service) open(ctx context.Context, id, binder string) (*transaction.Transaction, error) {
	t, err := s.Transactions.Transaction(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, err
	}
	if !t.BoundTo(binder) {
		return nil, ErrForeign
	}
	return t, nil
}

func (s *Service) authenticated(ctx context.Context, id, binder string) (*transaction.Transaction, error) {
	t, err := s.open(ctx, id, binder)
	if err != nil {
		return nil, err
	}
	if t.Subject == "" {
		return nil, ErrNotAuthenticated
	}
	return t, nil
}

func (s *Service) update(ctx context.Context, id string, t *transaction.Transaction) error {
	err := s.Transactions.Update(ctx, id, t)
	if errors.Is(err, store.ErrNotFound) {
		return ErrGone
	}
	return err
}

// origin returns scheme and host of a redirect URI; of an app's private scheme
// the scheme alone.
func origin(uri string) string {
	parsed, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	if parsed.Host == "" {
		return parsed.Scheme + ":"
	}
	return parsed.Scheme + "://" + parsed.Host
}
