package par

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"time"

	"tocsin/system/identity/authorize"
	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/dpop"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/transaction"
)

// maxBody bounds a request, in bytes: an assertion and the parameters.
const maxBody = 32 << 10

// Authenticator authenticates clients (clientauth.Authenticator).
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request, form url.Values) (*clientauth.Authenticated, error)
}

// Proofs checks DPoP proofs (dpop.Checker).
type Proofs interface {
	Check(r *http.Request, accessToken string) (*dpop.Proof, error)
	Offer(w http.ResponseWriter, r *http.Request)
}

// Marks marks assertions and proofs as used (spent.Store).
type Marks interface {
	Spend(ctx context.Context, attempt string, marks ...spent.Mark) error
}

// Endpoint answers POST /par.
type Endpoint struct {
	Auth     Authenticator
	Proofs   Proofs
	Marks    Marks
	Requests *Requests
	Rules    authorize.Rules
	Log      *slog.Logger
}

// response is that of RFC 9126, 2.2.
type response struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int    `json:"expires_in"`
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost { // RFC 9126, 2.3
		w.Header().Set("Allow", http.MethodPost)
		oautherr.WriteStatus(w, r, e.Log, oautherr.New(oautherr.InvalidRequest, "push requests with POST"), http.StatusMethodNotAllowed)
		return
	}
	e.Proofs.Offer(w, r)
	uri, err := e.push(w, r)
	if err != nil {
		oautherr.WriteJSON(w, r, e.Log, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	answer := response{RequestURI: uri, ExpiresIn: int(transaction.PushedLife / time.Second)}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		e.Log.DebugContext(r.Context(), "write answer", "error", err)
	}
}

func (e *Endpoint) push(w http.ResponseWriter, r *http.Request) (string, error) {
	form, err := form(w, r)
	if err != nil {
		return "", err
	}
	client, err := e.Auth.Authenticate(r.Context(), r, form)
	if err != nil {
		return "", err
	}
	marks := client.Marks
	values := request(form, client.ID)
	proof, err := e.Proofs.Check(r, "")
	if err != nil {
		return "", err
	}
	if proof != nil {
		if err := bind(values, proof.Thumbprint); err != nil {
			return "", err
		}
		marks = append(marks, proof.Mark)
	}
	if err := check(values, client.Client, e.Rules); err != nil {
		return "", err
	}
	// Sealed first: after the marks are spent, nothing can go wrong any more.
	uri, err := e.Requests.Seal(client.ID, values)
	if err != nil {
		return "", err
	}
	return uri, e.spend(r.Context(), marks)
}

// form reads the parameters (RFC 9126, 2.1).
func form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, oautherr.New(oautherr.InvalidRequest, "Content-Type must be application/x-www-form-urlencoded")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, oautherr.New(oautherr.InvalidRequest, "the parameters cannot be read")
	}
	for _, name := range []string{"client_id", "client_assertion", "client_assertion_type"} {
		if len(r.PostForm[name]) > 1 { // RFC 6749, 3.2
			return nil, oautherr.New(oautherr.InvalidRequest, "parameter %s is given more than once", name)
		}
	}
	return r.PostForm, nil
}

// request returns form without what was for the client's authentication.
func request(form url.Values, clientID string) url.Values {
	values := make(url.Values, len(form))
	for name, all := range form {
		if name != "client_assertion" && name != "client_assertion_type" {
			values[name] = all
		}
	}
	values.Set("client_id", clientID)
	return values
}

// bind makes the code good only for the key of the proof (RFC 9449, 10.1).
func bind(values url.Values, thumbprint string) error {
	if !values.Has("dpop_jkt") {
		values.Set("dpop_jkt", thumbprint)
		return nil
	}
	if values.Get("dpop_jkt") != thumbprint {
		return oautherr.New(oautherr.InvalidDPoPProof, "dpop_jkt is not the key of the proof")
	}
	return nil
}

// check applies what /authorize will, so that the client hears of it here.
func check(values url.Values, client *clients.Client, rules authorize.Rules) error {
	if values.Has("request_uri") { // RFC 9126, 2.1
		return oautherr.New(oautherr.InvalidRequest, "a pushed request must not have a request_uri")
	}
	if _, err := authorize.Parse(values, client, rules); err != nil {
		return err
	}
	redirect := values.Get("redirect_uri")
	if redirect == "" {
		return oautherr.New(oautherr.InvalidRequest, "redirect_uri is missing")
	}
	if !authorize.Registered(client, redirect) {
		return oautherr.New(oautherr.InvalidRequest, "redirect_uri is not registered for this client")
	}
	return nil
}

// spend marks assertion and proof as used, both or none. A request whose answer
// is lost is pushed again with new ones.
func (e *Endpoint) spend(ctx context.Context, marks []spent.Mark) error {
	if len(marks) == 0 {
		return nil
	}
	err := e.Marks.Spend(ctx, rand.Text(), marks...)
	if mark, consumed := spent.Consumed(err); consumed {
		if mark.Kind == spent.Proof {
			return oautherr.New(oautherr.InvalidDPoPProof, "the proof was used before: jti is known")
		}
		return oautherr.New(oautherr.InvalidClient, "client_assertion was used before: jti is known")
	}
	if err != nil {
		return fmt.Errorf("push request: %w", err)
	}
	return nil
}
