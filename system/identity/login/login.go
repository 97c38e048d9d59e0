// Package login is the steps of a login between /authorize and the code: who
// is it, what do they allow. It keeps nothing: a transaction comes in, and what
// it has become goes out. Every step may be repeated after a lost answer or a
// 503, in any zone.
package login

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/attempts"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/code"
	"tocsin/system/identity/grant"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/session"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/transaction"
)

// What may be wrong with a step; all else is an infrastructure error. Those of
// the transaction itself are transaction.ErrGone and ErrForged, too many
// attempts attempts.ErrLocked.
var (
	// ErrMismatch means that id and challenge do not belong together.
	ErrMismatch = authenticator.ErrMismatch
	// ErrNotAuthenticated means that the login step has to come first.
	ErrNotAuthenticated = errors.New("nobody has logged in yet")
	// ErrUnsupported means that this login cannot be done with that factor.
	ErrUnsupported = errors.New("factor is not offered in this login")
	// ErrLinkGone means that the link to a wallet is unknown, too old, lost or
	// used; the login itself goes on.
	ErrLinkGone = errors.New("link to the wallet is gone")
)

// Marks spends the mark of a pushed request (spent.Store).
type Marks interface {
	Spend(ctx context.Context, attempt string, marks ...spent.Mark) error
}

// Credentials knows what the credential issuer issues.
type Credentials interface {
	// IDs returns the configurations that scopes ask for.
	IDs(scopes []string) []string
	// Name returns how a configuration is called in the first of languages that
	// has a name for it.
	Name(id string, languages ...string) string
}

// Service carries out the steps.
type Service struct {
	Clients       clients.Store
	Authenticator authenticator.Authenticator
	Grants        grant.Store
	Marks         Marks
	Attempts      *attempts.Limiter
	Codes         *code.Sealer
	Keys          *secret.Keys
	// Credentials may be nil: then there are none.
	Credentials Credentials
	Judge       policy.Judge
	Issuer      string
	// Life is that of a transaction, CodeLife that of a code, SessionLife that
	// of a session.
	Life, CodeLife, SessionLife time.Duration
	Now                         func() time.Time
	Log                         *slog.Logger
}

// Outcome is where a step led.
type Outcome struct {
	// Transaction is what it has become, nil when the login is over.
	Transaction *transaction.Transaction
	// Session is new in this browser, nil when there is none.
	Session *session.Session
	// Location is at the client and ends the login; when it is empty, consent
	// is next.
	Location string
	// Code is the code in Location, "" when that tells an error.
	Code string
}

// Authenticate checks the challenge of individualID. When the person has
// already allowed what is asked, the login is finished by it.
func (s *Service) Authenticate(ctx context.Context, t *transaction.Transaction, factor authenticator.Factor, individualID, challenge string) (*Outcome, error) {
	client, err := s.client(ctx, t)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(Factors(t, client), factor) {
		return nil, ErrUnsupported
	}
	person, err := s.Identify(ctx, t.ID, factor, individualID, challenge)
	if err != nil {
		return nil, err
	}
	return s.admit(ctx, t, client, factor, person)
}

// Identify returns the person whose challenge is right. The attempt is counted
// for transaction and for the individual id before anything is looked at.
func (s *Service) Identify(ctx context.Context, transactionID string, factor authenticator.Factor, individualID, challenge string) (person string, err error) {
	if !typable(individualID) || !typable(challenge) {
		return "", ErrMismatch
	}
	attempt, err := s.Attempts.Begin(ctx, attempts.Guess, transactionID, s.Life, individualID)
	if err != nil {
		return "", fmt.Errorf("authenticate: %w", err)
	}
	person, err = s.Authenticator.Authenticate(ctx, authenticator.Attempt{
		Transaction: transactionID, IndividualID: individualID, Factor: factor, Challenge: challenge,
	})
	if errors.Is(err, authenticator.ErrMismatch) {
		return "", ErrMismatch
	}
	// Right, or nothing was learnt: either way it was no wrong guess.
	if forgetErr := attempt.Forget(context.WithoutCancel(ctx)); forgetErr != nil {
		s.Log.WarnContext(ctx, "attempt stays counted", "error", forgetErr)
	}
	if errors.Is(err, authenticator.ErrUnsupported) {
		return "", ErrUnsupported
	}
	if err := s.Judge.Err(ctx, policy.Identify, err); err != nil {
		return "", fmt.Errorf("authenticate: %w", err)
	}
	return person, nil
}

// Admit continues with a person who was identified with factor in another way:
// by their wallet.
func (s *Service) Admit(ctx context.Context, t *transaction.Transaction, factor authenticator.Factor, person string) (*Outcome, error) {
	client, err := s.client(ctx, t)
	if err != nil {
		return nil, err
	}
	return s.admit(ctx, t, client, factor, person)
}

func (s *Service) admit(ctx context.Context, t *transaction.Transaction, client *clients.Client, factor authenticator.Factor, person string) (*Outcome, error) {
	now := s.Now()
	admitted := *t
	admitted.Session = session.New(person, now, factor.ACR(), factor.Methods(), s.SessionLife)
	if t.Subject != "" && s.Keys.Subject(client.SectorOf(), person) != t.Subject {
		// The client asked for somebody else (OpenID Connect Core, 3.1.2.1). The
		// session stands all the same: this person did log in.
		return &Outcome{Session: admitted.Session, Location: s.refusal(t, "login_required", "another person has logged in")}, nil
	}
	outcome, err := s.Resume(ctx, &admitted)
	if err != nil {
		return nil, err
	}
	outcome.Session = admitted.Session
	return outcome, nil
}

// SendOTP sends a one-time code for t. The outcome's transaction knows of it.
func (s *Service) SendOTP(ctx context.Context, t *transaction.Transaction, individualID string) (*authenticator.Delivery, *transaction.Transaction, error) {
	client, err := s.client(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(Factors(t, client), authenticator.OTP) {
		return nil, nil, ErrUnsupported
	}
	if !typable(individualID) {
		return nil, nil, ErrMismatch
	}
	attempt, err := s.Attempts.Begin(ctx, attempts.Send, t.ID, s.Life, individualID)
	if err != nil {
		return nil, nil, fmt.Errorf("send one-time code: %w", err)
	}
	delivery, err := s.Authenticator.SendOTP(ctx, t.ID, individualID)
	if errors.Is(err, authenticator.ErrUnsupported) {
		return nil, nil, ErrUnsupported
	}
	if err := s.Judge.Err(ctx, policy.Identify, err); err != nil {
		if forgetErr := attempt.Forget(context.WithoutCancel(ctx)); forgetErr != nil {
			s.Log.WarnContext(ctx, "attempt stays counted", "error", forgetErr)
		}
		return nil, nil, fmt.Errorf("send one-time code: %w", err)
	}
	sent := *t
	sent.OTPSent = true
	return delivery, &sent, nil
}

// Deny returns the way back to the client without a code. Nobody needs to have
// logged in to turn away.
func (s *Service) Deny(t *transaction.Transaction) *Outcome {
	return &Outcome{Location: s.refusal(t, "access_denied", "the user said no")}
}

func (s *Service) refusal(t *transaction.Transaction, kind, description string) string {
	return t.Callback(s.Issuer, url.Values{"error": {kind}, "error_description": {description}})
}

// Allow records the consent to claims and returns the way back to the client
// with a code. It returns only after the grant is in two zones. scopes are
// those that the person permits; nil means all.
func (s *Service) Allow(ctx context.Context, t *transaction.Transaction, ticked, scopes []string) (*Outcome, error) {
	if t.Session == nil {
		return nil, ErrNotAuthenticated
	}
	client, err := s.client(ctx, t)
	if err != nil {
		return nil, err
	}
	permitted := t.Scopes
	if scopes != nil {
		permitted = slices.DeleteFunc(slices.Clone(t.Scopes), func(scope string) bool {
			return scope != "openid" && !slices.Contains(scopes, scope)
		})
	}
	requested := claim.Requested(permitted, t.Claims)
	now := s.Now()
	consent := &grant.Grant{
		// The id follows from the transaction, so repeating the step writes the
		// same grant and not a second one.
		ID:       s.Keys.Grant(t.ID, t.Session.Person),
		ClientID: t.ClientID, Person: t.Session.Person, Scopes: permitted,
		Claims: requested, Allowed: claim.Allowed(requested, ticked), CreatedAt: now, UpdatedAt: now,
	}
	if client.ConsentLife > 0 {
		consent.Expires = now.Add(time.Duration(client.ConsentLife) * time.Minute)
	}
	if err := s.Judge.Err(ctx, policy.SaveConsent, s.Grants.Save(ctx, consent)); err != nil {
		return nil, fmt.Errorf("allow: %w", err)
	}
	return s.finish(ctx, t, consent)
}

func (s *Service) client(ctx context.Context, t *transaction.Transaction) (*clients.Client, error) {
	client, err := s.Clients.Client(ctx, t.ClientID)
	if err != nil { // also when it is gone: the transaction was begun for it
		return nil, fmt.Errorf("continue login: %w", err)
	}
	return client, nil
}

// maxTyped bounds what somebody types.
const maxTyped = 128

// typable reports whether text can be an id or a challenge: what cannot is
// shown to no other system.
func typable(text string) bool {
	if text == "" || len(text) > maxTyped {
		return false
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
