// Package revoke is token revocation (RFC 7009). The answer 200 means that a
// quorum of zones knows, and so does every zone a moment later.
package revoke

import (
	"context"
	"crypto/rand"
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

// skew is how much longer a revocation is remembered than the token is good
// for: the clocks of zones differ.
const skew = 30 * time.Second

// Revocations ends tokens before their time.
type Revocations interface {
	Revoke(ctx context.Context, id string, life time.Duration) error
}

// Endpoint answers POST /revoke.
type Endpoint struct {
	Auth        *clientauth.Authenticator
	Ledger      *token.Ledger
	Verifier    bearer.Verifier
	Refresh     *token.RefreshSealer
	Revocations Revocations
	// AccessLife is how long the access tokens of a family may outlive it.
	AccessLife time.Duration
	Now        func() time.Time
	Log        *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := e.answer(r); err != nil {
		oautherr.WriteJSON(w, r, e.Log, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

func (e *Endpoint) answer(r *http.Request) error {
	form, err := token.Form(r)
	if err != nil {
		return err
	}
	client, err := e.Auth.Authenticate(r.Context(), r, form)
	if err != nil {
		return err
	}
	text := form.Get("token")
	if text == "" {
		return oautherr.New(oautherr.InvalidRequest, "token is missing")
	}
	err = e.Ledger.Once(r.Context(), rand.Text(), client.Marks, func() error {
		// The two kinds differ in shape, so that no hint is needed.
		if strings.Contains(text, ".") {
			return e.access(r.Context(), text, client.ID)
		}
		return e.refresh(r.Context(), text, client.ID)
	})
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	return nil
}

// access ends one access token. A token that is not valid needs no ending (RFC
// 7009, 2.2).
func (e *Endpoint) access(ctx context.Context, text, client string) error {
	claims := &token.AccessClaims{}
	err := e.Verifier.Verify(text, token.AccessType, claims)
	if errors.Is(err, jws.ErrInvalid) {
		return nil
	}
	if err != nil {
		return err
	}
	if claims.ClientID != client {
		return foreign()
	}
	life := time.Unix(claims.Expires, 0).Sub(e.Now()) + skew
	if life <= 0 {
		return nil
	}
	return e.Revocations.Revoke(ctx, claims.ID, life)
}

// refresh ends a whole family: the refresh token, those before it, and the
// access tokens that came of them (RFC 7009, 2.1).
func (e *Endpoint) refresh(ctx context.Context, text, client string) error {
	held, err := e.Refresh.Open(text)
	if errors.Is(err, token.ErrNoRefreshToken) {
		return nil
	}
	if err != nil {
		return err
	}
	if held.ClientID != client {
		return foreign()
	}
	life := time.Unix(held.Expires, 0).Sub(e.Now()) + e.AccessLife + skew
	return e.Revocations.Revoke(ctx, held.Family, life)
}

// foreign is the answer about another client's token (RFC 7009, 2.1).
func foreign() error {
	return oautherr.New(oautherr.InvalidGrant, "the token was not issued to this client")
}
