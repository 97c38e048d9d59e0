package conformance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// members are a JSON object. Tokens are built from them by hand because checks
// need tokens that no library would make.
type members map[string]any

// compact returns a JWS. The signature is made as header's alg says: ES256
// with an *ecdsa.PrivateKey, RS256 or PS256 with an *rsa.PrivateKey, none.
func compact(header, claims members, key crypto.Signer) (string, error) {
	first, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("encode header: %w", err)
	}
	second, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(first) + "." + encode(second)
	signature, err := sign(header["alg"], signed, key)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed + "." + encode(signature), nil
}

func sign(alg any, text string, key crypto.Signer) ([]byte, error) {
	digest := sha256.Sum256([]byte(text))
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		if alg == "none" {
			return nil, nil
		}
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	case *rsa.PrivateKey:
		if alg == "PS256" {
			return rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	default:
		return nil, fmt.Errorf("no way to sign %v with %T", alg, key)
	}
}

// spoil returns the token with a signature that cannot be right.
func spoil(token string) string {
	at := strings.LastIndexByte(token, '.') + 1
	for i := at + 8; i < len(token); i++ {
		if token[i] != 'A' {
			return token[:i] + "A" + token[i+1:]
		}
	}
	return token[:at]
}

// opened returns header and claims of a JWS without looking at the signature.
func opened(token string) (header, claims members, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, fmt.Errorf("not a compact JWS: %d parts", len(parts))
	}
	for i, into := range []*members{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, nil, fmt.Errorf("part %d of a JWS: %w", i+1, err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			return nil, nil, fmt.Errorf("part %d of a JWS: %w", i+1, err)
		}
	}
	return header, claims, nil
}

// publicJWK returns the public key of key as JWK members.
func publicJWK(key *ecdsa.PrivateKey) (members, error) {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return members{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}, nil
}

// privateJWK returns key as JWK members, the private one included.
func privateJWK(key *ecdsa.PrivateKey) (members, error) {
	jwk, err := publicJWK(key)
	if err != nil {
		return nil, err
	}
	scalar, err := key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	jwk["d"] = base64.RawURLEncoding.EncodeToString(scalar)
	return jwk, nil
}

// thumbprint is the SHA-256 thumbprint of a JWK of publicJWK (RFC 7638).
func thumbprint(jwk members) string {
	text := fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q,"y":%q}`, jwk["crv"], jwk["kty"], jwk["x"], jwk["y"])
	hash := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}
