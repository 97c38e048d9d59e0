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
	"tocsin/probes/exchange"
)

// metadata is the part of a discovery document that a login needs (OpenID
// Connect Discovery 1.0, section 3).
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	UserinfoEndpoint      string   `json:"userinfo_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	IDTokenAlgorithms     []string `json:"id_token_signing_alg_values_supported"`
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
func NewDiscovery(cfg Config) (*Discovery, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	return &Discovery{check{
		name: "discovery", about: "reads and checks the discovery document", cfg: cfg, attempts: 2,
		walk: func(ctx context.Context, j *journey) error { return j.discover(ctx, cfg.Issuer+wellKnown) },
	}}, nil
}

// Discovery is the probe that reads the discovery document.
type Discovery struct{ check }

// NewJWKS makes the probe that reads the keys of the provider.
func NewJWKS(cfg Config) (*JWKS, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	return &JWKS{check{
		name: "jwks", about: "reads and checks the keys that sign tokens", cfg: cfg, attempts: 2,
		walk: func(ctx context.Context, j *journey) error {
			if err := j.discover(ctx, cfg.Issuer+wellKnown); err != nil {
				return err
			}
			return j.take(ctx, "jwks", j.readKeys)
		},
	}}, nil
}

// JWKS is the probe that reads the keys of the provider.
type JWKS struct{ check }

// NewZone makes the probe of one zone: the discovery document through the
// zone's own entry. It does not retry, because a retry would hide the moment a
// zone went away; and it gives up after two seconds at most.
func NewZone(cfg Config, zone target.Zone) (*Zone, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("probe of zone %s: %w", zone.Name, err)
	}
	address := strings.TrimSuffix(zone.URL, "/") + issuer.Path + wellKnown
	cfg.ExchangeTimeout = min(cfg.ExchangeTimeout, zoneTimeout)
	return &Zone{check{
		name: "zone-" + zone.Name, about: "reads the discovery document at " + zone.URL, cfg: cfg, attempts: 1,
		walk: func(ctx context.Context, j *journey) error { return j.discover(ctx, address) },
	}}, nil
}

// Zone is the probe of one zone's entry.
type Zone struct{ check }

func (j *journey) discover(ctx context.Context, address string) error {
	return j.take(ctx, "discovery", func(ctx context.Context) error {
		reply, err := j.get(ctx, address, acceptJSON)
		if err != nil {
			return err
		}
		if reply.Status != http.StatusOK {
			return exchange.Unexpected(reply, "")
		}
		if err := json.Unmarshal(reply.Body, &j.provider); err != nil {
			return exchange.Brokenf("the discovery document is not JSON: %v", err)
		}
		return j.checkMetadata()
	})
}

func (j *journey) checkMetadata() error {
	// Discovery 1.0, section 4.3: the issuer must be exactly the one asked for,
	// else somebody else answers in its name.
	if j.provider.Issuer != j.cfg.Issuer {
		return exchange.Brokenf("the discovery document names the issuer %q, expected %q", j.provider.Issuer, j.cfg.Issuer)
	}
	for name, address := range map[string]string{
		"authorization_endpoint": j.provider.AuthorizationEndpoint,
		"token_endpoint":         j.provider.TokenEndpoint,
		"jwks_uri":               j.provider.JWKSURI,
	} {
		parsed, err := url.Parse(address)
		if err != nil || parsed.Host == "" {
			return exchange.Brokenf("the discovery document has no usable %s: %q", name, address)
		}
	}
	return nil
}

func (j *journey) readKeys(ctx context.Context) error {
	reply, err := j.get(ctx, j.provider.JWKSURI, "application/jwk-set+json, application/json")
	if err != nil {
		return err
	}
	if reply.Status != http.StatusOK {
		return exchange.Unexpected(reply, "")
	}
	var keys keySet
	if err := json.Unmarshal(reply.Body, &keys); err != nil {
		return exchange.Brokenf("the key set at %s cannot be read: %v", reply.URL.Path, err)
	}
	if err := keys.check(); err != nil {
		return err
	}
	j.keys = keys
	return nil
}

// check refuses a key set with which nobody could verify a token, or which
// gives a secret away.
func (k keySet) check() error {
	if len(k.Keys) == 0 {
		return exchange.Brokenf("the key set is empty: nobody can verify a token")
	}
	seen := make(map[string]bool, len(k.Keys))
	for _, key := range k.Keys {
		if !key.IsPublic() {
			return exchange.Brokenf("the key set publishes the private key %q", key.KeyID)
		}
		if key.KeyID != "" && seen[key.KeyID] {
			return exchange.Brokenf("the key set has the key %q twice", key.KeyID)
		}
		seen[key.KeyID] = true
	}
	return nil
}
