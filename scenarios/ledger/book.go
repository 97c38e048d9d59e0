package ledger

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tocsin/scenarios/provider"
)

// queryScope lets a client read consents back (Grant Management for OAuth 2.0
// section 6.1).
const queryScope = "grant_management_query"

// renewBefore is how long before its end a token is replaced.
const renewBefore = 30 * time.Second

// PublicBook reads a ledger back through the target's public endpoints.
type PublicBook struct {
	client *provider.Client

	mu      sync.Mutex
	token   string
	expires time.Time
}

// NewPublicBook returns a book that reads through client.
func NewPublicBook(client *provider.Client) *PublicBook {
	return &PublicBook{client: client}
}

// ReadGrant asks the grant management endpoint. 404 is the target's word that
// the consent is not there; any other refusal says nothing about it.
func (b *PublicBook) ReadGrant(ctx context.Context, id string) (Finding, string) {
	if b.client.Metadata.Grants == "" {
		return Unread, "the target publishes no grant_management_endpoint"
	}
	token, err := b.accessToken(ctx)
	if err != nil {
		return Unread, err.Error()
	}
	answer, err := b.client.Grant(ctx, token, id)
	if err != nil {
		return Unread, err.Error()
	}
	switch answer.Status {
	case http.StatusOK:
		return Kept, ""
	case http.StatusNotFound, http.StatusGone:
		return Lost, fmt.Sprintf("acknowledged, but the target answers %d", answer.Status)
	case http.StatusUnauthorized:
		b.forget(token)
	}
	return Unread, fmt.Sprintf("status %d %s", answer.Status, answer.OAuthError())
}

// ReadCode presents a redeemed code again. Only invalid_grant is the refusal
// that RFC 6749 section 5.2 asks for.
func (b *PublicBook) ReadCode(ctx context.Context, code, verifier string) (Finding, string) {
	answer, err := b.client.Redeem(ctx, code, verifier)
	if err != nil {
		return Unread, err.Error()
	}
	if answer.Status == http.StatusOK {
		return Doubled, "the code was accepted a second time"
	}
	name := answer.OAuthError()
	if answer.Status == http.StatusBadRequest && name == "invalid_grant" {
		return Kept, ""
	}
	return Unread, fmt.Sprintf("status %d %s", answer.Status, name)
}

func (b *PublicBook) accessToken(ctx context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.token != "" && time.Now().Before(b.expires) {
		return b.token, nil
	}
	token, lifetime, err := b.client.AccessToken(ctx, queryScope)
	if err != nil {
		return "", err
	}
	b.token, b.expires = token, time.Now().Add(lifetime-renewBefore)
	return token, nil
}

func (b *PublicBook) forget(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.token == token {
		b.token = ""
	}
}
