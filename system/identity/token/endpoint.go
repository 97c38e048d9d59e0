package token

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/url"

	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/dpop"
	"tocsin/system/identity/oautherr"
	"tocsin/system/internal/trace"
)

// Counter counts how logins end.
type Counter interface {
	Inc(result string, mark trace.Mark)
}

// Endpoint answers POST /token.
type Endpoint struct {
	Auth   *clientauth.Authenticator
	Proofs *dpop.Checker
	// Grants by grant_type.
	Grants map[string]Grant
	Logins Counter
	Log    *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.Proofs.Offer(w, r)
	response, err := e.Answer(r)
	if err != nil {
		oautherr.WriteJSON(w, r, e.Log, err)
		return
	}
	body, err := response.encode()
	if err != nil {
		oautherr.WriteJSON(w, r, e.Log, err)
		return
	}
	header := w.Header()
	header["Content-Type"] = []string{"application/json"}
	header["Cache-Control"] = []string{"no-store"} // RFC 6749, 5.1
	header["Pragma"] = []string{"no-cache"}
	if _, err := w.Write(body); err != nil {
		e.Log.DebugContext(r.Context(), "write token response", "error", err)
	}
}

// Answer returns the response to a token request, for every surface that has a
// token endpoint.
func (e *Endpoint) Answer(r *http.Request) (*Response, error) {
	form, err := Form(r)
	if err != nil {
		return nil, err
	}
	response, err := e.answer(r, form)
	if form.Get("grant_type") == AuthorizationCodeType {
		e.count(r.Context(), err)
	}
	return response, err
}

func (e *Endpoint) answer(r *http.Request, form url.Values) (*Response, error) {
	kind := form.Get("grant_type")
	if kind == "" {
		return nil, oautherr.New(oautherr.InvalidRequest, "grant_type is missing")
	}
	grant, supported := e.Grants[kind]
	if !supported {
		return nil, oautherr.New(oautherr.UnsupportedGrantType, "grant_type %.60q is not supported", kind)
	}
	client, err := e.client(r, form, grant)
	if err != nil {
		return nil, err
	}
	if !client.IsAnonymous() && !client.MayUse(kind) {
		return nil, oautherr.New(oautherr.UnauthorizedClient, "the client may not use grant_type %s", kind)
	}
	proof, err := e.Proofs.Check(r, "")
	if err != nil {
		return nil, err
	}
	if proof == nil && needsProof(client) { // RFC 9449, 5.2
		return nil, oautherr.New(oautherr.InvalidDPoPProof, "tokens of this client are bound to a key: a DPoP proof is needed")
	}
	return grant.Answer(r.Context(), &Request{Client: client, Proof: proof, Form: form, Attempt: rand.Text()})
}

func (e *Endpoint) client(r *http.Request, form url.Values, grant Grant) (*clientauth.Authenticated, error) {
	if anonymous, may := grant.(AnonymousGrant); may && anonymous.TakesAnonymous() && !clientauth.Names(form) {
		return clientauth.Anonymous(), nil
	}
	return e.Auth.Authenticate(r.Context(), r, form)
}

// needsProof reports whether a client gets no bearer tokens. A public client
// has only its DPoP key to show that it is still the same.
func needsProof(client *clientauth.Authenticated) bool {
	return client.RequireDPoP || (client.IsPublic() && !client.IsAnonymous())
}

func (e *Endpoint) count(ctx context.Context, err error) {
	result := "success"
	if err != nil {
		result = "refused"
		if oautherr.Verdict(err) == nil {
			result = "unavailable"
		}
	}
	e.Logins.Inc(result, trace.From(ctx))
}
