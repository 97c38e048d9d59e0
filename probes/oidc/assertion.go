package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionLifetime is how long a client assertion is good for.
const assertionLifetime = time.Minute

// assertion signs a fresh client assertion (RFC 7523, section 3). Its audience
// is the issuer alone, as FAPI 2.0 (section 5.3.2.1) demands that servers
// accept: an assertion for a shared token endpoint could be replayed elsewhere.
func assertion(keyFile, clientID, audience string, now time.Time) (string, error) {
	return signAssertion(keyFile, assertionClaims(clientID, audience, now))
}

func assertionClaims(clientID, audience string, now time.Time) map[string]any {
	return map[string]any{
		"iss": clientID, "sub": clientID, "aud": audience, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	}
}

func signAssertion(keyFile string, claims map[string]any) (string, error) {
	key, err := readKey(keyFile)
	if err != nil {
		return "", err
	}
	algorithm, err := algorithmOf(key)
	if err != nil {
		return "", fmt.Errorf("client key %s: %w", keyFile, err)
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		return "", fmt.Errorf("client key %s: %w", keyFile, err)
	}
	signed, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign client assertion: %w", err)
	}
	return signed, nil
}

// readKey reads a private JWK. It does so at each run: keys are rotated while
// Tocsin runs.
func readKey(path string) (*jose.JSONWebKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read client key: %w", err)
	}
	var key jose.JSONWebKey
	if err := json.Unmarshal(data, &key); err != nil {
		return nil, fmt.Errorf("client key %s is not a JWK: %w", path, err)
	}
	if key.IsPublic() || !key.Valid() {
		return nil, fmt.Errorf("client key %s is not a private key", path)
	}
	return &key, nil
}

func algorithmOf(key *jose.JSONWebKey) (jose.SignatureAlgorithm, error) {
	if key.Algorithm != "" {
		return jose.SignatureAlgorithm(key.Algorithm), nil
	}
	switch private := key.Key.(type) {
	case *ecdsa.PrivateKey:
		switch private.Curve.Params().BitSize {
		case 256:
			return jose.ES256, nil
		case 384:
			return jose.ES384, nil
		}
		return jose.ES512, nil
	case ed25519.PrivateKey:
		return jose.EdDSA, nil
	case *rsa.PrivateKey:
		return jose.PS256, nil
	}
	return "", fmt.Errorf("keys of type %T cannot sign an assertion", key.Key)
}
