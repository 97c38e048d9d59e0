package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// publishedKey is a member of a key set as it was sent.
type publishedKey struct {
	raw       map[string]json.RawMessage
	text      json.RawMessage
	ID        string `json:"kid"`
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	// parsed is nil for a key of a kind that is not known here.
	parsed *jose.JSONWebKey
}

// called is the key in words.
func (k publishedKey) called() string {
	if k.ID == "" {
		return "a key without kid"
	}
	return fmt.Sprintf("the key %q", k.ID)
}

// signs reports whether the key may sign.
func (k publishedKey) signs() bool { return k.Use == "" || k.Use == "sig" }

// readKeys reads the key set, and judges nothing but that it is one.
func (s *session) readKeys(ctx context.Context) error {
	reply, err := s.Get(ctx, s.Provider.JWKSURI, "application/jwk-set+json, application/json")
	if err != nil {
		return err
	}
	if reply.Status != http.StatusOK {
		return exchange.Unexpected(reply, "")
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(reply.Body, &set); err != nil {
		return exchange.Brokenf(verdict.Content, "the key set at %s is not a JSON object with keys (RFC 7517, section 5): %v", reply.URL.Path, err)
	}
	if len(set.Keys) == 0 {
		return exchange.Brokenf(verdict.Keys, "the key set is empty: nobody can verify a token")
	}
	s.keys = make([]publishedKey, len(set.Keys))
	for index, text := range set.Keys {
		key := publishedKey{text: text}
		if json.Unmarshal(text, &key.raw) != nil || json.Unmarshal(text, &key) != nil || key.Type == "" {
			return exchange.Brokenf(verdict.Keys, "key %d of the set is no JSON Web Key (RFC 7517, section 4)", index+1)
		}
		s.keys[index] = key
	}
	return nil
}

func keyChecks() []check {
	return []check{
		{name: "jwks-private", module: config, look: looking((*session).checkSecrets)},
		{name: "jwks-readable", module: config, look: looking((*session).checkReadable)},
		{name: "jwks-names", module: config, look: looking((*session).checkNames)},
		{name: "jwks-use", module: config, look: looking((*session).checkUse)},
		{name: "jwks-strength", module: config, look: looking((*session).checkStrength)},
		{name: "jwks-algorithms", module: config, look: looking((*session).checkCoverage)},
	}
}

// checkSecrets refuses keys by which everybody could sign (RFC 7517, section
// 9.1; RFC 7518, sections 6.2.2, 6.3.2 and 6.4).
func (s *session) checkSecrets() error {
	for _, key := range s.keys {
		if key.Type == "oct" {
			return exchange.Brokenf(verdict.Keys, "%s is symmetric: whoever reads the key set can sign with it", key.called())
		}
		for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, there := key.raw[member]; there {
				return exchange.Brokenf(verdict.Keys, "%s is published with its private part (%s)", key.called(), member)
			}
		}
	}
	return nil
}

// checkReadable reads every key of a known kind. Clients must ignore the others
// (RFC 7517, section 5).
func (s *session) checkReadable() error {
	for index := range s.keys {
		key := &s.keys[index]
		if !slices.Contains([]string{"RSA", "EC", "OKP"}, key.Type) {
			s.warnf("%s is of the kind %q, which is not known here", key.called(), key.Type)
			continue
		}
		parsed := &jose.JSONWebKey{}
		if err := json.Unmarshal(key.text, parsed); err != nil {
			return exchange.Brokenf(verdict.Keys, "%s cannot be used: %v", key.called(), err)
		}
		if !parsed.Valid() {
			return exchange.Brokenf(verdict.Keys, "%s is no key: its numbers are none of its kind", key.called())
		}
		key.parsed = parsed
	}
	return nil
}

// checkNames wants every key to be found by its name (Core, section 10.1; RFC
// 7517, section 4.5).
func (s *session) checkNames() error {
	seen := map[string]bool{}
	for _, key := range s.keys {
		if key.ID == "" && len(s.keys) > 1 {
			return exchange.Brokenf(verdict.Keys, "one of %d keys has no kid, so nobody can tell which one signed (Core, section 10.1)", len(s.keys))
		}
		name := key.Type + " " + key.ID
		if seen[name] {
			return exchange.Brokenf(verdict.Keys, "two keys of the kind %s have the kid %q", key.Type, key.ID)
		}
		seen[name] = true
	}
	return nil
}

// checkUse wants to know which keys sign (Discovery 1.0, section 3, jwks_uri),
// and that what a key says of itself can be true.
func (s *session) checkUse() error {
	encrypts := slices.ContainsFunc(s.keys, func(k publishedKey) bool { return k.Use == "enc" })
	if !slices.ContainsFunc(s.keys, publishedKey.signs) {
		return exchange.Brokenf(verdict.Keys, "no key of the set is for signatures")
	}
	for _, key := range s.keys {
		switch {
		case key.Use == "" && encrypts:
			return exchange.Brokenf(verdict.Keys, "%s does not say its use, though the set has keys for encryption too (Discovery 1.0, section 3)", key.called())
		case key.Algorithm == "none" || symmetric(key.Algorithm):
			return exchange.Brokenf(verdict.Keys, "%s names the algorithm %s, which needs no key pair", key.called(), key.Algorithm)
		case key.signs() && key.parsed != nil && !key.fits(key.Algorithm):
			return exchange.Brokenf(verdict.Keys, "%s cannot sign by the algorithm %s that it names", key.called(), key.Algorithm)
		}
	}
	return nil
}

// fits reports whether a key can sign by an algorithm (RFC 7518, section 3.1;
// RFC 8037, section 3.1). Without one, or with one that is not known, it may.
func (k publishedKey) fits(algorithm string) bool {
	curve := ""
	if public, ok := k.parsed.Key.(*ecdsa.PublicKey); ok {
		curve = public.Curve.Params().Name
	}
	switch algorithm {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		_, ok := k.parsed.Key.(*rsa.PublicKey)
		return ok
	case "ES256":
		return curve == "P-256"
	case "ES384":
		return curve == "P-384"
	case "ES512":
		return curve == "P-521"
	case "EdDSA", "Ed25519":
		_, ok := k.parsed.Key.(ed25519.PublicKey)
		return ok
	}
	return true
}

// smallest is the shortest RSA key that may sign, in bits (RFC 7518, sections
// 3.3 and 3.5).
const smallest = 2048

func (s *session) checkStrength() error {
	for _, key := range s.keys {
		if key.parsed == nil {
			continue
		}
		public, ok := key.parsed.Key.(*rsa.PublicKey)
		if !ok {
			continue // every curve that is read here is strong enough
		}
		if bits := public.N.BitLen(); bits < smallest {
			return exchange.Brokenf(verdict.Keys, "%s is an RSA key of %d bits, and %d are the least (RFC 7518, section 3.3)", key.called(), bits, smallest)
		}
		if public.E < 3 || public.E%2 == 0 {
			return exchange.Brokenf(verdict.Keys, "%s is an RSA key with the exponent %d, which protects nothing", key.called(), public.E)
		}
	}
	return nil
}

// checkCoverage wants a key for what is announced. A provider that announces
// more than it has keys for may not use it for anybody: that is a warning.
func (s *session) checkCoverage() error {
	const name = "id_token_signing_alg_values_supported"
	var covered, missing []string
	for _, algorithm := range s.document.list(name) {
		switch {
		case symmetric(algorithm) || algorithm == "none":
		case slices.ContainsFunc(s.keys, func(k publishedKey) bool {
			return k.signs() && k.parsed != nil && (k.Algorithm == "" || k.Algorithm == algorithm) && k.fits(algorithm)
		}):
			covered = append(covered, algorithm)
		default:
			missing = append(missing, algorithm)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if len(covered) == 0 {
		return exchange.Brokenf(verdict.Keys, "no key of the set can sign by any algorithm of %s: %s", name, strings.Join(missing, ", "))
	}
	s.warnf("%s has %s, but no key of the set can sign by it", name, strings.Join(missing, ", "))
	return nil
}
