// Package clientauth authenticates clients with private_key_jwt (OpenID Connect
// Core 9, RFC 7523, FAPI 2.0 Security Profile 5.3.2.1). Public clients only
// name themselves; what binds their tokens is a DPoP key. No store is written:
// that an assertion is used once is for the callers to mark.
package clientauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/store"
)

// AssertionType is the only client_assertion_type taken (RFC 7523, 2.2).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// maxID bounds the id of a client and of an assertion.
const maxID = 256

// Authenticator authenticates clients.
type Authenticator struct {
	clients clients.Store
	issuer  string
	now     func() time.Time
}

// New returns an authenticator of the provider issuer, whose endpoints have
// addresses that begin with it.
func New(registered clients.Store, issuer string, now func() time.Time) *Authenticator {
	return &Authenticator{clients: registered, issuer: issuer, now: now}
}

// Authenticated is a client that proved itself, or a public one that is named.
type Authenticated struct {
	*clients.Client
	// Marks have to be spent before the request has any effect.
	Marks []spent.Mark
}

// Anonymous returns a client that nobody is named as: a wallet that redeems a
// pre-authorized code (OpenID4VCI 1.0, 6.1).
func Anonymous() *Authenticated {
	return &Authenticated{Client: &clients.Client{AuthMethod: clients.Public}}
}

// IsAnonymous reports whether the client is not known by any name.
func (a *Authenticated) IsAnonymous() bool { return a.ID == "" }

// Names reports whether form says which client it comes from.
func Names(form url.Values) bool {
	return form.Get("client_id") != "" || form.Get("client_assertion") != ""
}

// Authenticate returns the client that form, the body of r, comes from. A
// verdict is an *oautherr.Error; any other error means that it cannot be told now.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, form url.Values) (*Authenticated, error) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Basic") || form.Has("client_secret") {
		return nil, refuse("no client has a secret here: authenticate with private_key_jwt")
	}
	if !form.Has("client_assertion") && !form.Has("client_assertion_type") {
		return a.public(ctx, form.Get("client_id"))
	}
	if form.Get("client_assertion_type") != AssertionType {
		return nil, refuse("client_assertion_type must be %s", AssertionType)
	}
	assertion, err := parse(form.Get("client_assertion"))
	if err != nil {
		return nil, err
	}
	if stated := form.Get("client_id"); stated != "" && stated != assertion.subject {
		return nil, refuse("client_id is not the subject of the assertion")
	}
	client, err := a.read(ctx, assertion.subject)
	if err != nil {
		return nil, err
	}
	if err := assertion.verify(client); err != nil {
		return nil, err
	}
	if err := a.check(assertion, client, r.URL.Path); err != nil {
		return nil, err
	}
	return &Authenticated{Client: client, Marks: []spent.Mark{a.mark(assertion)}}, nil
}

// public returns a client that needs no assertion.
func (a *Authenticator) public(ctx context.Context, id string) (*Authenticated, error) {
	if id == "" {
		return nil, refuse("the client did not authenticate: client_assertion is missing")
	}
	client, err := a.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if !client.IsPublic() || client.Inactive {
		return nil, refuse("the client must authenticate with private_key_jwt")
	}
	return &Authenticated{Client: client}, nil
}

func (a *Authenticator) read(ctx context.Context, id string) (*clients.Client, error) {
	if !isID(id) {
		return nil, refuse("unknown client")
	}
	client, err := a.clients.Client(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse("unknown client")
	}
	if err != nil {
		return nil, fmt.Errorf("authenticate client: %w", err)
	}
	return client, nil
}

// isID reports whether text may be the id of a client (RFC 6749, A.1). No store
// is asked for anything else: some fail on it, which would not be a verdict.
func isID(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return text != "" && len(text) <= maxID
}

func (a *Authenticator) mark(assertion *assertion) spent.Mark {
	return spent.Mark{
		Kind: spent.Assertion, ID: assertion.subject + "\x00" + assertion.id,
		// Until no zone takes the assertion any more, whatever its clock.
		Life: assertion.expires.Add(2 * skew).Sub(a.now()),
	}
}

func refuse(format string, args ...any) error {
	return oautherr.New(oautherr.InvalidClient, format, args...)
}
