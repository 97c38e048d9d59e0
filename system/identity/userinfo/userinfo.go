// Package userinfo is the UserInfo endpoint (OpenID Connect Core, 5.3): the
// claims about a person that they allowed this client to have. The access token
// carries who and what, so that only the authenticator is asked; no store is.
package userinfo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"tocsin/system/authenticator"
	"tocsin/system/identity/bearer"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/keyset"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
)

// Claims knows what is known of people.
type Claims interface {
	Claims(ctx context.Context, person string, names []string) (map[string]any, error)
}

// Endpoint answers GET and POST /userinfo.
type Endpoint struct {
	Guard   *bearer.Guard
	Persons *token.Persons
	Claims  Claims
	Signer  token.Signer
	Issuer  string
	Log     *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.Guard.Offer(w, r)
	kind, body, err := e.Answer(r)
	if err != nil {
		bearer.Refuse(w, r, e.Log, err)
		return
	}
	header := w.Header()
	header["Content-Type"] = []string{kind}
	header["Cache-Control"] = []string{"no-store"}
	if _, err := w.Write(body); err != nil {
		e.Log.DebugContext(r.Context(), "write userinfo", "error", err)
	}
}

// Answer returns the media type and body of the answer to r: JSON, or a JWT for
// a client that registered for one.
func (e *Endpoint) Answer(r *http.Request) (kind string, body []byte, err error) {
	access, err := e.Guard.Check(r, "openid")
	if err != nil {
		return "", nil, err
	}
	released, err := e.released(r.Context(), access)
	if err != nil {
		return "", nil, err
	}
	released["sub"] = access.Subject
	if access.UserinfoAlg == "" {
		body, err = json.Marshal(released)
		if err != nil {
			return "", nil, fmt.Errorf("encode userinfo: %w", err)
		}
		return "application/json", body, nil
	}
	released["iss"], released["aud"] = e.Issuer, access.ClientID // OpenID Connect Core, 5.3.2
	signed, err := e.Signer.Sign(r.Context(), keyset.Token, access.UserinfoAlg, token.IDType, nil, released)
	if err != nil {
		return "", nil, fmt.Errorf("sign userinfo: %w", err)
	}
	return "application/jwt", []byte(signed), nil
}

func (e *Endpoint) released(ctx context.Context, access *token.AccessClaims) (map[string]any, error) {
	if access.Person == "" {
		return nil, oautherr.New(oautherr.InvalidToken, "the access token is not about a person")
	}
	if len(access.Allowed) == 0 {
		return map[string]any{}, nil
	}
	person, err := e.Persons.Open(access.Person)
	if err != nil {
		return nil, fmt.Errorf("read userinfo: %w", err)
	}
	known, err := e.Claims.Claims(ctx, person, access.Allowed)
	if errors.Is(err, authenticator.ErrUnknown) {
		return nil, oautherr.New(oautherr.InvalidToken, "the person is not known any more")
	}
	if err != nil {
		return nil, fmt.Errorf("read userinfo: %w", err)
	}
	return claim.Release(access.Allowed, known), nil
}
