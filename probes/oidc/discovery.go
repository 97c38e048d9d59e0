package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// Metadata is the part of a discovery document that journeys need (OpenID
// Connect Discovery 1.0, section 3; RFC 8414, section 2; RFC 9126, section 5;
// RFC 9449, section 5.1; RP-Initiated Logout 1.0, section 2.1).
type Metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	UserinfoEndpoint      string   `json:"userinfo_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	PAREndpoint           string   `json:"pushed_authorization_request_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	EndSessionEndpoint    string   `json:"end_session_endpoint"`
	Scopes                []string `json:"scopes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	IDTokenAlgorithms     []string `json:"id_token_signing_alg_values_supported"`
	UserinfoAlgorithms    []string `json:"userinfo_signing_alg_values_supported"`
	DPoPAlgorithms        []string `json:"dpop_signing_alg_values_supported"`
	IssuerInResponse      bool     `json:"authorization_response_iss_parameter_supported"`
}

// keySet is the keys of the provider.
type keySet struct{ jose.JSONWebKeySet }

const (
	wellKnown = "/.well-known/openid-configuration"
	// zoneTimeout is the longest exchange of a zone probe.
	zoneTimeout = 2 * time.Second
)

// NewDiscovery makes the probe that reads the discovery document.
func NewDiscovery(cfg Config) (*journey.Probe, error) {
	return cfg.Probe(journey.Spec{
		Name: "discovery", About: "reads and checks the discovery document",
	}, func(ctx context.Context, s *Session) error { return s.Discover(ctx) })
}

// NewJWKS makes the probe that reads the keys of the provider.
func NewJWKS(cfg Config) (*journey.Probe, error) {
	return cfg.Probe(journey.Spec{
		Name: "jwks", About: "reads and checks the keys that sign tokens",
	}, func(ctx context.Context, s *Session) error {
		if err := s.Discover(ctx); err != nil {
			return err
		}
		return s.Take(ctx, "jwks", s.readKeys)
	})
}

// NewZone makes the probe of one zone: the discovery document through the
// zone's own entry. It does not retry, because a retry would hide the moment a
// zone went away; and it gives up after two seconds at most.
func NewZone(cfg Config, zone target.Zone) (*journey.Probe, error) {
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("probe of zone %s: %w", zone.Name, err)
	}
	address := strings.TrimSuffix(zone.URL, "/") + issuer.Path + wellKnown
	if cfg.ExchangeTimeout == 0 || cfg.ExchangeTimeout > zoneTimeout {
		cfg.ExchangeTimeout = zoneTimeout
	}
	return cfg.Probe(journey.Spec{
		Name: "zone-" + zone.Name, About: "reads the discovery document at " + zone.URL, Attempts: 1,
	}, func(ctx context.Context, s *Session) error { return s.discover(ctx, address) })
}

// Discover reads the discovery document, as a step.
func (s *Session) Discover(ctx context.Context) error {
	return s.discover(ctx, s.cfg.Issuer+wellKnown)
}

// issuer is the identifier of the provider, in its own words.
func (s *Session) issuer() string {
	switch {
	case s.Provider.Issuer != "":
		return s.Provider.Issuer
	case s.cfg.StatedIssuer != "":
		return s.cfg.StatedIssuer
	}
	return s.cfg.Issuer
}

func (s *Session) discover(ctx context.Context, address string) error {
	return s.Take(ctx, "discovery", func(ctx context.Context) error {
		reply, err := s.Get(ctx, address, journey.AcceptJSON)
		if err != nil {
			return err
		}
		if reply.Status != http.StatusOK {
			return exchange.Unexpected(reply, "")
		}
		s.Document = reply
		if err := json.Unmarshal(reply.Body, &s.Provider); err != nil {
			return exchange.Brokenf(verdict.Content, "the discovery document is not JSON: %v", err)
		}
		if err := s.checkMetadata(); err != nil {
			return err
		}
		return s.checkNeeds()
	})
}

func (s *Session) checkMetadata() error {
	// Discovery 1.0, section 4.3: the issuer must be exactly the one asked for,
	// else somebody else answers in its name.
	if got := s.Provider.Issuer; got == "" || got != s.cfg.Issuer && got != s.cfg.StatedIssuer {
		return exchange.Brokenf(verdict.Claims, "the discovery document names the issuer %q, expected %q", shorten(got), s.cfg.Issuer)
	}
	for name, address := range map[string]string{
		"authorization_endpoint": s.Provider.AuthorizationEndpoint,
		"token_endpoint":         s.Provider.TokenEndpoint,
		"jwks_uri":               s.Provider.JWKSURI,
	} {
		parsed, err := url.Parse(address)
		if err != nil || parsed.Host == "" {
			return exchange.Brokenf(verdict.Content, "the discovery document has no usable %s: %q", name, address)
		}
	}
	return nil
}

func (s *Session) readKeys(ctx context.Context) error {
	reply, err := s.Get(ctx, s.Provider.JWKSURI, "application/jwk-set+json, application/json")
	if err != nil {
		return err
	}
	if reply.Status != http.StatusOK {
		return exchange.Unexpected(reply, "")
	}
	var keys keySet
	if err := json.Unmarshal(reply.Body, &keys); err != nil {
		return exchange.Brokenf(verdict.Content, "the key set at %s cannot be read: %v", reply.URL.Path, err)
	}
	if err := keys.check(); err != nil {
		return err
	}
	s.keys = keys
	return s.watchKeys(freshFor(reply.Header))
}

// check refuses a key set with which nobody could verify a token, or which
// gives a secret away.
func (k keySet) check() error {
	if len(k.Keys) == 0 {
		return exchange.Brokenf(verdict.Keys, "the key set is empty: nobody can verify a token")
	}
	seen := make(map[string]bool, len(k.Keys))
	for _, key := range k.Keys {
		if !key.IsPublic() {
			return exchange.Brokenf(verdict.Keys, "the key set publishes the private key %q", key.KeyID)
		}
		if key.KeyID != "" && seen[key.KeyID] {
			return exchange.Brokenf(verdict.Keys, "the key set has the key %q twice", key.KeyID)
		}
		seen[key.KeyID] = true
	}
	return nil
}
