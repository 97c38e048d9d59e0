package login

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/transaction"
	"tocsin/system/internal/trace"
)

// Headers that carry the browser's cookies from the UI component.
const (
	BinderHeader = "Login-Binder"
	BackHeader   = "Login-Back"
)

// Problem is the body of an answer that is no success.
type Problem struct {
	// Error is one of gone, foreign, wrong_pin, locked, not_authenticated,
	// invalid and unavailable.
	Error string `json:"error"`
	// Back leads to the client when the transaction is gone; may be empty.
	Back string `json:"back,omitempty"`
}

// Counter counts how logins end.
type Counter interface {
	Inc(result string, mark trace.Mark)
}

// Logins is the metric logins_total{result,synthetic}.
type Logins struct{ total *prometheus.CounterVec }

// NewLogins registers the metric under namespace.
func NewLogins(namespace string, registry prometheus.Registerer) *Logins {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "logins_total",
		Help: "Logins by how they ended: success is a token response; denied, wrong_pin, locked, gone, foreign and refused are verdicts; unavailable is our fault.",
	}, []string{"result", "synthetic"})
	registry.MustRegister(total)
	for _, result := range []string{"success", "unavailable"} {
		for _, synthetic := range []string{"true", "false"} {
			total.WithLabelValues(result, synthetic) // a rate needs the zero before the first
		}
	}
	return &Logins{total: total}
}

// Inc implements Counter.
func (l *Logins) Inc(result string, mark trace.Mark) {
	l.total.WithLabelValues(result, mark.Synthetic()).Inc()
}

// Handler is the internal API:
//
//	GET  /login-transactions/{tx}          View
//	POST /login-transactions/{tx}/login    {"individual_id","pin"} -> Next
//	POST /login-transactions/{tx}/consent  {"decision":"allow"|"deny","claims":[]} -> Next
func Handler(s *Service, logins Counter) http.Handler {
	a := &api{Service: s, logins: logins, log: s.Log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login-transactions/{tx}", a.view)
	mux.HandleFunc("POST /login-transactions/{tx}/login", a.login)
	mux.HandleFunc("POST /login-transactions/{tx}/consent", a.consent)
	return mux
}

type api struct {
	*Service
	logins Counter
	log    *slog.Logger
}

func (a *api) view(w http.ResponseWriter, r *http.Request) {
	view, err := a.View(r.Context(), r.PathValue("tx"), r.Header.Get(BinderHeader))
	a.answer(w, r, view, err)
}

func (a *api) login(w http.ResponseWriter, r *http.Request) {
	var input struct {
		IndividualID string `json:"individual_id"`
		PIN          string `json:"pin"`
	}
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
		a.answer(w, r, nil, errInvalid)
		return
	}
	next, err := a.Authenticate(r.Context(), r.PathValue("tx"), r.Header.Get(BinderHeader), input.IndividualID, input.PIN)
	a.answer(w, r, next, err)
}

func (a *api) consent(w http.ResponseWriter, r *http.Request) {
	var input struct {
		Decision string   `json:"decision"`
		Claims   []string `json:"claims"`
	}
	err := json.NewDecoder(r.Body).Decode(&input)
	if err != nil || (input.Decision != "allow" && input.Decision != "deny") {
		a.answer(w, r, nil, errInvalid)
		return
	}
	next, err := a.decide(r.Context(), r, input.Decision, input.Claims)
	a.answer(w, r, next, err)
}

func (a *api) decide(ctx context.Context, r *http.Request, decision string, claims []string) (*Next, error) {
	id, binder := r.PathValue("tx"), r.Header.Get(BinderHeader)
	if decision == "allow" {
		return a.Allow(ctx, id, binder, claims)
	}
	next, err := a.Deny(ctx, id, binder)
	if err == nil {
		a.logins.Inc("denied", trace.From(ctx))
	}
	return next, err
}

// errInvalid means that the UI component sent what it never should.
var errInvalid = errors.New("request of the pages is not understood")

func problemOf(err error) (name string, status int) {
	for _, known := range []struct {
		err    error
		name   string
		status int
	}{
		{ErrGone, "gone", http.StatusGone},
		{ErrForeign, "foreign", http.StatusForbidden},
		{ErrWrongPIN, "wrong_pin", http.StatusUnprocessableEntity},
		{ErrLocked, "locked", http.StatusLocked},
		{ErrNotAuthenticated, "not_authenticated", http.StatusConflict},
		{errInvalid, "invalid", http.StatusBadRequest},
	} {
		if errors.Is(err, known.err) {
			return known.name, known.status
		}
	}
	return "unavailable", http.StatusServiceUnavailable
}

func (a *api) answer(w http.ResponseWriter, r *http.Request, result any, err error) {
	status := http.StatusOK
	if err != nil {
		var name string
		name, status = problemOf(err)
		problem := Problem{Error: name}
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", oautherr.RetryAfter)
			a.log.WarnContext(r.Context(), "login step failed for an infrastructure reason", "error", err)
		}
		if errors.Is(err, ErrGone) {
			problem.Back = transaction.OpenBack(a.Keys, r.PathValue("tx"), r.Header.Get(BackHeader))
		}
		if name != "not_authenticated" && name != "invalid" {
			a.logins.Inc(name, trace.From(r.Context()))
		}
		result = problem
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(result); err != nil {
		a.log.DebugContext(r.Context(), "write answer", "error", err)
	}
}
