package provider

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// assertion authenticates the client (RFC 7523 section 3); every one has a jti
// of its own, because a provider accepts it once.
func (c *Client) assertion(now time.Time) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", c.key.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: c.key.Key}, options)
	if err != nil {
		return "", fmt.Errorf("make signer of client assertion: %w", err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": c.config.ClientID, "sub": c.config.ClientID, "aud": c.config.Issuer,
		"jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("encode client assertion: %w", err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("sign client assertion: %w", err)
	}
	return signed.CompactSerialize()
}

// AccessToken asks for a token of the client itself (client_credentials).
func (c *Client) AccessToken(ctx context.Context, scope string) (token string, lifetime time.Duration, err error) {
	answer, err := c.token(ctx, url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
	if err != nil {
		return "", 0, fmt.Errorf("ask for token with scope %s: %w", scope, err)
	}
	var body struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if answer.Status != http.StatusOK {
		return "", 0, fmt.Errorf("ask for token with scope %s: status %d %s", scope, answer.Status, answer.OAuthError())
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil {
		return "", 0, fmt.Errorf("ask for token with scope %s: %w", scope, err)
	}
	if body.AccessToken == "" {
		return "", 0, fmt.Errorf("ask for token with scope %s: the answer has no token", scope)
	}
	return body.AccessToken, time.Duration(body.ExpiresIn) * time.Second, nil
}

// Grant reads one consent back (Grant Management for OAuth 2.0 section 6.3).
func (c *Client) Grant(ctx context.Context, token, id string) (Answer, error) {
	address := strings.TrimSuffix(c.Metadata.Grants, "/") + "/" + url.PathEscape(id)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Answer{}, fmt.Errorf("read grant: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := c.do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("read grant: %w", err)
	}
	return answer, nil
}

// Redeem presents an authorization code.
func (c *Client) Redeem(ctx context.Context, code, verifier string) (Answer, error) {
	answer, err := c.token(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {c.config.RedirectURI}, "code_verifier": {verifier},
	})
	if err != nil {
		return Answer{}, fmt.Errorf("present code: %w", err)
	}
	return answer, nil
}
