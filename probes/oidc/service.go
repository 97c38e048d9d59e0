package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// NewClientCredentials makes the probe of a client that gets a token for itself
// (RFC 6749, section 4.4).
func NewClientCredentials(cfg Config) (*journey.Probe, error) {
	if cfg.Service.ID == "" {
		return nil, errors.New("client-credentials probe needs a service client")
	}
	return cfg.Probe(journey.Spec{
		Name: "client-credentials", About: "gets a token for the service client, without a person",
	}, func(ctx context.Context, s *Session) error {
		if err := s.Discover(ctx); err != nil {
			return err
		}
		if err := s.Take(ctx, "token", s.tokenForService); err != nil {
			return err
		}
		if !describesItself(s.Tokens.AccessToken) {
			return nil
		}
		if err := s.Take(ctx, "jwks", s.readKeys); err != nil {
			return err
		}
		return s.Take(ctx, "access-token", s.verifyAccessToken)
	})
}

func (s *Session) tokenForService(ctx context.Context) error {
	client := s.cfg.Service
	values := url.Values{"grant_type": {"client_credentials"}}
	for name, value := range map[string]string{"scope": strings.Join(client.Scopes, " "), "audience": client.Audience, "resource": client.Resource} {
		if value != "" {
			values.Set(name, value)
		}
	}
	reply, err := s.postAs(ctx, client.Credentials(), s.Provider.TokenEndpoint, values)
	if err != nil {
		return err
	}
	return s.acceptTokens(reply)
}

// describesItself reports whether an access token is a JWT that everybody may
// read (RFC 9068, section 2.1). Others are nobody's business but the
// provider's.
func describesItself(token string) bool {
	signed, err := jose.ParseSignedCompact(token, signatures(nil))
	if err != nil {
		return false
	}
	kind, _ := signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string)
	return strings.TrimPrefix(strings.ToLower(kind), "application/") == "at+jwt"
}

func (s *Session) verifyAccessToken(ctx context.Context) error {
	payload, err := s.verify(ctx, s.Tokens.AccessToken, "access token", nil)
	if err != nil {
		return err
	}
	var claims jwt.Claims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return exchange.Brokenf(verdict.Content, "the claims of the access token cannot be read: %v", err)
	}
	switch {
	case claims.Issuer != s.issuer():
		return exchange.Brokenf(verdict.Claims, "wrong iss in the access token: got %q, expected %q", shorten(claims.Issuer), s.issuer())
	case s.cfg.Service.Resource != "" && !claims.Audience.Contains(s.cfg.Service.Resource):
		return exchange.Brokenf(verdict.Claims, "wrong aud in the access token: got %q, expected %q", []string(claims.Audience), s.cfg.Service.Resource)
	}
	return s.checkTimes(idClaims{Claims: claims})
}
