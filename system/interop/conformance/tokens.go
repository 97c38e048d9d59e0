package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/interop/browser"
)

// tokens are a token response, checked.
type tokens struct {
	access  string
	refresh string
	raw     string  // the ID token
	id      members // its claims
	code    string  // they were redeemed with
	visit   *browser.Visit
}

// authTime is the auth_time claim, 0 if there is none.
func (t *tokens) authTime() int64 {
	seconds, _ := t.id["auth_time"].(float64)
	return int64(seconds)
}

func (t *tokens) subject() string {
	subject, _ := t.id["sub"].(string)
	return subject
}

// enter goes through a whole login and checks every part of it.
func (p *party) enter(ctx context.Context, change ...func(url.Values)) (*tokens, error) {
	return p.finish(ctx, p.request(change...))
}

func (p *party) finish(ctx context.Context, r *request) (*tokens, error) {
	visit, err := p.logIn(ctx, r)
	if err != nil {
		return nil, err
	}
	return p.collect(ctx, r, visit)
}

// collect redeems what a visit brought.
func (p *party) collect(ctx context.Context, r *request, visit *browser.Visit) (*tokens, error) {
	code, err := p.granted(r, visit)
	if err != nil {
		return nil, err
	}
	got, err := p.redeem(ctx, r, code)
	if err != nil {
		return nil, err
	}
	t, err := p.tokens(ctx, got, r.values.Get("nonce"))
	if err != nil {
		return nil, err
	}
	t.code, t.visit = code, visit
	return t, nil
}

// tokens checks a token response as the suite's happy flow does.
func (p *party) tokens(ctx context.Context, got *answer, nonce string) (*tokens, error) {
	if err := got.accepted(http.StatusOK); err != nil {
		return nil, fmt.Errorf("token response: %w", err)
	}
	t := &tokens{access: got.text("access_token"), refresh: got.text("refresh_token"), raw: got.text("id_token")}
	kind := "Bearer"
	if p.key != nil {
		kind = "DPoP"
	}
	var problems []error
	if !strings.EqualFold(got.text("token_type"), kind) {
		problems = append(problems, fmt.Errorf("token_type %q, want %s", got.text("token_type"), kind))
	}
	if t.access == "" || got.json["expires_in"] == nil {
		problems = append(problems, errors.New("access_token or expires_in is missing"))
	}
	if !strings.Contains(got.header.Get("Cache-Control"), "no-store") { // RFC 6749, 5.1
		problems = append(problems, fmt.Errorf("Cache-Control %q, want no-store", got.header.Get("Cache-Control")))
	}
	if t.raw != "" {
		claims, err := p.verify(ctx, t.raw)
		if err == nil {
			err = p.checkID(claims, nonce, t.access)
		}
		problems = append(problems, err)
		t.id = claims
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("token response: %w", err)
	}
	return t, nil
}

// keys returns the provider's public keys.
func (p *party) keys(ctx context.Context) (*jose.JSONWebKeySet, error) {
	got, err := p.do(ctx, call{address: p.endpoint("jwks_uri")})
	if err != nil {
		return nil, err
	}
	if err := got.accepted(http.StatusOK); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	set := &jose.JSONWebKeySet{}
	if err := json.Unmarshal(got.body, set); err != nil {
		return nil, fmt.Errorf("decode keys: %w", err)
	}
	return set, nil
}

// verify returns the claims of a token signed with a published key.
func (p *party) verify(ctx context.Context, token string) (members, error) {
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256, jose.EdDSA})
	if err != nil {
		return nil, fmt.Errorf("parse token: %w", err)
	}
	set, err := p.keys(ctx)
	if err != nil {
		return nil, err
	}
	header := parsed.Signatures[0].Protected
	matching := set.Key(header.KeyID)
	if len(matching) != 1 {
		return nil, fmt.Errorf("%d published keys have the kid %q", len(matching), header.KeyID)
	}
	text, err := parsed.Verify(matching[0])
	if err != nil {
		return nil, fmt.Errorf("verify token with key %s: %w", header.KeyID, err)
	}
	claims := members{}
	if err := json.Unmarshal(text, &claims); err != nil {
		return nil, fmt.Errorf("decode claims: %w", err)
	}
	return claims, nil
}

// checkID holds the claims of an ID token to OpenID Connect Core, 2 and 3.1.3.7.
func (p *party) checkID(claims members, nonce, access string) error {
	var problems []error
	want := func(holds bool, format string, args ...any) {
		if !holds {
			problems = append(problems, fmt.Errorf("ID token: "+format, args...))
		}
	}
	now := float64(time.Now().Unix())
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	subject, _ := claims["sub"].(string)
	want(claims["iss"] == p.target.Issuer, "iss %v", claims["iss"])
	want(slices.Contains(audiences(claims["aud"]), p.client.ID), "aud %v", claims["aud"])
	want(claims["azp"] == nil || claims["azp"] == p.client.ID, "azp %v", claims["azp"])
	want(subject != "" && len(subject) <= 255, "sub %q", subject)
	want(expires > now && expires < now+86400, "exp %v at %v", claims["exp"], now)
	want(issued > now-300 && issued <= now+5, "iat %v at %v", claims["iat"], now)
	if nbf, given := claims["nbf"].(float64); given {
		want(nbf <= now+5, "nbf %v at %v", nbf, now)
	}
	if nonce == "" {
		want(claims["nonce"] == nil, "nonce %v though none was sent", claims["nonce"])
	} else {
		want(claims["nonce"] == nonce, "nonce %v, want %q", claims["nonce"], nonce)
	}
	if hash, given := claims["at_hash"].(string); given {
		sum := sha256.Sum256([]byte(access))
		want(hash == base64.RawURLEncoding.EncodeToString(sum[:16]), "at_hash is not of this access token")
	}
	return errors.Join(problems...)
}

func audiences(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case []any:
		var all []string
		for _, one := range claim {
			text, _ := one.(string)
			all = append(all, text)
		}
		return all
	default:
		return nil
	}
}

// profile returns the claims of a userinfo answer that must be about t's subject.
func (p *party) profile(ctx context.Context, t *tokens, change ...func(*call)) (members, error) {
	got, err := p.userinfo(ctx, t.access, change...)
	if err != nil {
		return nil, err
	}
	if err := got.accepted(http.StatusOK); err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	claims := got.json
	if claims == nil { // application/jwt, OpenID Connect Core, 5.3.2
		if claims, err = p.verify(ctx, string(got.body)); err != nil {
			return nil, fmt.Errorf("userinfo: %w", err)
		}
	}
	if claims["sub"] != t.id["sub"] {
		return nil, fmt.Errorf("userinfo is about %v, the ID token about %v", claims["sub"], t.id["sub"])
	}
	return claims, nil
}
