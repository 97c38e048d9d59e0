// Package introspect is token introspection (RFC 7662). That a token is not
// active is a verdict on which its bearer is turned away; what cannot be told is
// therefore 503, never active: false.
package introspect

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"tocsin/system/identity/bearer"
	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
)

// Families knows how far families of refresh tokens have come.
type Families interface {
	// Current returns the newest generation of family, 0 when none was rotated.
	Current(ctx context.Context, family string) (generation uint64, err error)
}

// Endpoint answers POST /introspect.
type Endpoint struct {
	Auth        *clientauth.Authenticator
	Ledger      *token.Ledger
	Verifier    bearer.Verifier
	Refresh     *token.RefreshSealer
	Families    Families
	Revocations bearer.Revocations
	Issuer      string
	Now         func() time.Time
	Log         *slog.Logger
}

// answer is that of RFC 7662, 2.2. Of a token that is not active nothing else
// is told.
type answer struct {
	Active    bool     `json:"active"`
	Issuer    string   `json:"iss,omitempty"`
	Audience  string   `json:"aud,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Scope     string   `json:"scope,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	Expires   int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	ID        string   `json:"jti,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"`
	ACR       string   `json:"acr,omitempty"`
	AMR       []string `json:"amr,omitempty"`
	GrantID   string   `json:"grant_id,omitempty"`

	Confirmation         *token.Confirmation         `json:"cnf,omitempty"` // RFC 9449, 6.2
	AuthorizationDetails []token.AuthorizationDetail `json:"authorization_details,omitempty"`
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, err := e.answer(r)
	var body []byte
	if err == nil {
		body, err = json.Marshal(found)
	}
	if err != nil {
		oautherr.WriteJSON(w, r, e.Log, err)
		return
	}
	header := w.Header()
	header["Content-Type"] = []string{"application/json"}
	header["Cache-Control"] = []string{"no-store"}
	if _, err := w.Write(body); err != nil {
		e.Log.DebugContext(r.Context(), "write introspection", "error", err)
	}
}

func (e *Endpoint) answer(r *http.Request) (*answer, error) {
	form, err := token.Form(r)
	if err != nil {
		return nil, err
	}
	client, err := e.Auth.Authenticate(r.Context(), r, form)
	if err != nil {
		return nil, err
	}
	if client.IsPublic() { // RFC 7662, 4: whoever guesses must not be told
		return nil, oautherr.New(oautherr.UnauthorizedClient, "a client that cannot authenticate may not introspect")
	}
	text := form.Get("token")
	if text == "" {
		return nil, oautherr.New(oautherr.InvalidRequest, "token is missing")
	}
	var found *answer
	err = e.Ledger.Once(r.Context(), rand.Text(), client.Marks, func() (err error) {
		// The two kinds differ in shape, so that no hint is needed.
		if strings.Contains(text, ".") {
			found, err = e.access(text)
			return err
		}
		found, err = e.refresh(r.Context(), text, client.ID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("introspect: %w", err)
	}
	return found, nil
}

func (e *Endpoint) access(text string) (*answer, error) {
	claims := &token.AccessClaims{}
	err := e.Verifier.Verify(text, token.AccessType, claims)
	if errors.Is(err, jws.ErrInvalid) {
		return &answer{}, nil
	}
	if err != nil {
		return nil, err
	}
	if claims.Issuer != e.Issuer || e.Now().Unix() >= claims.Expires ||
		e.Revocations.Revoked(claims.ID, claims.Family, claims.SessionID) {
		return &answer{}, nil
	}
	kind := "Bearer"
	if claims.Thumbprint() != "" {
		kind = "DPoP"
	}
	return &answer{
		Active: true, Issuer: claims.Issuer, Audience: claims.Audience, Subject: claims.Subject,
		ClientID: claims.ClientID, Scope: claims.Scope, TokenType: kind, Expires: claims.Expires,
		IssuedAt: claims.IssuedAt, ID: claims.ID, AuthTime: claims.AuthTime, ACR: claims.ACR, AMR: claims.AMR,
		GrantID: claims.GrantID, Confirmation: claims.Confirmation, AuthorizationDetails: claims.AuthorizationDetails,
	}, nil
}

// refresh tells about a refresh token of client only: it is nobody else's.
func (e *Endpoint) refresh(ctx context.Context, text, client string) (*answer, error) {
	held, err := e.Refresh.Open(text)
	if errors.Is(err, token.ErrNoRefreshToken) {
		return &answer{}, nil
	}
	if err != nil {
		return nil, err
	}
	if held.ClientID != client || e.Revocations.Revoked(held.Family, held.EndsWith()) {
		return &answer{}, nil
	}
	newest, err := e.Families.Current(ctx, held.Family)
	if err != nil {
		return nil, err
	}
	if held.Generation < newest {
		return &answer{}, nil
	}
	found := &answer{
		Active: true, Issuer: e.Issuer, ClientID: held.ClientID, Scope: strings.Join(held.Scopes, " "),
		Expires: held.Expires, AuthTime: held.AuthTime, ACR: held.ACR, AMR: held.AMR, GrantID: held.GrantID,
	}
	if held.Thumbprint != "" {
		found.Confirmation = &token.Confirmation{Thumbprint: held.Thumbprint}
	}
	return found, nil
}
