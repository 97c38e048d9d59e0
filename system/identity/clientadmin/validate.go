package clientadmin

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/text/language"

	"tocsin/system/authenticator"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/compact"
)

// Field is a member of a registration, by its name in RFC 7591.
type Field string

// The fields that can be wrong.
const (
	ID           Field = "client_id"
	Name         Field = "client_name"
	Language     Field = "client_name_by_language"
	LogoURI      Field = "logo_uri"
	RedirectURIs Field = "redirect_uris"
	Keys         Field = "jwks"
	GrantTypes   Field = "grant_types"
	AuthMethod   Field = "token_endpoint_auth_method"
	Claims       Field = "claims"
	ACRs         Field = "acr_values"
	RelyingParty Field = "relying_party_id"
	Consent      Field = "consent_expire_in_mins"
	Algorithms   Field = "signed_response_alg"
)

// Problem is one thing that is wrong.
type Problem struct {
	Field  Field
	Reason string
}

const (
	maxID           = 100
	maxName         = 256
	maxLocalName    = 50
	maxLanguages    = 64
	maxURI          = 2048
	maxRedirectURIs = 10
	maxKeys         = 4
	maxKey          = 8 << 10
	// minRSA and maxRSA bound the modulus, in bits: FAPI 2.0 Security Profile,
	// 5.4, and what a signature check may cost.
	minRSA, maxRSA = 2048, 4096
	maxConsent     = 10 * 365 * 24 * 60 // minutes
)

// Validate returns all that is wrong with c.
func Validate(c *clients.Client) []Problem {
	var problems []Problem
	report := func(field Field, right bool, reason string, args ...any) {
		if !right {
			problems = append(problems, Problem{Field: field, Reason: fmt.Sprintf(reason, args...)})
		}
	}
	report(ID, isID(c.ID), "must have 1 to %d letters, digits or any of . _ - ~", maxID)
	report(Name, isName(c.Name, maxName), "must be text of 1 to %d bytes", maxName)
	names(c, report)
	report(LogoURI, c.LogoURI == "" || isWeb(c.LogoURI), "must be an https address")
	report(RelyingParty, c.RelyingParty == "" || isID(c.RelyingParty), "must be an id")
	report(Consent, c.ConsentLife >= 0 && c.ConsentLife <= maxConsent, "must be 0 to %d minutes", maxConsent)
	grants(c, report)
	keys(c, report)
	for _, name := range c.Claims {
		report(Claims, slices.Contains(claim.Supported(), name), "has %.40q, which is not supported", name)
	}
	for _, acr := range c.ACRs {
		_, known := authenticator.FactorOf(acr)
		report(ACRs, known, "has %.60q, which is not supported", acr)
	}
	for _, alg := range []jose.SignatureAlgorithm{c.IDTokenAlg, c.UserinfoAlg} {
		report(Algorithms, slices.Contains([]jose.SignatureAlgorithm{"", jose.ES256, jose.PS256, jose.RS256}, alg), "must be ES256, PS256 or RS256")
	}
	return problems
}

type reporter func(field Field, right bool, reason string, args ...any)

func names(c *clients.Client, report reporter) {
	report(Language, len(c.NameByLanguage) <= maxLanguages, "has more than %d languages", maxLanguages)
	for tag, name := range c.NameByLanguage {
		_, err := language.Parse(tag)
		report(Language, err == nil, "has %.20q, which is no language", tag)
		report(Name, isName(name, maxLocalName), "in %.20q must be text of 1 to %d bytes", tag, maxLocalName)
	}
}

func grants(c *clients.Client, report reporter) {
	report(GrantTypes, len(c.GrantTypes) > 0, "must name at least one")
	for _, kind := range c.GrantTypes {
		known := []string{
			"authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:pre-authorized_code",
		}
		report(GrantTypes, slices.Contains(known, kind), "has %.60q, which is not supported", kind)
	}
	report(AuthMethod, c.AuthMethod == "" || c.AuthMethod == clients.PrivateKeyJWT || c.AuthMethod == clients.Public,
		"must be %s or %s", clients.PrivateKeyJWT, clients.Public)
	if c.MayUse("authorization_code") {
		report(RedirectURIs, len(c.RedirectURIs) > 0, "must name at least one")
	}
	report(RedirectURIs, len(c.RedirectURIs) <= maxRedirectURIs, "has more than %d", maxRedirectURIs)
	hosts := map[string]bool{}
	for _, uri := range c.RedirectURIs {
		report(RedirectURIs, isRedirect(uri, c.IsPublic()), "has %.100q, which is not an absolute https address without fragment", uri)
		if parsed, err := url.Parse(uri); err == nil {
			hosts[parsed.Host] = true
		}
	}
	// OpenID Connect Core, 8.1: which of them the subjects are for has to be said.
	pairwise := c.SubjectType == clients.SubjectPairwise && c.Sector == ""
	report(RedirectURIs, !pairwise || len(hosts) <= 1, "has several hosts, and pairwise subjects no sector")
}

func keys(c *clients.Client, report reporter) {
	report(Keys, c.IsPublic() || len(c.Keys.Keys) > 0, "must hold the key that the client authenticates with")
	report(Keys, len(c.Keys.Keys) <= maxKeys, "holds more than %d keys", maxKeys)
	for i := range c.Keys.Keys {
		key := &c.Keys.Keys[i]
		reason := reasonAgainst(key)
		report(Keys, reason == "", "%s", reason)
		// FAPI 2.0 Security Profile, 5.4.1.
		report(Keys, key.Algorithm != compact.RS256 || !c.FollowsFAPI(), "holds a key for RS256, which the FAPI profile does not allow")
	}
}

// reasonAgainst returns why a key cannot be registered, or "".
func reasonAgainst(key *jose.JSONWebKey) string {
	if !key.IsPublic() || !key.Valid() {
		return "holds what is not a valid public key"
	}
	if algorithms := algorithmsOf(key); key.Algorithm != "" && !slices.Contains(algorithms, key.Algorithm) {
		return fmt.Sprintf("holds a key for %.20q, which it cannot be used for", key.Algorithm)
	}
	switch public := key.Key.(type) {
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return "holds an elliptic curve key that is not on P-256"
		}
	case *rsa.PublicKey:
		if size := public.N.BitLen(); size < minRSA || size > maxRSA {
			return fmt.Sprintf("holds an RSA key of %d bits, not %d to %d", size, minRSA, maxRSA)
		}
	case ed25519.PublicKey:
	default:
		return "holds a key of a type that is not supported"
	}
	return ""
}

// algorithmsOf returns what assertions may be signed with by a key of this kind;
// a key that says none of them would be registered in vain.
func algorithmsOf(key *jose.JSONWebKey) []string {
	switch key.Key.(type) {
	case *ecdsa.PublicKey:
		return []string{compact.ES256}
	case *rsa.PublicKey:
		return []string{compact.PS256, compact.RS256}
	case ed25519.PublicKey:
		return []string{compact.EdDSA}
	default:
		return nil
	}
}

func thumbprint(key *jose.JSONWebKey) (string, error) {
	hash, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("hash key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(hash), nil
}

func isID(text string) bool {
	if text == "" || len(text) > maxID {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		return !letter && (r < '0' || r > '9') && !strings.ContainsRune("._-~", r)
	})
}

// isName takes what can be shown: no control characters, and none that change
// the direction of the text around them or cannot be seen.
func isName(text string, most int) bool {
	if strings.TrimSpace(text) == "" || len(text) > most || !utf8.ValidString(text) {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

func isWeb(text string) bool {
	parsed, err := parse(text)
	return err == nil && parsed.Scheme == "https" && parsed.Host != "" && parsed.User == nil
}

// isRedirect takes https addresses (RFC 9700, 2.1 and 2.6) and, of apps, which
// are public clients, loopback addresses and private schemes with a dot (RFC
// 8252, 7.1 and 7.3).
func isRedirect(text string, app bool) bool {
	parsed, err := parse(text)
	if err != nil || strings.Contains(text, "#") || parsed.User != nil {
		return false
	}
	switch {
	case parsed.Scheme == "https":
		return parsed.Host != ""
	case !app:
		return false
	case parsed.Scheme == "http":
		address := net.ParseIP(parsed.Hostname())
		return address != nil && address.IsLoopback()
	}
	return strings.Contains(parsed.Scheme, ".")
}

func parse(text string) (*url.URL, error) {
	if len(text) > maxURI || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("address is too long or not printable")
	}
	return url.Parse(text)
}
