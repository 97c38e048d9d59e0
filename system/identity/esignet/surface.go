// Package esignet is eSignet's REST interface on the core of this provider:
// its paths, its envelope, its steps bound by hashes, its error codes. It checks
// and decides nothing about a person or a client itself. Unlike eSignet it says
// with the HTTP status what happened, unless legacy_200 asks for eSignet's way,
// and even then a fault of ours is a 503 and never looks like a verdict.
package esignet

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/attempts"
	"tocsin/system/identity/authorize"
	"tocsin/system/identity/bearer"
	"tocsin/system/identity/clientadmin"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/login"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/session"
	"tocsin/system/identity/store"
	"tocsin/system/identity/token"
	"tocsin/system/identity/transaction"
)

// Prefix is where the interface is, below the host of the issuer.
const Prefix = "/v1/esignet"

// Requests checks authorization requests (authorize.Service).
type Requests interface {
	Begin(ctx context.Context, values url.Values, current *session.Session) (*authorize.Begun, error)
}

// Steps carries out the steps of a login (login.Service).
type Steps interface {
	View(ctx context.Context, t *transaction.Transaction) (*login.View, error)
	SendOTP(ctx context.Context, t *transaction.Transaction, individualID string) (*authenticator.Delivery, *transaction.Transaction, error)
	Authenticate(ctx context.Context, t *transaction.Transaction, factor authenticator.Factor, individualID, challenge string) (*login.Outcome, error)
	Resume(ctx context.Context, t *transaction.Transaction) (*login.Outcome, error)
	Allow(ctx context.Context, t *transaction.Transaction, ticked, scopes []string) (*login.Outcome, error)
}

// Claims says what is known of a person (authenticator.Authenticator).
type Claims interface {
	Claims(ctx context.Context, person string, names []string) (map[string]any, error)
}

// Registrations takes clients (clientadmin.Service).
type Registrations interface {
	Create(ctx context.Context, c *clients.Client) error
	Update(ctx context.Context, id string, change func(*clients.Client)) (*clients.Client, error)
}

// Guard checks access tokens (bearer.Guard).
type Guard interface {
	Offer(w http.ResponseWriter, r *http.Request)
	Check(r *http.Request, scope string) (*token.AccessClaims, error)
}

// Credentials tells which scopes ask for credentials.
type Credentials interface {
	IDs(scopes []string) []string
}

// Config is what the interface stands on.
type Config struct {
	Requests      Requests
	Steps         Steps
	Claims        Claims
	Registrations Registrations
	Guard         Guard
	Clients       clients.Store
	// Credentials may be nil: then there are none.
	Credentials Credentials
	// Volatile keeps the transactions and Attempts counts within them. Both may
	// be lost: a login is then begun again.
	Volatile store.Volatile
	Attempts attempts.Counter
	Sealer   *transaction.Sealer
	// Endpoints of the core that are served here too, as they are.
	Token, PAR, Userinfo, JWKS http.Handler
	// Metadata is the provider's document, and Issuer its address.
	Metadata []byte
	Issuer   string
	// Legacy200 answers verdicts with 200, as eSignet does.
	Legacy200 bool
	Now       func() time.Time
	Log       *slog.Logger
}

// Surface serves the interface.
type Surface struct {
	config Config
	mux    *http.ServeMux
}

// New returns the interface on config.
func New(config Config) (*Surface, error) {
	document, err := metadata(config.Metadata, config.Issuer)
	if err != nil {
		return nil, err
	}
	s := &Surface{config: config, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET "+Prefix+"/csrf/token", s.csrfToken)
	for _, version := range []string{"", "v2/", "v3/"} {
		s.step("POST", version+"oauth-details", s.oauthDetails)
		s.step("POST", version+"authenticate", s.authenticate(version != ""))
	}
	s.step("POST", "par-oauth-details", s.pushedDetails)
	s.step("POST", "send-otp", s.sendOTP)
	s.step("POST", "auth-code", s.authCode)
	s.step("GET", "claim-details", s.claimDetails)
	s.mux.Handle("POST "+Prefix+"/oauth/token", config.Token)
	s.mux.Handle("POST "+Prefix+"/oauth/v2/token", config.Token)
	s.mux.Handle("POST "+Prefix+"/oauth/par", config.PAR)
	s.mux.Handle("GET "+Prefix+"/oauth/.well-known/jwks.json", config.JWKS)
	s.mux.Handle("GET "+Prefix+"/oauth/.well-known/oauth-authorization-server", document)
	s.mux.Handle("GET "+Prefix+"/oidc/.well-known/openid-configuration", document)
	s.mux.Handle("GET "+Prefix+"/oidc/userinfo", config.Userinfo)
	for _, kind := range []string{"oidc-client", "oauth-client", "client"} {
		s.mux.HandleFunc("POST "+Prefix+"/client-mgmt/"+kind, s.createClient)
		s.mux.HandleFunc("PUT "+Prefix+"/client-mgmt/"+kind+"/{client_id}", s.updateClient)
	}
	s.mux.HandleFunc("/", s.unknown)
	return s, nil
}

// ServeHTTP implements http.Handler for all paths below Prefix.
func (s *Surface) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Surface) unknown(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, refuse(noSuchEndpoint, "there is no such endpoint"))
}

// step registers a step of the login. Those that change something are open only
// to pages that have read the CSRF cookie.
func (s *Surface) step(method, name string, do func(w http.ResponseWriter, r *http.Request) (any, error)) {
	s.mux.HandleFunc(method+" "+Prefix+"/authorization/"+name, func(w http.ResponseWriter, r *http.Request) {
		if method == http.MethodPost && !sameSite(r) {
			s.fail(w, r, refuse(invalidCSRF, "the X-XSRF-TOKEN header must hold what the XSRF-TOKEN cookie does"))
			return
		}
		response, err := do(w, r)
		s.answer(w, r, response, err)
	})
}

// answer writes a response, or what err says. A response of type []byte is JSON
// already.
func (s *Surface) answer(w http.ResponseWriter, r *http.Request, response any, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	text, encoded := response.([]byte)
	if !encoded {
		if text, err = encode(response); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	s.write(w, r, http.StatusOK, text, nil)
}

// blockedFor is the advice, in seconds, to who has no attempts left.
const blockedFor = "600"

func (s *Surface) fail(w http.ResponseWriter, r *http.Request, err error) {
	found := verdictOf(err)
	if found == nil {
		s.config.Log.WarnContext(r.Context(), "request failed for an infrastructure reason", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", oautherr.RetryAfter)
		s.write(w, r, http.StatusServiceUnavailable, nil, []reported{{string(unknownError), "the service cannot answer now; try again"}})
		return
	}
	s.config.Log.InfoContext(r.Context(), "request refused", "path", r.URL.Path, "error", found)
	status := found.reasons[0].code.status()
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", blockedFor)
	}
	// A missing CSRF token is refused in front of eSignet's own code.
	if s.config.Legacy200 && status != http.StatusForbidden {
		status = http.StatusOK
	}
	problems := make([]reported, 0, len(found.reasons))
	for _, reason := range found.reasons {
		problems = append(problems, reported{string(reason.code), reason.message})
	}
	s.write(w, r, status, nil, problems)
}

func (s *Surface) write(w http.ResponseWriter, r *http.Request, status int, response []byte, problems []reported) {
	body, err := s.wrap(response, problems)
	if err != nil {
		s.config.Log.WarnContext(r.Context(), "answer cannot be written", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.config.Log.DebugContext(r.Context(), "write answer", "error", err)
	}
}

// allowed reports whether r comes from a service with a token for scope, and
// answers if it does not.
func (s *Surface) allowed(w http.ResponseWriter, r *http.Request, scope string) bool {
	s.config.Guard.Offer(w, r)
	access, err := s.config.Guard.Check(r, scope)
	if err == nil && access.Person != "" {
		// The rights of a client, not those that a person lent it.
		err = oautherr.New(oautherr.InsufficientScope, "a token from the grant client_credentials is needed")
	}
	if err != nil {
		bearer.Refuse(w, r, s.config.Log, err)
		return false
	}
	return true
}

// isUnknown reports whether a store is sure that there is nothing.
func isUnknown(err error) bool { return errors.Is(err, store.ErrNotFound) }

var _ Registrations = (*clientadmin.Service)(nil)
