package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"tocsin/system/authenticator"
	"tocsin/system/identity/attempts"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/session"
	"tocsin/system/identity/transaction"
	"tocsin/system/internal/trace"
)

// maxBody bounds a request of the pages, in bytes.
const maxBody = 32 << 10

// Next is where the browser goes after a step.
type Next struct {
	// State is the new value of the transaction's cookie; with a Location it is
	// empty, and the cookie stays for a step whose answer was lost.
	State string `json:"state,omitempty"`
	// Session is the new value of the session cookie, empty when it stays.
	Session string `json:"session,omitempty"`
	// Location is at the client; empty means that consent is next, or, with
	// Pending, that the wallet has not answered.
	Location string `json:"location,omitempty"`
	Pending  bool   `json:"pending,omitempty"`
}

// Problem is the body of an answer that is no success.
type Problem struct {
	// Error is one of gone, forged, mismatch, locked, not_authenticated,
	// unsupported, link_gone, invalid and unavailable.
	Error string `json:"error"`
	// Back leads to the client when the transaction is gone; may be empty.
	Back string `json:"back,omitempty"`
	// RetryAfter is in seconds, only with unavailable.
	RetryAfter int `json:"retry_after,omitempty"`
}

// API is the internal interface for the UI component: JSON over POST, with the
// value of the transaction's cookie as state.
//
//	/login/view      {state}                          -> View
//	/login/pin       {state, individual_id, pin}      -> Next
//	/login/otp/send  {state, individual_id}           -> {state, masked_email, masked_phone}
//	/login/otp       {state, individual_id, otp}      -> Next
//	/login/consent   {state, decision, claims}        -> Next
type API struct {
	Service      *Service
	Transactions *transaction.Sealer
	Sessions     *session.Sealer
	Logins       Counter
	Log          *slog.Logger
}

// Input is the body of every request; each step reads what it needs.
type Input struct {
	State        string   `json:"state"`
	IndividualID string   `json:"individual_id"`
	PIN          string   `json:"pin"`
	OTP          string   `json:"otp"`
	LinkCode     string   `json:"link_code"`
	Decision     string   `json:"decision"`
	Claims       []string `json:"claims"`
}

// Handler returns the steps of this package.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /login/view", a.Step(a.view))
	mux.Handle("POST /login/pin", a.Step(func(ctx context.Context, t *transaction.Transaction, in *Input) (any, error) {
		return a.authenticate(ctx, t, authenticator.PIN, in.IndividualID, in.PIN)
	}))
	mux.Handle("POST /login/otp", a.Step(func(ctx context.Context, t *transaction.Transaction, in *Input) (any, error) {
		return a.authenticate(ctx, t, authenticator.OTP, in.IndividualID, in.OTP)
	}))
	mux.Handle("POST /login/otp/send", a.Step(a.sendOTP))
	mux.Handle("POST /login/consent", a.Step(a.consent))
	return mux
}

// Step returns the handler of a step within a transaction.
func (a *API) Step(do func(context.Context, *transaction.Transaction, *Input) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		input, err := Read(w, r)
		if err != nil {
			a.Answer(w, r, nil, nil, err)
			return
		}
		t, err := a.Transactions.Open(input.State)
		if err != nil {
			a.Answer(w, r, t, nil, err)
			return
		}
		result, err := do(r.Context(), t, input)
		a.Answer(w, r, t, result, err)
	})
}

// Read decodes the body of a request of the pages.
func Read(w http.ResponseWriter, r *http.Request) (*Input, error) {
	input := &Input{}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(input); err != nil {
		return nil, fmt.Errorf("%w: %w", errInvalid, err)
	}
	return input, nil
}

func (a *API) view(ctx context.Context, t *transaction.Transaction, _ *Input) (any, error) {
	return a.Service.View(ctx, t)
}

func (a *API) authenticate(ctx context.Context, t *transaction.Transaction, factor authenticator.Factor, individualID, challenge string) (any, error) {
	outcome, err := a.Service.Authenticate(ctx, t, factor, individualID, challenge)
	if err != nil {
		return nil, err
	}
	return a.Next(outcome)
}

func (a *API) sendOTP(ctx context.Context, t *transaction.Transaction, in *Input) (any, error) {
	delivery, sent, err := a.Service.SendOTP(ctx, t, in.IndividualID)
	if err != nil {
		return nil, err
	}
	state, err := a.Transactions.Seal(sent)
	if err != nil {
		return nil, err
	}
	return struct {
		State string `json:"state"`
		*authenticator.Delivery
	}{state, delivery}, nil
}

func (a *API) consent(ctx context.Context, t *transaction.Transaction, in *Input) (any, error) {
	var outcome *Outcome
	switch in.Decision {
	case "allow":
		var err error
		outcome, err = a.Service.Allow(ctx, t, in.Claims, nil)
		if err != nil {
			return nil, err
		}
	case "deny":
		outcome = a.Service.Deny(t)
		a.Logins.Inc("denied", trace.From(ctx))
	default:
		return nil, errInvalid
	}
	return a.Next(outcome)
}

// Next seals an outcome for the browser.
func (a *API) Next(outcome *Outcome) (next *Next, err error) {
	next = &Next{Location: outcome.Location}
	if outcome.Session != nil {
		next.Session, err = a.Sessions.Seal(outcome.Session)
		if err != nil {
			return nil, err
		}
	}
	if outcome.Transaction != nil {
		next.State, err = a.Transactions.Seal(outcome.Transaction)
		if err != nil {
			return nil, err
		}
	}
	return next, nil
}

// errInvalid means that the UI component sent what it never should.
var errInvalid = errors.New("request of the pages is not understood")

func problemOf(err error) (name string, status int) {
	for _, known := range []struct {
		err    error
		name   string
		status int
	}{
		{transaction.ErrGone, "gone", http.StatusGone},
		{transaction.ErrForged, "forged", http.StatusForbidden},
		{ErrMismatch, "mismatch", http.StatusUnprocessableEntity},
		{attempts.ErrLocked, "locked", http.StatusLocked},
		{ErrNotAuthenticated, "not_authenticated", http.StatusConflict},
		{ErrUnsupported, "unsupported", http.StatusNotFound},
		{ErrLinkGone, "link_gone", http.StatusGone},
		{transaction.ErrTooLarge, "invalid", http.StatusBadRequest},
		{errInvalid, "invalid", http.StatusBadRequest},
	} {
		if errors.Is(err, known.err) {
			return known.name, known.status
		}
	}
	return "unavailable", http.StatusServiceUnavailable
}

// endsOrHinders reports whether a problem says something of a login, and not of
// how the pages were used.
func endsOrHinders(problem string) bool {
	return problem != "not_authenticated" && problem != "invalid" && problem != "link_gone"
}

// Answer writes the result of a step or what err says. t may be nil.
func (a *API) Answer(w http.ResponseWriter, r *http.Request, t *transaction.Transaction, result any, err error) {
	status := http.StatusOK
	if err != nil {
		var problem Problem
		problem.Error, status = problemOf(err)
		switch status {
		case http.StatusServiceUnavailable:
			w.Header().Set("Retry-After", oautherr.RetryAfter)
			problem.RetryAfter = 1
			a.Log.WarnContext(r.Context(), "login step failed for an infrastructure reason", "path", r.URL.Path, "error", err)
		case http.StatusGone:
			if t != nil {
				problem.Back = t.Back(a.Service.Issuer)
			}
		}
		if endsOrHinders(problem.Error) {
			a.Logins.Inc(problem.Error, trace.From(r.Context()))
		}
		result = problem
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(result); err != nil {
		a.Log.DebugContext(r.Context(), "write answer", "error", err)
	}
}
