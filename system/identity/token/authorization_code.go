package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/code"
	"tocsin/system/identity/compact"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/spent"
)

// AuthorizationCodeType is the grant_type of RFC 6749, 4.1.3.
const AuthorizationCodeType = "authorization_code"

// codeSkew is how much longer a code is remembered than it is good for: the
// clocks of zones differ.
const codeSkew = 30 * time.Second

// Codes opens authorization codes; code.ErrInvalid is a verdict.
type Codes interface {
	Open(text string) (*code.Code, error)
}

// Claims knows what is known of people.
type Claims interface {
	Claims(ctx context.Context, person string, names []string) (map[string]any, error)
}

// AuthorizationCode is the grant of RFC 6749, 4.1.3, with PKCE (RFC 7636).
type AuthorizationCode struct {
	Codes       Codes
	Ledger      *Ledger
	Revocations spent.Revocations
	Issuer      *Issuer
	Claims      Claims
	Refresh     *RefreshSealer
	// RefreshLife is how long a family of refresh tokens lasts at most.
	RefreshLife time.Duration
	// Identifiers returns the credential identifiers of a configuration
	// (OpenID4VCI 1.0, 6.2).
	Identifiers func(configuration string) []string
	Log         *slog.Logger
}

// Answer implements Grant. A code is used up only by a request that has
// everything right: nobody else can use up the code of another.
func (g *AuthorizationCode) Answer(ctx context.Context, r *Request) (*Response, error) {
	text := r.Form.Get("code")
	if text == "" {
		return nil, oautherr.New(oautherr.InvalidRequest, "code is missing")
	}
	redeemed, err := g.Codes.Open(text)
	if errors.Is(err, code.ErrInvalid) {
		return nil, oautherr.New(oautherr.InvalidGrant, "the code is unknown or has expired")
	}
	if err != nil {
		return nil, fmt.Errorf("redeem code: %w", err)
	}
	if err := g.match(redeemed, r); err != nil {
		return nil, err
	}
	authorization, err := g.authorization(ctx, redeemed)
	if err != nil {
		return nil, err
	}
	mark := spent.Mark{Kind: spent.Code, ID: redeemed.ID, Life: redeemed.Expires.Sub(g.Issuer.Now()) + codeSkew}
	var response *Response
	err = g.Ledger.Once(ctx, r.Attempt, r.Marks(mark), func() (err error) {
		response, err = g.issue(ctx, r, redeemed, authorization)
		return err
	})
	if _, consumed := spent.Consumed(err); consumed {
		return nil, g.reused(ctx, redeemed)
	}
	if err != nil {
		return nil, fmt.Errorf("redeem code: %w", err)
	}
	return response, nil
}

// match checks that the code was given to this client and this key, for this
// redirect URI, and that the client holds the verifier.
func (g *AuthorizationCode) match(redeemed *code.Code, r *Request) error {
	switch {
	case redeemed.ClientID != r.Client.ID:
		return oautherr.New(oautherr.InvalidGrant, "the code was issued to another client")
	case redeemed.RedirectURI != r.Form.Get("redirect_uri"):
		return oautherr.New(oautherr.InvalidGrant, "redirect_uri is not that of the authorization request")
	case redeemed.DPoPThumbprint != "" && redeemed.DPoPThumbprint != r.thumbprint(): // RFC 9449, 10
		return oautherr.New(oautherr.InvalidGrant, "the code is bound to another DPoP key")
	case g.Revocations.Revoked(redeemed.ID, redeemed.SessionID):
		return oautherr.New(oautherr.InvalidGrant, "the code was revoked")
	}
	if err := matchResource(r.Form, redeemed.Resource, g.Issuer.URL); err != nil {
		return err
	}
	return matchVerifier(redeemed.CodeChallenge, r.Form)
}

// matchVerifier applies RFC 7636, 4.6. A verifier without a challenge is refused
// too: somebody took the challenge away (RFC 9700, 4.8.2).
func matchVerifier(challenge string, form url.Values) error {
	verifier := form.Get("code_verifier")
	if challenge == "" && verifier == "" {
		return nil
	}
	if challenge == "" || len(verifier) < 43 || len(verifier) > 128 { // RFC 7636, 4.1
		return oautherr.New(oautherr.InvalidGrant, "code_verifier is missing, unexpected or has a wrong length")
	}
	hash := compact.HashText(sha256.Sum256([]byte(verifier)))
	if subtle.ConstantTimeCompare([]byte(hash), []byte(challenge)) != 1 {
		return oautherr.New(oautherr.InvalidGrant, "code_verifier does not match code_challenge")
	}
	return nil
}

// matchResource takes only the resource that was asked for at first, or the
// provider itself, which is the audience of all its tokens (RFC 8707, 2.2).
func matchResource(form url.Values, granted, issuer string) error {
	if resource := form.Get("resource"); resource != "" && resource != granted && resource != issuer {
		return oautherr.New(oautherr.InvalidTarget, "tokens for that resource are not issued here")
	}
	return nil
}

// authorization is what the code stands for. It asks the authenticator only for
// claims in the ID token, and does so before anything is marked as used.
func (g *AuthorizationCode) authorization(ctx context.Context, redeemed *code.Code) (*Authorization, error) {
	a := &Authorization{
		Person: redeemed.Person, Scopes: redeemed.Scopes, Family: redeemed.ID, GrantID: redeemed.GrantID,
		SessionID: redeemed.SessionID, AuthTime: redeemed.AuthTime, ACR: redeemed.ACR, AMR: redeemed.AMR,
		Allowed: redeemed.Allowed, Details: details(redeemed.Configurations, g.Identifiers),
	}
	if !slices.Contains(redeemed.Scopes, "openid") {
		return a, nil
	}
	a.ID = &IDToken{Nonce: redeemed.Nonce, ShowAuthTime: redeemed.ShowAuthTime}
	if len(redeemed.InIDToken) == 0 {
		return a, nil
	}
	known, err := g.Claims.Claims(ctx, redeemed.Person, redeemed.InIDToken)
	if errors.Is(err, authenticator.ErrUnknown) {
		return nil, oautherr.New(oautherr.InvalidGrant, "the person is not known any more")
	}
	if err != nil {
		return nil, fmt.Errorf("read claims for ID token: %w", err)
	}
	a.ID.Claims = claim.Release(redeemed.InIDToken, known)
	return a, nil
}

func (g *AuthorizationCode) issue(ctx context.Context, r *Request, redeemed *code.Code, a *Authorization) (*Response, error) {
	response, err := g.Issuer.Issue(ctx, r, a)
	if err != nil || !r.Client.MayUse(RefreshTokenType) {
		return response, err
	}
	refresh := &Refresh{
		Family: redeemed.ID, ClientID: redeemed.ClientID, Person: redeemed.Person, Scopes: redeemed.Scopes,
		Allowed: redeemed.Allowed, GrantID: redeemed.GrantID, SessionID: redeemed.SessionID,
		AuthTime: redeemed.AuthTime.Unix(), ACR: redeemed.ACR, AMR: redeemed.AMR, ShowAuthTime: redeemed.ShowAuthTime,
		Configurations: redeemed.Configurations, Expires: g.Issuer.Now().Add(g.RefreshLife).Unix(),
	}
	if r.Client.IsPublic() {
		refresh.Thumbprint = r.thumbprint()
	}
	response.RefreshToken, err = g.Refresh.Seal(refresh)
	return response, err
}

// reused answers the second use of a code, and ends what came of the first (RFC
// 6749, 4.1.2): one of the two had it from somebody else.
func (g *AuthorizationCode) reused(ctx context.Context, redeemed *code.Code) error {
	g.Log.WarnContext(ctx, "authorization code used twice", "client_id", redeemed.ClientID)
	if err := g.Revocations.Revoke(ctx, redeemed.ID, max(g.RefreshLife, g.Issuer.AccessLife)); err != nil {
		return fmt.Errorf("revoke tokens of a code used twice: %w", err)
	}
	return oautherr.New(oautherr.InvalidGrant, "the code was used before")
}

// details returns what may be asked for with configurations.
func details(configurations []string, identifiers func(string) []string) []AuthorizationDetail {
	if len(configurations) == 0 || identifiers == nil {
		return nil
	}
	all := make([]AuthorizationDetail, len(configurations))
	for i, configuration := range configurations {
		all[i] = AuthorizationDetail{
			Type: OpenIDCredential, CredentialConfigurationID: configuration, CredentialIdentifiers: identifiers(configuration),
		}
	}
	return all
}
