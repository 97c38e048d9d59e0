package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tocsin/system/identity/claim"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/spent"
)

// RefreshTokenType is the grant_type of RFC 6749, 6.
const RefreshTokenType = "refresh_token"

// grace is how long the refresh token before the current one still works,
// because the answer that replaced it may be lost (FAPI 2.0 Security Profile,
// 5.3.2.1, 9).
const grace = 60 * time.Second

// RefreshToken is the grant of RFC 6749, 6, with rotation (RFC 9700, 4.14.2).
type RefreshToken struct {
	Refresh     *RefreshSealer
	Families    spent.Families
	Ledger      *Ledger
	Revocations spent.Revocations
	Issuer      *Issuer
	Identifiers func(configuration string) []string
	Log         *slog.Logger
}

// Answer implements Grant.
func (g *RefreshToken) Answer(ctx context.Context, r *Request) (*Response, error) {
	text := r.Form.Get("refresh_token")
	if text == "" {
		return nil, oautherr.New(oautherr.InvalidRequest, "refresh_token is missing")
	}
	used, err := g.Refresh.Open(text)
	if err != nil {
		return nil, oautherr.New(oautherr.InvalidGrant, "the refresh token is unknown or has expired")
	}
	if err := g.match(used, r); err != nil {
		return nil, err
	}
	scopes, err := narrow(used.Scopes, r.Form.Get("scope"))
	if err != nil {
		return nil, err
	}
	next := *used
	if next.Generation, err = g.rotate(ctx, used, r); err != nil {
		return nil, err
	}
	response, err := g.issue(ctx, r, &next, scopes)
	if err != nil {
		// The grace lets the token come again, and so may its assertion.
		g.Ledger.Release(ctx, r.Attempt, r.Marks())
		return nil, fmt.Errorf("refresh: %w", err)
	}
	return response, nil
}

func (g *RefreshToken) match(used *Refresh, r *Request) error {
	switch {
	case used.ClientID != r.Client.ID: // RFC 6749, 6
		return oautherr.New(oautherr.InvalidGrant, "the refresh token was issued to another client")
	case used.Thumbprint != "" && used.Thumbprint != r.thumbprint(): // RFC 9449, 5
		return oautherr.New(oautherr.InvalidGrant, "the refresh token is bound to another DPoP key")
	case g.Revocations.Revoked(used.Family, used.EndsWith()):
		return oautherr.New(oautherr.InvalidGrant, "the refresh token was revoked")
	}
	return matchResource(r.Form, "", g.Issuer.URL)
}

// narrow returns the scopes asked for, all of which were granted, or all that
// were granted when none are asked for (RFC 6749, 6).
func narrow(granted []string, asked string) ([]string, error) {
	scopes := distinct(asked)
	if len(scopes) == 0 {
		return granted, nil
	}
	for _, scope := range scopes {
		if !slices.Contains(granted, scope) {
			return nil, oautherr.New(oautherr.InvalidScope, "scope %.40q was not granted", scope)
		}
	}
	return scopes, nil
}

// without returns the claims that may still be released when only some of the
// granted scopes are asked for.
func without(allowed, granted, scopes []string) []string {
	if len(scopes) == len(granted) {
		return allowed
	}
	return slices.DeleteFunc(slices.Clone(allowed), func(name string) bool {
		return slices.ContainsFunc(granted, func(scope string) bool {
			return !slices.Contains(scopes, scope) && slices.Contains(claim.Of(scope), name)
		})
	})
}

// rotate returns the generation to issue, and sets the marks of r with it.
func (g *RefreshToken) rotate(ctx context.Context, used *Refresh, r *Request) (uint64, error) {
	marks := r.Marks()
	generation, err := g.Families.Rotate(ctx, spent.Rotation{
		Family: used.Family, Generation: used.Generation, Expires: time.Unix(used.Expires, 0),
		Grace: grace, Attempt: r.Attempt, Marks: marks,
	})
	mark, consumed := spent.Consumed(err)
	switch {
	case err == nil:
		return generation, nil
	case errors.Is(err, spent.ErrRevoked):
		return 0, oautherr.New(oautherr.InvalidGrant, "the refresh token was revoked")
	case errors.Is(err, spent.ErrReused):
		return 0, g.reused(ctx, used)
	case consumed && Replay(mark) != nil:
		return 0, Replay(mark)
	}
	g.Ledger.Release(ctx, r.Attempt, marks) // it may have come through
	return 0, fmt.Errorf("rotate refresh token: %w", err)
}

// reused ends a family of which an old token came back: it, or the one that
// replaced it, is in the wrong hands (RFC 9700, 4.14.2).
func (g *RefreshToken) reused(ctx context.Context, used *Refresh) error {
	g.Log.WarnContext(ctx, "old refresh token used", "client_id", used.ClientID)
	life := time.Unix(used.Expires, 0).Sub(g.Issuer.Now()) + g.Issuer.AccessLife
	if err := g.Revocations.Revoke(ctx, used.Family, life); err != nil {
		return fmt.Errorf("revoke family of a refresh token used twice: %w", err)
	}
	return oautherr.New(oautherr.InvalidGrant, "the refresh token was used before")
}

func (g *RefreshToken) issue(ctx context.Context, r *Request, next *Refresh, scopes []string) (*Response, error) {
	a := &Authorization{
		Person: next.Person, Scopes: scopes, Family: next.Family, GrantID: next.GrantID,
		SessionID: next.SessionID, AuthTime: time.Unix(next.AuthTime, 0), ACR: next.ACR, AMR: next.AMR,
		Allowed: without(next.Allowed, next.Scopes, scopes), Details: details(next.Configurations, g.Identifiers),
	}
	if slices.Contains(scopes, "openid") {
		// As the first one, without its nonce (OpenID Connect Core, 12.2).
		a.ID = &IDToken{ShowAuthTime: next.ShowAuthTime}
	}
	response, err := g.Issuer.Issue(ctx, r, a)
	if err != nil {
		return nil, err
	}
	response.RefreshToken, err = g.Refresh.Seal(next)
	return response, err
}
