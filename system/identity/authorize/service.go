package authorize

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/login"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/session"
	"tocsin/system/identity/session/hint"
	"tocsin/system/identity/transaction"
)

// RequestURIPrefix begins every request_uri that is given out (RFC 9126, 2.2).
const RequestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// Pushed opens pushed requests (package par).
type Pushed interface {
	// Open returns the parameters of a request that clientID pushed, and its id.
	// With a verdict it may return the parameters too: then they are the
	// client's, and only too old.
	Open(requestURI, clientID string) (values url.Values, id string, err error)
}

// Login finishes a login whose person is known (login.Service).
type Login interface {
	Resume(ctx context.Context, t *transaction.Transaction) (*login.Outcome, error)
}

// Revocations knows the sessions that were ended.
type Revocations interface {
	Revoked(ids ...string) bool
}

// Service checks authorization requests and starts transactions.
type Service struct {
	Clients      clients.Store
	Pushed       Pushed
	Login        Login
	Hints        hint.Verifier
	Revocations  Revocations
	Transactions *transaction.Sealer
	Keys         *secret.Keys
	Rules        Rules
	Judge        policy.Judge
	// Life is that of a transaction.
	Life time.Duration
	Now  func() time.Time
}

// Begun is an authorization request that was accepted.
type Begun struct {
	// Transaction goes on with a page: for the login when it has no session, for
	// consent otherwise. State is it, sealed.
	Transaction *transaction.Transaction
	State       string
	// Location, when not empty, answers the request at once.
	Location string
}

// Refusal is an error that the client is told at its redirect URI.
type Refusal struct {
	Location string
	Cause    error
}

func (r *Refusal) Error() string { return r.Cause.Error() }

// Unwrap returns the verdict.
func (r *Refusal) Unwrap() error { return r.Cause }

// Begin starts a transaction for a request from a browser that may have a
// session. A *Refusal has a way back to the client; every other error, verdict
// or not, must be shown to the person.
func (s *Service) Begin(ctx context.Context, values url.Values, current *session.Session) (*Begun, error) {
	r, err := s.receive(ctx, values)
	if err != nil {
		return nil, err
	}
	t, err := s.check(r)
	if err != nil {
		return nil, s.refuse(r, err)
	}
	begun, err := s.begin(ctx, r, t, current)
	if err != nil {
		return nil, s.refuse(r, err)
	}
	return begun, nil
}

// refuse makes err a refusal, if it may be one. A fault of ours is shown to the
// person, who can try again, unless there is nobody to show it to.
func (s *Service) refuse(r *received, err error) error {
	verdict := oautherr.Verdict(err)
	if verdict == nil {
		if r.values.Get("prompt") != "none" {
			return err
		}
		verdict = oautherr.New(oautherr.TemporarilyUnavailable, "the service cannot answer now; try again")
	}
	answer := url.Values{"error": {string(verdict.Kind)}, "error_description": {verdict.Description}}
	state := r.values.Get("state")
	if len(r.values["state"]) > 1 {
		state = "" // which one is not known
	}
	return &Refusal{Location: transaction.Callback(r.values.Get("redirect_uri"), state, s.Rules.Issuer, answer), Cause: err}
}

// check returns the request as a transaction.
func (s *Service) check(r *received) (*transaction.Transaction, error) {
	if r.problem != nil {
		return nil, r.problem
	}
	if r.client.RequirePAR && r.pushed == "" { // RFC 9126, 6
		return nil, oautherr.New(oautherr.InvalidRequest, "the client must push its authorization requests")
	}
	t, err := Parse(r.values, r.client, s.Rules)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	t.ID, t.Pushed = transaction.NewID(now), r.pushed
	t.Started, t.Expires = now.UTC().Truncate(time.Second), now.UTC().Add(s.Life).Truncate(time.Second)
	return t, nil
}

func (s *Service) begin(ctx context.Context, r *received, t *transaction.Transaction, current *session.Session) (*Begun, error) {
	if err := s.hint(ctx, t, r); err != nil {
		return nil, err
	}
	if s.usable(t, r.client, current) {
		t.Session = current
		outcome, err := s.Login.Resume(ctx, t)
		if err != nil {
			return nil, err
		}
		if outcome.Location != "" {
			return &Begun{Location: outcome.Location}, nil
		}
	}
	if t.Asks("none") {
		if t.Session == nil {
			return nil, oautherr.New(oautherr.LoginRequired, "the user has to log in")
		}
		return nil, oautherr.New(oautherr.ConsentRequired, "the user has to consent")
	}
	state, err := s.Transactions.Seal(t)
	if errors.Is(err, transaction.ErrTooLarge) {
		return nil, oautherr.New(oautherr.InvalidRequest, "the parameters are too large together")
	}
	if err != nil {
		return nil, err
	}
	return &Begun{Transaction: t, State: state}, nil
}

// hint reads who the request is about. A hint that nobody can read is none,
// except where it is all there is: without a page, answering for whoever happens
// to be logged in would be a guess.
func (s *Service) hint(ctx context.Context, t *transaction.Transaction, r *received) error {
	token := r.values.Get("id_token_hint")
	if token == "" {
		return nil
	}
	known, err := hint.Read(s.Hints, s.Rules.Issuer, token)
	if err == nil && known.ClientID != r.client.ID {
		err = hint.ErrNone // a subject means nothing to another client
	}
	if errors.Is(err, hint.ErrNone) {
		if t.Asks("none") {
			return oautherr.New(oautherr.LoginRequired, "%v", err)
		}
		return nil
	}
	if err := s.Judge.Err(ctx, policy.ReadHint, err); err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	if t.Subject != "" && t.Subject != known.Subject {
		return oautherr.New(oautherr.InvalidRequest, "id_token_hint and the claim sub name two persons")
	}
	t.Subject = known.Subject
	return nil
}

// usable reports whether the browser's session answers the request without
// another login.
func (s *Service) usable(t *transaction.Transaction, client *clients.Client, current *session.Session) bool {
	switch {
	case current == nil, t.Asks("login"), t.Asks("select_account"):
		return false
	case !current.Satisfies(s.Now(), t.MaxAge, t.ACRs):
		return false
	case t.Subject != "" && s.Keys.Subject(client.SectorOf(), current.Person) != t.Subject:
		return false
	}
	return !s.Revocations.Revoked(current.ID)
}

// Registered reports whether uri is a redirect URI of client: exactly (RFC
// 9700, 2.1), save for the port of an app that listens on the loopback
// interface (RFC 8252, 7.3).
func Registered(client *clients.Client, uri string) bool {
	if slices.Contains(client.RedirectURIs, uri) {
		return true
	}
	asked, ok := loopback(uri)
	if !ok || !client.IsPublic() {
		return false
	}
	return slices.ContainsFunc(client.RedirectURIs, func(registered string) bool {
		known, ok := loopback(registered)
		return ok && known == asked
	})
}

// loopback returns uri without its port when it is at a loopback address. The
// name localhost may lead elsewhere (RFC 8252, 8.3).
func loopback(uri string) (string, bool) {
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Scheme != "http" || parsed.User != nil || parsed.Fragment != "" {
		return "", false
	}
	host := parsed.Hostname()
	if host != "127.0.0.1" && host != "::1" {
		return "", false
	}
	parsed.Host = host
	return parsed.String(), true
}
