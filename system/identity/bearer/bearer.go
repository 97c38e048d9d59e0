// Package bearer takes access tokens at the provider's own resources (RFC 6750,
// RFC 9068). It verifies them without asking any store.
package bearer

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"tocsin/system/identity/jws"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
)

// skew is how far the clocks of two zones may be apart.
const skew = 5 * time.Second

// Guard checks access tokens.
type Guard struct {
	Verifier *jws.Verifier
	Issuer   string
	Now      func() time.Time
}

// Check returns the claims of the request's access token if it has scope.
func (g *Guard) Check(r *http.Request, scope string) (*token.AccessClaims, error) {
	text, err := extract(r)
	if err != nil {
		return nil, err
	}
	claims := &token.AccessClaims{}
	err = g.Verifier.Verify(text, token.AccessType, claims)
	if errors.Is(err, jws.ErrInvalid) {
		return nil, oautherr.New(oautherr.InvalidToken, "the access token is not valid here")
	}
	if err != nil {
		return nil, fmt.Errorf("check access token: %w", err)
	}
	now := g.Now()
	switch {
	case claims.Issuer != g.Issuer || claims.Audience != g.Issuer:
		return nil, oautherr.New(oautherr.InvalidToken, "the access token is not for this provider")
	case now.After(time.Unix(claims.Expires, 0).Add(skew)):
		return nil, oautherr.New(oautherr.InvalidToken, "the access token has expired")
	case !slices.Contains(strings.Fields(claims.Scope), scope):
		return nil, oautherr.New(oautherr.InsufficientScope, "scope %s is needed", scope)
	}
	return claims, nil
}

// extract reads the token from the header or, in a form post, from the body
// (RFC 6750, 2.1 and 2.2); never from the address, which ends up in logs.
func extract(r *http.Request) (string, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, text, found := strings.Cut(header, " ")
		if !found || !strings.EqualFold(scheme, "Bearer") {
			return "", oautherr.New(oautherr.InvalidToken, "authorization must be a bearer token")
		}
		return strings.TrimSpace(text), nil
	}
	if r.Method == http.MethodPost {
		form, err := token.Form(r)
		if err == nil && form.Get("access_token") != "" {
			return form.Get("access_token"), nil
		}
	}
	return "", oautherr.New(oautherr.InvalidToken, "an access token is needed")
}

// Refuse answers with err; verdicts get the challenge of RFC 6750, 3.
func Refuse(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	if verdict := oautherr.Verdict(err); verdict != nil && verdict.Kind != oautherr.NotFound {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer error=%q, error_description=%q", verdict.Kind, verdict.Description))
	}
	oautherr.WriteJSON(w, r, log, err)
}
