package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/keyset"
)

// Signer makes tokens of claims.
type Signer interface {
	Sign(ctx context.Context, use keyset.Use, alg jose.SignatureAlgorithm, typ string, extra map[string]any, claims any) (string, error)
}

// Subjects derives the sub of a person for a sector.
type Subjects interface {
	Subject(sector, ref string) string
}

// Issuer makes the tokens of all grants.
type Issuer struct {
	Signer   Signer
	Subjects Subjects
	Persons  *Persons
	// URL is the issuer identifier.
	URL string
	// AccessLife is at most five minutes: revocation reaches resources elsewhere
	// no sooner (OpenID4VCI 1.0, 13.10; RFC 9700, 2.2.1).
	AccessLife, IDLife time.Duration
	Now                func() time.Time
}

// Authorization is what tokens are issued for.
type Authorization struct {
	// Person is the authenticator's reference, "" for a client's own token.
	Person string
	Scopes []string
	// Family is the id of the code, or whatever else all tokens descend from.
	Family    string
	GrantID   string
	SessionID string
	AuthTime  time.Time
	ACR       string
	AMR       []string
	// Allowed are the claims that the person agreed to release.
	Allowed []string
	Details []AuthorizationDetail
	// ID asks for an ID token; nil means none.
	ID *IDToken
}

// IDToken is what an ID token says besides what every one says.
type IDToken struct {
	Nonce        string
	ShowAuthTime bool
	// Claims about the person that the request wanted in the ID token.
	Claims map[string]any
}

// Issue returns a response with an access token bound to the proof of r if
// there is one, and with an ID token if asked for. It fails only for
// infrastructure reasons, and asking again is safe.
func (i *Issuer) Issue(ctx context.Context, r *Request, a *Authorization) (*Response, error) {
	now := i.Now()
	subject := r.Client.ID
	if a.Person != "" {
		subject = i.Subjects.Subject(r.Client.SectorOf(), a.Person)
	}
	response, err := i.access(ctx, r, a, subject, now)
	if err != nil {
		return nil, fmt.Errorf("issue access token: %w", err)
	}
	if a.ID == nil {
		return response, nil
	}
	if response.IDToken, err = i.identity(ctx, r, a, subject, response.AccessToken, now); err != nil {
		return nil, fmt.Errorf("issue ID token: %w", err)
	}
	return response, nil
}

func (i *Issuer) access(ctx context.Context, r *Request, a *Authorization, subject string, now time.Time) (*Response, error) {
	claims := &AccessClaims{
		Issuer: i.URL, Audience: i.URL, Subject: subject, ClientID: r.Client.ID,
		IssuedAt: now.Unix(), Expires: now.Add(i.AccessLife).Unix(), ID: rand.Text(),
		Scope: strings.Join(a.Scopes, " "), ACR: a.ACR, AMR: a.AMR,
		SessionID: endsWith(a.SessionID, a.Scopes), Family: a.Family, GrantID: a.GrantID, Allowed: a.Allowed,
		AuthorizationDetails: a.Details,
	}
	if !a.AuthTime.IsZero() {
		claims.AuthTime = a.AuthTime.Unix()
	}
	if a.Person != "" {
		var err error
		if claims.Person, err = i.Persons.Seal(a.Person); err != nil {
			return nil, err
		}
		claims.UserinfoAlg = r.Client.UserinfoAlg
	}
	kind := "Bearer"
	if r.Proof != nil {
		kind = "DPoP" // RFC 9449, 5
		claims.Confirmation = &Confirmation{Thumbprint: r.Proof.Thumbprint}
	}
	signed, err := i.Signer.Sign(ctx, keyset.Token, jose.ES256, AccessType, nil, claims)
	if err != nil {
		return nil, err
	}
	return &Response{
		AccessToken: signed, TokenType: kind, ExpiresIn: int(i.AccessLife / time.Second),
		Scope: claims.Scope, GrantID: a.GrantID, AuthorizationDetails: a.Details,
	}, nil
}

func (i *Issuer) identity(ctx context.Context, r *Request, a *Authorization, subject, accessToken string, now time.Time) (string, error) {
	claims := &idClaims{
		Issuer: i.URL, Audience: r.Client.ID, Subject: subject,
		IssuedAt: now.Unix(), Expires: now.Add(i.IDLife).Unix(),
		Nonce: a.ID.Nonce, ACR: a.ACR, AMR: a.AMR, SessionID: a.SessionID,
		AccessTokenHash: halfHash(accessToken),
	}
	if a.ID.ShowAuthTime {
		claims.AuthTime = a.AuthTime.Unix()
	}
	all, err := claims.with(a.ID.Claims)
	if err != nil {
		return "", err
	}
	return i.Signer.Sign(ctx, keyset.Token, r.Client.IDTokenAlgorithm(), IDType, nil, all)
}

// halfHash is at_hash: the left half of the hash (OpenID Connect Core, 3.1.3.6),
// SHA-256 for every algorithm that ID tokens are signed with.
func halfHash(token string) string {
	hash := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(hash[:len(hash)/2])
}
