// Package logout ends sessions at the wish of a client (OpenID Connect
// RP-Initiated Logout 1.0). A client that shows an ID token of the person is
// believed; otherwise the person is asked, on a page of the UI component. "You
// are signed out" is said only when every zone will hear of it.
package logout

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"tocsin/system/identity/authorize"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/session"
	"tocsin/system/identity/session/hint"
	"tocsin/system/internal/trace"
	"tocsin/system/page"
)

// askFor is how long the question to the person can be answered.
const askFor = 10 * time.Minute

// Revoker ends sessions (spent.Revocations).
type Revoker interface {
	Revoke(ctx context.Context, id string, life time.Duration) error
}

// Config configures an Endpoint.
type Config struct {
	Clients  clients.Store
	Hints    hint.Verifier
	Sessions *session.Sealer
	Revoker  Revoker
	Keys     *secret.Keys
	Judge    policy.Judge
	Pages    authorize.Pages
	Issuer   string
	// UIPath is the path below which the pages are.
	UIPath string
	// Life is how long anything may live that names a session.
	Life time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// Endpoint answers GET and POST /logout.
type Endpoint struct {
	config Config
	box    *secret.Box
}

// New returns an endpoint.
func New(config Config) (*Endpoint, error) {
	box, err := config.Keys.Box("logout")
	if err != nil {
		return nil, err
	}
	return &Endpoint{config: config, box: box}, nil
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	values, err := authorize.Parameters(w, r)
	if err != nil {
		e.page(w, r, values, err)
		return
	}
	location, err := e.answer(w, r, values)
	if err != nil {
		e.page(w, r, values, err)
		return
	}
	w.Header().Set("Location", location)
	w.Header().Set("Referrer-Policy", "no-referrer") // the address has the id_token_hint
	w.WriteHeader(http.StatusSeeOther)
}

// answer returns where the browser goes.
func (e *Endpoint) answer(w http.ResponseWriter, r *http.Request, values url.Values) (string, error) {
	asked, err := e.read(r.Context(), values)
	if err != nil {
		return "", err
	}
	current := e.config.Sessions.Of(r)
	if !e.believed(asked, current) {
		sealed, err := e.box.Seal(asked)
		if err != nil {
			return "", err
		}
		return e.config.UIPath + "/logout?request=" + sealed, nil
	}
	if err := e.end(r.Context(), current, asked.hint.SessionID); err != nil {
		return "", err
	}
	http.SetCookie(w, session.Forget())
	if asked.Location == "" {
		return e.config.UIPath + "/logout?done=1", nil
	}
	return asked.Location, nil
}

// believed reports whether the request needs no question: its hint is about the
// person who is logged in here, or nobody is.
func (e *Endpoint) believed(asked *request, current *session.Session) bool {
	if asked.hint == nil {
		return false
	}
	return current == nil || e.config.Keys.Subject(asked.sector, current.Person) == asked.hint.Subject
}

// end revokes the browser's session and the one named by a hint, which differ
// when the browser did not send its cookie.
func (e *Endpoint) end(ctx context.Context, current *session.Session, hinted string) error {
	ids := make([]string, 0, 2)
	if current != nil {
		ids = append(ids, current.ID)
	}
	if hinted != "" && (current == nil || hinted != current.ID) {
		ids = append(ids, hinted)
	}
	for _, id := range ids {
		if err := e.config.Judge.Err(ctx, policy.EndSession, e.config.Revoker.Revoke(ctx, id, e.config.Life)); err != nil {
			return err
		}
	}
	return nil
}

// page tells the user what is wrong. Nothing is ever told to an address that
// came with the request.
func (e *Endpoint) page(w http.ResponseWriter, r *http.Request, values url.Values, err error) {
	oautherr.Log(r, e.config.Log, err)
	failure := page.Failure{Kind: page.Unavailable, Trace: trace.From(r.Context()).TraceID}
	if verdict := oautherr.Verdict(err); verdict != nil {
		failure.Kind, failure.Detail = page.BadRequest, verdict.Error()
	} else {
		w.Header().Set("Retry-After", oautherr.RetryAfter)
	}
	e.config.Pages.Error(w, oautherr.Status(err), values.Get("ui_locales"), failure)
}
