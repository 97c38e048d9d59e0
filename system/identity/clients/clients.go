// Package clients knows the relying parties. Reads come from a bounded cache
// that also answers while the database is away; nothing here changes a client.
package clients

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"tocsin/system/identity/store"
)

// The ways a client authenticates (token_endpoint_auth_method).
const (
	PrivateKeyJWT = "private_key_jwt" // RFC 7523
	Public        = "none"            // RFC 6749, 2.1: wallets; DPoP is then required
)

// The kinds of subject identifier (OpenID Connect Core, 8).
const (
	SubjectPublic   = "public"
	SubjectPairwise = "pairwise"
)

// Client is a registered relying party or wallet. JSON names are those of
// RFC 7591 and OpenID Connect Registration; the zero value of each member is
// what a client has that was registered before the member existed.
type Client struct {
	ID                     string             `json:"client_id"`
	Name                   string             `json:"client_name"`
	NameByLanguage         map[string]string  `json:"client_name_by_language,omitempty"`
	LogoURI                string             `json:"logo_uri,omitempty"`
	RedirectURIs           []string           `json:"redirect_uris"`
	PostLogoutRedirectURIs []string           `json:"post_logout_redirect_uris,omitempty"`
	Keys                   jose.JSONWebKeySet `json:"jwks"`
	Scopes                 []string           `json:"scopes"`
	GrantTypes             []string           `json:"grant_types"`
	// AuthMethod is PrivateKeyJWT when empty.
	AuthMethod string `json:"token_endpoint_auth_method,omitempty"`
	// SubjectType is SubjectPublic when empty. Pairwise subjects are the same
	// for all clients of one Sector, the host of the redirect URIs when empty.
	SubjectType string `json:"subject_type,omitempty"`
	Sector      string `json:"sector_identifier,omitempty"`
	// Algorithms of tokens made for this client; ES256 when empty, and for
	// userinfo unsigned JSON when empty.
	IDTokenAlg  jose.SignatureAlgorithm `json:"id_token_signed_response_alg,omitempty"`
	UserinfoAlg jose.SignatureAlgorithm `json:"userinfo_signed_response_alg,omitempty"`
	// RequirePAR and RequireDPoP make the client follow the FAPI 2.0 security
	// profile (RFC 9126, 6; RFC 9449, 5.2).
	RequirePAR  bool `json:"require_pushed_authorization_requests,omitempty"`
	RequireDPoP bool `json:"dpop_bound_access_tokens,omitempty"`
	// Claims and ACRs bound what the client may ask for; empty means all.
	Claims []string `json:"claims,omitempty"`
	ACRs   []string `json:"acr_values,omitempty"`
	// DefaultMaxAge is in seconds; nil means none.
	DefaultMaxAge *int `json:"default_max_age,omitempty"`
	// ConsentLife is in minutes; 0 means that a consent does not end.
	ConsentLife int `json:"consent_expire_in_mins,omitempty"`
	// RelyingParty is the organisation (eSignet's relyingPartyId).
	RelyingParty string `json:"relying_party_id,omitempty"`
	// Inactive clients are refused.
	Inactive bool `json:"inactive,omitempty"`
}

// MayUse reports whether the client is registered for grantType.
func (c *Client) MayUse(grantType string) bool { return slices.Contains(c.GrantTypes, grantType) }

// IsPublic reports whether the client cannot keep a key to itself.
func (c *Client) IsPublic() bool { return c.AuthMethod == Public }

// FollowsFAPI reports whether the client is held to any part of the FAPI 2.0
// security profile, and with it to its algorithms (5.4.1).
func (c *Client) FollowsFAPI() bool { return c.RequirePAR || c.RequireDPoP }

// SectorOf returns the sector that the client's subjects are for, "" for
// public subjects.
func (c *Client) SectorOf() string {
	if c.SubjectType != SubjectPairwise {
		return ""
	}
	if c.Sector != "" {
		return c.Sector
	}
	for _, uri := range c.RedirectURIs {
		if parsed, err := url.Parse(uri); err == nil && parsed.Host != "" {
			return parsed.Host
		}
	}
	return c.ID
}

// IDTokenAlgorithm returns what ID tokens are signed with.
func (c *Client) IDTokenAlgorithm() jose.SignatureAlgorithm {
	if c.IDTokenAlg == "" {
		return jose.ES256
	}
	return c.IDTokenAlg
}

// Store reads clients; store.ErrNotFound only when it is sure.
type Store interface {
	Client(ctx context.Context, id string) (*Client, error)
}

const (
	// fresh is how long a cached client is used without asking again: the
	// longest time a change needs to take effect.
	fresh = 30 * time.Second
	// capacity bounds the cache.
	capacity = 1000
)

// Registry is a Store that can also list clients.
type Registry interface {
	Store
	// Clients returns all clients, or most of them when there are more. It may
	// be moments behind: that a client is not among them is no verdict.
	Clients(ctx context.Context, most int) ([]*Client, error)
}

// Cache is a Store in front of a Registry.
type Cache struct {
	store Registry
	now   func() time.Time
	log   *slog.Logger

	flights singleflight.Group
	mu      sync.Mutex
	entries map[string]entry
}

type entry struct {
	client *Client
	read   time.Time
}

// NewCache returns an empty cache of store; Run fills it.
func NewCache(store Registry, now func() time.Time, log *slog.Logger) *Cache {
	return &Cache{store: store, now: now, log: log, entries: map[string]entry{}}
}

// Client returns the client with id. When the store cannot tell, the last
// known version is served, however old.
func (c *Cache) Client(ctx context.Context, id string) (*Client, error) {
	known, found := c.lookup(id)
	if found && c.now().Sub(known.read) < fresh {
		return known.client, nil
	}
	// The first caller may leave; others wait for the same answer.
	read, err, _ := c.flights.Do(id, func() (any, error) { return c.store.Client(context.WithoutCancel(ctx), id) })
	if errors.Is(err, store.ErrNotFound) {
		c.forget(id)
		return nil, err
	}
	if err != nil {
		if found {
			return known.client, nil
		}
		return nil, fmt.Errorf("read client: %w", err)
	}
	client := read.(*Client)
	c.remember(client)
	return client, nil
}

func (c *Cache) lookup(id string) (entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, found := c.entries[id]
	return known, found
}

func (c *Cache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, id)
}

func (c *Cache) remember(client *Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(client, c.now())
}

// put is called with mu held.
func (c *Cache) put(client *Client, read time.Time) {
	if _, known := c.entries[client.ID]; !known && len(c.entries) >= capacity {
		for victim := range c.entries { // any: clients are few, this is a bound
			delete(c.entries, victim)
			break
		}
	}
	c.entries[client.ID] = entry{client: client, read: read}
}
