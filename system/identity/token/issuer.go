package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// AccessType and IDType are the typ of the two kinds of token.
const (
	AccessType = "at+jwt" // RFC 9068, 2.1
	IDType     = "JWT"
)

// AccessClaims are those of an access token (RFC 9068, 2.2). Audience is the
// provider itself: userinfo and grant management are its resources.
type AccessClaims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	ClientID string `json:"client_id"`
	Expires  int64  `json:"exp"`
	IssuedAt int64  `json:"iat"`
	ID       string `json:"jti"`
	Scope    string `json:"scope"`
	AuthTime int64  `json:"auth_time,omitempty"`
	GrantID  string `json:"grant_id,omitempty"`
	// Allowed are the names of the claims that the person agreed to release;
	// carried here so that userinfo needs no read of the grant.
	Allowed []string `json:"allowed_claims,omitempty"`
}

// idClaims are those of an ID token (OpenID Connect Core, 2 and 3.1.3.6).
type idClaims struct {
	Issuer          string `json:"iss"`
	Audience        string `json:"aud"`
	Subject         string `json:"sub"`
	Expires         int64  `json:"exp"`
	IssuedAt        int64  `json:"iat"`
	AuthTime        int64  `json:"auth_time"`
	Nonce           string `json:"nonce,omitempty"`
	AccessTokenHash string `json:"at_hash"`
	AuthorizedParty string `json:"azp"`
}

// Signer makes tokens of claims.
type Signer interface {
	Sign(ctx context.Context, kind string, claims any) (string, error)
}

// Issuer fills in what all tokens have.
type Issuer struct {
	Signer             Signer
	URL                string
	AccessLife, IDLife time.Duration
	Now                func() time.Time
}

// access returns a response with an access token of claims.
func (i *Issuer) access(ctx context.Context, claims AccessClaims) (*Response, error) {
	now := i.Now()
	claims.Issuer, claims.Audience = i.URL, i.URL
	claims.IssuedAt, claims.Expires = now.Unix(), now.Add(i.AccessLife).Unix()
	claims.ID = rand.Text()
	token, err := i.Signer.Sign(ctx, AccessType, claims)
	if err != nil {
		return nil, fmt.Errorf("issue access token: %w", err)
	}
	return &Response{
		AccessToken: token, TokenType: "Bearer", ExpiresIn: int(i.AccessLife / time.Second),
		Scope: claims.Scope, GrantID: claims.GrantID,
	}, nil
}

// identity adds the ID token to a response.
func (i *Issuer) identity(ctx context.Context, response *Response, claims idClaims) error {
	now := i.Now()
	claims.Issuer = i.URL
	claims.IssuedAt, claims.Expires = now.Unix(), now.Add(i.IDLife).Unix()
	claims.AccessTokenHash = halfHash(response.AccessToken)
	var err error
	response.IDToken, err = i.Signer.Sign(ctx, IDType, claims)
	if err != nil {
		return fmt.Errorf("issue ID token: %w", err)
	}
	return nil
}

// halfHash is at_hash: the left half of the hash (OpenID Connect Core, 3.1.3.6).
func halfHash(token string) string {
	hash := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(hash[:len(hash)/2])
}

func joined(scopes []string) string { return strings.Join(scopes, " ") }
