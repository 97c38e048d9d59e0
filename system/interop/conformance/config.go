package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/text/language"
)

func configModules() []Module {
	return by([]Module{
		{Name: "oidcc-discovery-endpoint-verification", Check: discovery},
	}, func(t *Target) Client { return t.Basic })
}

// required are members that OpenID Connect Discovery, 3 requires of every
// provider, and optional ones this kind of client needs.
func required() []string {
	return []string{
		"issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri",
		"response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported",
		"scopes_supported", "claims_supported", "grant_types_supported", "code_challenge_methods_supported",
		"token_endpoint_auth_methods_supported",
	}
}

func discovery(ctx context.Context, p *party) error {
	got, err := p.do(ctx, call{address: p.target.Issuer + "/.well-known/openid-configuration"})
	if err != nil {
		return err
	}
	problems := []error{got.accepted(http.StatusOK)}
	if kind := got.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		problems = append(problems, fmt.Errorf("Content-Type %q", kind))
	}
	if p.meta["issuer"] != p.target.Issuer {
		problems = append(problems, fmt.Errorf("issuer is %v, want %s", p.meta["issuer"], p.target.Issuer))
	}
	for _, name := range required() {
		if p.meta[name] == nil {
			problems = append(problems, fmt.Errorf("%s is missing", name))
		}
	}
	problems = append(problems, p.endpointsAreSafe(), p.valuesAreRight(), p.localesAreCanonical(), p.keysAreRight(ctx))
	return errors.Join(problems...)
}

// endpointsAreSafe: every endpoint is an absolute URL of the issuer's scheme,
// which is https but for a peer on loopback.
func (p *party) endpointsAreSafe() error {
	issuer, err := url.Parse(p.target.Issuer)
	if err != nil || issuer.RawQuery != "" || issuer.Fragment != "" {
		return fmt.Errorf("issuer %q is no issuer identifier", p.target.Issuer)
	}
	var problems []error
	for name, value := range p.meta {
		if !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
			continue
		}
		text, _ := value.(string)
		parsed, err := url.Parse(text)
		if err != nil || parsed.Scheme != issuer.Scheme || parsed.Host == "" || parsed.Fragment != "" {
			problems = append(problems, fmt.Errorf("%s is %v", name, value))
		}
	}
	return errors.Join(problems...)
}

func (p *party) lists(name string) []string {
	values, _ := p.meta[name].([]any)
	var all []string
	for _, value := range values {
		text, _ := value.(string)
		all = append(all, text)
	}
	return all
}

func (p *party) valuesAreRight() error {
	var problems []error
	for name, want := range map[string]string{
		"response_types_supported": "code", "grant_types_supported": "authorization_code",
		"scopes_supported": "openid", "claims_supported": "sub", "code_challenge_methods_supported": "S256",
	} {
		if !slices.Contains(p.lists(name), want) {
			problems = append(problems, fmt.Errorf("%s is %v without %s", name, p.meta[name], want))
		}
	}
	for name, never := range map[string]string{
		"id_token_signing_alg_values_supported": "none", "userinfo_signing_alg_values_supported": "none",
		"token_endpoint_auth_signing_alg_values_supported": "none", "code_challenge_methods_supported": "plain",
	} {
		if slices.Contains(p.lists(name), never) {
			problems = append(problems, fmt.Errorf("%s offers %s", name, never))
		}
	}
	for _, kind := range p.lists("subject_types_supported") {
		if kind != "public" && kind != "pairwise" {
			problems = append(problems, fmt.Errorf("subject type %q", kind))
		}
	}
	for _, scope := range p.lists("scopes_supported") { // RFC 6749, 3.3
		if scope == "" || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			problems = append(problems, fmt.Errorf("scope %q", scope))
		}
	}
	for _, name := range []string{"claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported", "require_request_uri_registration"} {
		if _, is := p.meta[name].(bool); !is && p.meta[name] != nil {
			problems = append(problems, fmt.Errorf("%s is %v", name, p.meta[name]))
		}
	}
	return errors.Join(problems...)
}

func (p *party) localesAreCanonical() error {
	var problems []error
	for _, name := range []string{"ui_locales_supported", "claims_locales_supported"} {
		for _, locale := range p.lists(name) {
			tag, err := language.Parse(locale)
			if err != nil || tag.String() != locale {
				problems = append(problems, fmt.Errorf("%s has %q", name, locale))
			}
		}
	}
	return errors.Join(problems...)
}

// keysAreRight: valid public keys with different kids, and one for every
// algorithm that is offered.
func (p *party) keysAreRight(ctx context.Context) error {
	got, err := p.do(ctx, call{address: p.endpoint("jwks_uri")})
	if err != nil {
		return err
	}
	var raw struct {
		Keys []members `json:"keys"`
	}
	if err := json.Unmarshal(got.body, &raw); err != nil {
		return fmt.Errorf("decode keys: %w", err)
	}
	var problems []error
	seen := map[any]bool{}
	for _, key := range raw.Keys {
		if key["kid"] == nil || seen[key["kid"]] {
			problems = append(problems, fmt.Errorf("kid %v is missing or there twice", key["kid"]))
		}
		seen[key["kid"]] = true
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if key[private] != nil {
				problems = append(problems, fmt.Errorf("key %v shows its private member %s", key["kid"], private))
			}
		}
	}
	set, err := p.keys(ctx)
	if err != nil {
		return errors.Join(append(problems, err)...)
	}
	for _, alg := range p.lists("id_token_signing_alg_values_supported") {
		if !slices.ContainsFunc(set.Keys, func(key jose.JSONWebKey) bool { return fits(key, alg) }) {
			problems = append(problems, fmt.Errorf("no key for %s", alg))
		}
	}
	return errors.Join(problems...)
}

func fits(key jose.JSONWebKey, alg string) bool {
	if !key.Valid() || key.Use == "enc" || (key.Algorithm != "" && key.Algorithm != alg) {
		return false
	}
	family := map[string]string{"E": "*ecdsa.PublicKey", "R": "*rsa.PublicKey", "P": "*rsa.PublicKey"}
	want, known := family[alg[:1]]
	return !known || alg == "EdDSA" || fmt.Sprintf("%T", key.Key) == want
}
