package oidc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// idClaims is what an ID token is checked by (OpenID Connect Core, section 2).
type idClaims struct {
	jwt.Claims
	AuthorizedParty string `json:"azp"`
	Nonce           string `json:"nonce"`
	AccessTokenHash string `json:"at_hash"`
}

// signatures that a provider may use: asymmetric ones. The symmetric ones and
// none would let anybody who knows the client secret, or nobody at all, sign.
func signatures(announced []string) []jose.SignatureAlgorithm {
	all := []jose.SignatureAlgorithm{
		jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512,
		jose.RS256, jose.RS384, jose.RS512, jose.EdDSA,
	}
	if len(announced) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(algorithm jose.SignatureAlgorithm) bool {
		return !slices.Contains(announced, string(algorithm))
	})
}

// verifyIDToken checks the ID token as OpenID Connect Core, section 3.1.3.7,
// says.
func (s *Session) verifyIDToken(ctx context.Context) error {
	payload, err := s.verify(ctx, s.Tokens.IDToken, "ID token", s.Provider.IDTokenAlgorithms)
	if err != nil {
		return err
	}
	var claims idClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return exchange.Brokenf(verdict.Content, "the claims of the ID token cannot be read: %v", err)
	}
	if err := s.checkParties(claims); err != nil {
		return err
	}
	if err := s.checkTimes(claims); err != nil {
		return err
	}
	if err := s.checkAccessTokenHash(claims); err != nil {
		return err
	}
	s.Subject = claims.Subject
	return nil
}

// verify checks the signature of a token and returns what it says. A key must
// be published before it signs: one that is found only by reading the key set
// once more was not.
func (s *Session) verify(ctx context.Context, token, name string, announced []string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, signatures(announced))
	if err != nil {
		return nil, exchange.Brokenf(verdict.Signature, "the %s cannot be read or is signed with an algorithm the provider does not announce: %v", name, err)
	}
	header := signed.Signatures[0].Protected
	keys := s.keys.candidates(header.KeyID)
	late := len(keys) == 0
	if late {
		if err := s.readKeys(ctx); err != nil {
			return nil, err
		}
		keys = s.keys.candidates(header.KeyID)
	}
	if len(keys) == 0 {
		return nil, exchange.Brokenf(verdict.Signature, "the %s is signed with the key %q, which the key set does not have", name, shorten(header.KeyID))
	}
	for _, key := range keys {
		payload, err := signed.Verify(key)
		switch {
		case err != nil:
		case late:
			return nil, exchange.Brokenf(verdict.Keys, "the %s is signed with the key %q, which was published only after it: whoever had read the key set as we had could not verify it", name, shorten(header.KeyID))
		default:
			return payload, s.watchSigner(name, key, payload)
		}
	}
	return nil, exchange.Brokenf(verdict.Signature, "the signature of the %s is wrong (%s, key %q)", name, header.Algorithm, shorten(header.KeyID))
}

// candidates are the keys that may have signed: the named one, or without a
// name every one.
func (k keySet) candidates(id string) []jose.JSONWebKey {
	if id != "" {
		return k.Key(id)
	}
	return k.Keys
}

func (s *Session) checkParties(claims idClaims) error {
	client := s.cfg.Client.ID
	switch {
	case claims.Issuer != s.issuer():
		return exchange.Brokenf(verdict.Claims, "wrong iss in the ID token: got %q, expected %q", shorten(claims.Issuer), s.issuer())
	case !claims.Audience.Contains(client):
		return exchange.Brokenf(verdict.Claims, "wrong aud in the ID token: got %q, expected %q", []string(claims.Audience), client)
	case claims.AuthorizedParty != "" && claims.AuthorizedParty != client:
		return exchange.Brokenf(verdict.Claims, "wrong azp in the ID token: got %q, expected %q", shorten(claims.AuthorizedParty), client)
	case claims.Nonce != s.flow.nonce:
		return exchange.Brokenf(verdict.Claims, "wrong nonce in the ID token: it was not issued for this login (got %q)", shorten(claims.Nonce))
	case claims.Subject == "":
		return exchange.Brokenf(verdict.Claims, "the ID token does not say who logged in (no sub)")
	}
	return nil
}

func (s *Session) checkTimes(claims idClaims) error {
	if claims.Expiry == nil || claims.IssuedAt == nil {
		return exchange.Brokenf(verdict.Claims, "the ID token lacks exp or iat")
	}
	now, skew := s.Now(), s.MaxSkew()
	expires, issued := claims.Expiry.Time(), claims.IssuedAt.Time()
	switch {
	case !now.Before(expires.Add(skew)):
		return s.WrongTime(verdict.Claims, fmt.Sprintf("the ID token expired at %s, %s ago", clock(expires), now.Sub(expires).Round(time.Second)))
	case issued.After(now.Add(skew)):
		return s.WrongTime(verdict.Claims, fmt.Sprintf("the ID token is from the future: issued at %s, in %s", clock(issued), issued.Sub(now).Round(time.Second)))
	case issued.Before(now.Add(-skew - s.Age())):
		return s.WrongTime(verdict.Claims, fmt.Sprintf("the ID token is not fresh: issued at %s, %s ago", clock(issued), now.Sub(issued).Round(time.Second)))
	case claims.NotBefore != nil && claims.NotBefore.Time().After(now.Add(skew)):
		return s.WrongTime(verdict.Claims, fmt.Sprintf("the ID token is not valid before %s", clock(claims.NotBefore.Time())))
	}
	return nil
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// checkAccessTokenHash binds the access token to the ID token (OpenID Connect
// Core, section 3.1.3.6). The code flow may leave it out.
func (s *Session) checkAccessTokenHash(claims idClaims) error {
	if claims.AccessTokenHash == "" {
		return nil
	}
	got, err := base64.RawURLEncoding.DecodeString(claims.AccessTokenHash)
	if err != nil {
		return exchange.Brokenf(verdict.Claims, "at_hash of the ID token is not base64url: %v", err)
	}
	if !bytes.Equal(got, leftHalf(s.Tokens.AccessToken, len(got))) {
		return exchange.Brokenf(verdict.Claims, "wrong at_hash: the access token does not belong to the ID token")
	}
	return nil
}

// leftHalf hashes text with the SHA-2 function whose left half has size bytes;
// which function it is follows from the signature algorithm, and so does size.
func leftHalf(text string, size int) []byte {
	switch size {
	case sha512.Size384 / 2:
		sum := sha512.Sum384([]byte(text))
		return sum[:size]
	case sha512.Size / 2:
		sum := sha512.Sum512([]byte(text))
		return sum[:size]
	default:
		sum := sha256.Sum256([]byte(text))
		return sum[:sha256.Size/2]
	}
}
