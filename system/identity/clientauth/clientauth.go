// Package clientauth authenticates clients at the token endpoint with
// private_key_jwt (OpenID Connect Core 9, RFC 7523). It is the only method.
package clientauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/store"
)

// AssertionType is the only client_assertion_type taken (RFC 7523, 2.2).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	// skew is how far the clocks of client and provider may be apart.
	skew = 10 * time.Second
	// longest bounds how far away exp may be, and with it how long a replay
	// mark must be kept.
	longest = 5 * time.Minute
	// maxAssertion bounds what is parsed.
	maxAssertion = 8 << 10
)

// Replays marks assertions as used.
type Replays interface {
	// Claim fails with store.ErrConsumed when another attempt claimed the key.
	Claim(ctx context.Context, key, attempt string, life time.Duration) error
	// Disclaim takes a claim back.
	Disclaim(ctx context.Context, key string) error
}

// Authenticator checks client assertions.
type Authenticator struct {
	clients   clients.Store
	replays   Replays
	audiences []string
	now       func() time.Time
}

// New returns an authenticator for assertions made out to one of audiences.
func New(registered clients.Store, replays Replays, audiences []string, now func() time.Time) *Authenticator {
	return &Authenticator{clients: registered, replays: replays, audiences: audiences, now: now}
}

// Authenticated is a client that proved itself.
type Authenticated struct {
	*clients.Client
	replays Replays
	mark    string
}

// Forgive takes the replay mark back, for a request that ends without a
// verdict: repeating it with the same assertion must not be called a replay.
func (a *Authenticated) Forgive(ctx context.Context) error {
	return a.replays.Disclaim(ctx, a.mark)
}

// Authenticate returns the client that signed the assertion in form. A verdict
// is an *oautherr.Error; any other error means that it cannot be told now.
func (a *Authenticator) Authenticate(ctx context.Context, form url.Values) (*Authenticated, error) {
	if form.Get("client_assertion_type") != AssertionType {
		return nil, refuse("authenticate with private_key_jwt: client_assertion_type must be %s", AssertionType)
	}
	token, claims, err := parse(form.Get("client_assertion"))
	if err != nil {
		return nil, err
	}
	if stated := form.Get("client_id"); stated != "" && stated != claims.Subject {
		return nil, refuse("client_id is not the subject of the assertion")
	}
	client, err := a.clients.Client(ctx, claims.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse("unknown client")
	}
	if err != nil {
		return nil, fmt.Errorf("authenticate client: %w", err)
	}
	if err := verify(token, client); err != nil {
		return nil, err
	}
	if err := a.check(claims); err != nil {
		return nil, err
	}
	mark, err := a.claim(ctx, claims)
	if err != nil {
		return nil, err
	}
	return &Authenticated{Client: client, replays: a.replays, mark: mark}, nil
}

// parse reads an assertion without trusting it: its subject says whose key to
// verify it with.
func parse(assertion string) (*jwt.JSONWebToken, *jwt.Claims, error) {
	if assertion == "" || len(assertion) > maxAssertion {
		return nil, nil, refuse("client_assertion is missing or too long")
	}
	token, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.ES256, jose.PS256})
	if err != nil {
		return nil, nil, refuse("client_assertion is no JWT signed with ES256 or PS256")
	}
	claims := &jwt.Claims{}
	if err := token.UnsafeClaimsWithoutVerification(claims); err != nil {
		return nil, nil, refuse("the claims of client_assertion cannot be read")
	}
	if claims.Subject == "" || claims.Issuer != claims.Subject {
		return nil, nil, refuse("iss and sub of client_assertion must both be the client_id")
	}
	return token, claims, nil
}

func verify(token *jwt.JSONWebToken, client *clients.Client) error {
	kid := ""
	if len(token.Headers) == 1 {
		kid = token.Headers[0].KeyID
	}
	for _, key := range client.Keys.Keys {
		if kid != "" && key.KeyID != kid {
			continue
		}
		if err := token.Claims(key.Key, &jwt.Claims{}); err == nil {
			return nil
		}
	}
	return refuse("client_assertion does not verify with a registered key")
}

// check applies RFC 7523, 3, to a verified assertion.
func (a *Authenticator) check(claims *jwt.Claims) error {
	now := a.now()
	switch {
	case !slices.ContainsFunc(claims.Audience, func(audience string) bool { return slices.Contains(a.audiences, audience) }):
		return refuse("aud of client_assertion is not this provider")
	case claims.Expiry == nil:
		return refuse("client_assertion has no exp")
	case now.After(claims.Expiry.Time().Add(skew)):
		return refuse("client_assertion has expired")
	case claims.Expiry.Time().After(now.Add(longest + skew)):
		return refuse("exp of client_assertion is more than %s away", longest)
	case claims.NotBefore != nil && now.Add(skew).Before(claims.NotBefore.Time()):
		return refuse("client_assertion is not valid yet")
	case claims.IssuedAt != nil && now.Add(skew).Before(claims.IssuedAt.Time()):
		return refuse("client_assertion was issued in the future")
	case claims.ID == "" || len(claims.ID) > 256:
		return refuse("client_assertion needs a jti of at most 256 characters")
	}
	return nil
}

func (a *Authenticator) claim(ctx context.Context, claims *jwt.Claims) (string, error) {
	mark := base64.RawURLEncoding.EncodeToString([]byte(claims.Subject)) + ":" + claims.ID
	err := a.replays.Claim(ctx, mark, rand.Text(), claims.Expiry.Time().Sub(a.now())+2*skew)
	if errors.Is(err, store.ErrConsumed) {
		return "", refuse("client_assertion was used before: jti is known")
	}
	if err != nil {
		return "", fmt.Errorf("authenticate client: %w", err)
	}
	return mark, nil
}

func refuse(format string, args ...any) error {
	return oautherr.New(oautherr.InvalidClient, format, args...)
}
