package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/code"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/store"
)

// AuthorizationCode is the grant of RFC 6749, 4.1.3, with PKCE (RFC 7636).
type AuthorizationCode struct {
	Codes  code.Store
	Issuer *Issuer
	Log    *slog.Logger
}

// maxCode bounds what is looked up.
const maxCode = 512

// Answer implements Grant. The code is used up before anything is checked
// against it: of two requests with the same code only one may ever learn more.
func (g *AuthorizationCode) Answer(ctx context.Context, client *clientauth.Authenticated, form url.Values) (*Response, error) {
	plain := form.Get("code")
	if plain == "" || len(plain) > maxCode {
		return nil, oautherr.New(oautherr.InvalidRequest, "code is missing or too long")
	}
	attempt := rand.Text()
	redeemed, err := g.Codes.Redeem(ctx, plain, attempt)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, oautherr.New(oautherr.InvalidGrant, "the code is unknown or has expired")
	case errors.Is(err, store.ErrConsumed):
		return nil, oautherr.New(oautherr.InvalidGrant, "the code was used before")
	case err != nil:
		return nil, err
	}
	if err := match(redeemed, client, form); err != nil {
		return nil, err
	}
	response, err := g.issue(ctx, redeemed)
	if err != nil {
		// Nothing left this process, so the code can be given back.
		if releaseErr := g.Codes.Release(context.WithoutCancel(ctx), plain, attempt); releaseErr != nil {
			g.Log.WarnContext(ctx, "code stays used although nothing was issued", "error", releaseErr)
		}
		return nil, err
	}
	return response, nil
}

// match checks that the code was given to this client for this redirect URI
// and that it holds the verifier.
func match(redeemed *code.Code, client *clientauth.Authenticated, form url.Values) error {
	if redeemed.ClientID != client.ID {
		return oautherr.New(oautherr.InvalidGrant, "the code was issued to another client")
	}
	if redeemed.RedirectURI != form.Get("redirect_uri") {
		return oautherr.New(oautherr.InvalidGrant, "redirect_uri is not that of the authorization request")
	}
	verifier := form.Get("code_verifier")
	if len(verifier) < 43 || len(verifier) > 128 { // RFC 7636, 4.1
		return oautherr.New(oautherr.InvalidGrant, "code_verifier is missing or has a wrong length")
	}
	hash := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(hash[:])
	if subtle.ConstantTimeCompare([]byte(challenge), []byte(redeemed.CodeChallenge)) != 1 {
		return oautherr.New(oautherr.InvalidGrant, "code_verifier does not match code_challenge")
	}
	return nil
}

func (g *AuthorizationCode) issue(ctx context.Context, redeemed *code.Code) (*Response, error) {
	response, err := g.Issuer.access(ctx, AccessClaims{
		Subject: redeemed.Subject, ClientID: redeemed.ClientID, Scope: joined(redeemed.Scopes),
		AuthTime: redeemed.AuthTime.Unix(), GrantID: redeemed.GrantID, Allowed: redeemed.Claims,
	})
	if err != nil {
		return nil, fmt.Errorf("redeem code: %w", err)
	}
	err = g.Issuer.identity(ctx, response, idClaims{
		Audience: redeemed.ClientID, AuthorizedParty: redeemed.ClientID, Subject: redeemed.Subject,
		AuthTime: redeemed.AuthTime.Unix(), Nonce: redeemed.Nonce,
	})
	if err != nil {
		return nil, fmt.Errorf("redeem code: %w", err)
	}
	return response, nil
}
