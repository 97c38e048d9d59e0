package token

import (
	"context"
	"encoding/json"
	"log/slog"
	"mime"
	"net/http"
	"net/url"

	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/login"
	"tocsin/system/identity/oautherr"
	"tocsin/system/internal/trace"
)

// Response is that of RFC 6749, 5.1, with id_token (OpenID Connect Core,
// 3.1.3.3) and grant_id (Grant Management for OAuth 2.0, 5.2).
type Response struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope,omitempty"`
	IDToken     string `json:"id_token,omitempty"`
	GrantID     string `json:"grant_id,omitempty"`
}

// Grant answers the requests of one grant type of an authenticated client.
type Grant interface {
	Answer(ctx context.Context, client *clientauth.Authenticated, form url.Values) (*Response, error)
}

// Endpoint answers POST /token.
type Endpoint struct {
	Auth *clientauth.Authenticator
	// Grants by grant_type.
	Grants map[string]Grant
	Logins login.Counter
	Log    *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	form, err := Form(r)
	var response *Response
	if err == nil {
		response, err = e.answer(r.Context(), form)
	}
	if form.Get("grant_type") == "authorization_code" {
		e.count(r.Context(), err)
	}
	if err != nil {
		oautherr.WriteJSON(w, r, e.Log, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(response); err != nil {
		e.Log.DebugContext(r.Context(), "write token response", "error", err)
	}
}

// Form reads the parameters of a token request. They must be in the body, and
// none twice (RFC 6749, 3.2).
func Form(r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, oautherr.New(oautherr.InvalidRequest, "the body must be application/x-www-form-urlencoded")
	}
	if err := r.ParseForm(); err != nil {
		return nil, oautherr.New(oautherr.InvalidRequest, "the form cannot be read")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, oautherr.New(oautherr.InvalidRequest, "parameter %.40q is given more than once", name)
		}
	}
	return r.PostForm, nil
}

func (e *Endpoint) answer(ctx context.Context, form url.Values) (*Response, error) {
	kind := form.Get("grant_type")
	if kind == "" {
		return nil, oautherr.New(oautherr.InvalidRequest, "grant_type is missing")
	}
	grant, supported := e.Grants[kind]
	if !supported {
		return nil, oautherr.New(oautherr.UnsupportedGrantType, "grant_type %.60q is not supported", kind)
	}
	client, err := e.Auth.Authenticate(ctx, form)
	if err != nil {
		return nil, err
	}
	if !client.MayUse(kind) {
		return nil, oautherr.New(oautherr.UnauthorizedClient, "the client may not use grant_type %s", kind)
	}
	response, err := grant.Answer(ctx, client, form)
	if err != nil && oautherr.Verdict(err) == nil {
		if forgiveErr := client.Forgive(context.WithoutCancel(ctx)); forgiveErr != nil {
			e.Log.WarnContext(ctx, "assertion stays marked as used", "error", forgiveErr)
		}
	}
	return response, err
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
