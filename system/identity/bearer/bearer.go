// Package bearer takes access tokens at the provider's own resources (RFC 6750,
// RFC 9068, RFC 9449). It verifies them without asking any store; only that a
// proof of possession is used once goes through the quorum.
package bearer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tocsin/system/identity/dpop"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/token"
)

// skew is how far the clocks of two zones may be apart.
const skew = 5 * time.Second

// Verifier checks tokens of this provider; jws.ErrInvalid is a verdict.
type Verifier interface {
	Verify(token, typ string, claims any) error
}

// Revocations knows what was ended before its time, without asking anybody.
type Revocations interface {
	Revoked(ids ...string) bool
}

// Once makes an effect happen once (token.Ledger).
type Once interface {
	Once(ctx context.Context, attempt string, marks []spent.Mark, effect func() error) error
}

// Guard checks access tokens.
type Guard struct {
	Verifier    Verifier
	Proofs      *dpop.Checker
	Ledger      Once
	Revocations Revocations
	Issuer      string
	Now         func() time.Time
}

// Offer hands out a nonce with the answer to a request that has a proof. It has
// to be called before the answer is begun.
func (g *Guard) Offer(w http.ResponseWriter, r *http.Request) { g.Proofs.Offer(w, r) }

// Check returns the claims of the request's access token if it has scope; any
// token will do when scope is empty. A verdict is an *oautherr.Error for Refuse.
func (g *Guard) Check(r *http.Request, scope string) (*token.AccessClaims, error) {
	given, err := extract(r)
	if err != nil {
		return nil, err
	}
	claims, err := g.verify(given.text)
	if err != nil {
		return nil, err
	}
	proof, err := g.prove(r, given, claims)
	if err != nil {
		return nil, err
	}
	if scope != "" && !slices.Contains(strings.Fields(claims.Scope), scope) {
		return nil, oautherr.New(oautherr.InsufficientScope, "scope %s is needed", scope)
	}
	if proof == nil {
		return claims, nil
	}
	err = g.Ledger.Once(r.Context(), rand.Text(), []spent.Mark{proof.Mark}, func() error { return nil })
	if err != nil {
		return nil, fmt.Errorf("mark proof as used: %w", err)
	}
	return claims, nil
}

func (g *Guard) verify(text string) (*token.AccessClaims, error) {
	claims := &token.AccessClaims{}
	err := g.Verifier.Verify(text, token.AccessType, claims)
	if errors.Is(err, jws.ErrInvalid) {
		return nil, oautherr.New(oautherr.InvalidToken, "the access token is not valid here")
	}
	if err != nil {
		return nil, fmt.Errorf("check access token: %w", err)
	}
	switch {
	case claims.Issuer != g.Issuer || claims.Audience != g.Issuer:
		return nil, oautherr.New(oautherr.InvalidToken, "the access token is not for this provider")
	case g.Now().After(time.Unix(claims.Expires, 0).Add(skew)):
		return nil, oautherr.New(oautherr.InvalidToken, "the access token has expired")
	case g.Revocations.Revoked(claims.ID, claims.Family, claims.SessionID):
		return nil, oautherr.New(oautherr.InvalidToken, "the access token was revoked")
	}
	return claims, nil
}

// prove checks that whoever sent a bound token holds its key (RFC 9449, 7).
func (g *Guard) prove(r *http.Request, given *credentials, claims *token.AccessClaims) (*dpop.Proof, error) {
	bound := claims.Thumbprint()
	if bound == "" && given.scheme == schemeBearer {
		return nil, nil
	}
	if bound == "" {
		return nil, oautherr.New(oautherr.InvalidToken, "the access token is not bound to a key: use the scheme Bearer")
	}
	if given.scheme == schemeBearer { // RFC 9449, 7.2: no downgrade
		return nil, oautherr.New(oautherr.InvalidToken, "the access token is bound to a key: use the scheme DPoP")
	}
	proof, err := g.Proofs.Check(r, given.text)
	if err != nil {
		return nil, err
	}
	if proof == nil {
		return nil, oautherr.New(oautherr.InvalidDPoPProof, "a DPoP proof is needed")
	}
	if proof.Thumbprint != bound {
		return nil, oautherr.New(oautherr.InvalidToken, "the access token is bound to another key")
	}
	return proof, nil
}
