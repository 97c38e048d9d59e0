package oidc

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// NewZoneKeys makes the probe that compares the key sets of all zones: a token
// of one zone must be verified with the keys of any other.
func NewZoneKeys(cfg Config) (*journey.Probe, error) {
	return cfg.Probe(journey.Spec{
		Name: "jwks-zones", About: "compares the key sets of all zones", Every: zonesPace,
	}, func(ctx context.Context, s *Session) error { return s.compareZones(ctx) })
}

// zoneKeys are the keys of one zone, by thumbprint.
type zoneKeys struct {
	zone string
	keys []string
	// named are the names of the keys, for people.
	named map[string]string
}

func (s *Session) compareZones(ctx context.Context) error {
	if err := s.Discover(ctx); err != nil {
		return err
	}
	var answered []zoneKeys
	var silent error
	for _, zone := range s.cfg.Zones {
		var found zoneKeys
		err := s.Take(ctx, "jwks-"+zone.Name, func(ctx context.Context) (err error) {
			found, err = s.readZoneKeys(ctx, zone)
			return err
		})
		var failure *exchange.Failure
		switch {
		case err == nil:
			answered = append(answered, found)
		case errors.As(err, &failure) && failure.Reason.Transient():
			// That a zone is away is the business of its own probe.
			silent = err
			s.Remark(fmt.Sprintf("zone %s did not answer (%s)", zone.Name, failure.Detail))
		default:
			return err
		}
	}
	if len(answered) < 2 {
		return silent
	}
	s.Result().FailedStep = ""
	return s.Take(ctx, "compare", func(context.Context) error { return agree(answered) })
}

func (s *Session) readZoneKeys(ctx context.Context, zone target.Zone) (zoneKeys, error) {
	found := zoneKeys{zone: zone.Name, named: map[string]string{}}
	published, err := url.Parse(s.Provider.JWKSURI)
	if err != nil {
		return found, exchange.Brokenf(verdict.Content, "the jwks_uri is no URL: %v", err)
	}
	reply, err := s.Get(ctx, strings.TrimSuffix(zone.URL, "/")+published.EscapedPath(), journey.AcceptJSON)
	if err != nil {
		return found, err
	}
	if reply.Status != http.StatusOK {
		return found, exchange.Unexpected(reply, "")
	}
	var set keySet
	if err := json.Unmarshal(reply.Body, &set); err != nil {
		return found, exchange.Brokenf(verdict.Content, "the key set of zone %s cannot be read: %v", zone.Name, err)
	}
	if err := set.check(); err != nil {
		return found, err
	}
	for _, key := range set.Keys {
		thumbprint, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			return found, exchange.Brokenf(verdict.Keys, "the key %q of zone %s cannot be used: %v", shorten(key.KeyID), zone.Name, err)
		}
		encoded := base64.RawURLEncoding.EncodeToString(thumbprint)
		found.keys = append(found.keys, encoded)
		found.named[encoded] = idOf(key.KeyID, encoded)
	}
	return found, nil
}

// agree reports the first key that one zone has and another lacks.
func agree(zones []zoneKeys) error {
	for _, one := range zones {
		for _, other := range zones {
			for _, key := range one.keys {
				if !slices.Contains(other.keys, key) {
					return exchange.Brokenf(verdict.Disagreement, "zone %s publishes the key %q, zone %s does not", one.zone, shorten(one.named[key]), other.zone)
				}
			}
		}
	}
	return nil
}
