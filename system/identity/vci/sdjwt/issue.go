package sdjwt

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/content"
	"tocsin/system/identity/vci/holder"
)

// Type is the typ of the issuer-signed part (SD-JWT VC, 3.2.1).
const Type = "dc+sd-jwt"

// Signer makes the issuer-signed part, with the certificates in x5c.
type Signer interface {
	JWT(ctx context.Context, typ string, claims any) (string, error)
}

// claims of the issuer-signed part that are never selectively disclosable
// (SD-JWT VC, 3.2.2.2). There is no sub: it would link presentations.
type claims struct {
	Issuer   string            `json:"iss"`
	IssuedAt int64             `json:"iat"`
	Expires  int64             `json:"exp"`
	ID       string            `json:"jti"`
	Type     string            `json:"vct"`
	Confirm  confirmation      `json:"cnf"`
	Status   content.Reference `json:"status"`
	Digests  []string          `json:"_sd"`
	Hash     string            `json:"_sd_alg"`
}

type confirmation struct {
	JWK holder.JWK `json:"jwk"`
}

const (
	// saltSize is in bytes (RFC 9901, 9.3).
	saltSize = 16
	// digestStep rounds the number of digests up with decoys, so that it does
	// not tell which optional claims a person has (RFC 9901, 4.2.5).
	digestStep = 8
	hashName   = "sha-256"
)

// Issue returns the credential with all its disclosures: <jwt>~<d1>~…~<dn>~.
func Issue(ctx context.Context, signer Signer, c *content.Content) (string, error) {
	d := &discloser{random: c.Random}
	var digests []string
	err := c.Each(func(claim configuration.Claim, value any) error {
		digest, err := d.disclose(claim.Name, content.JSON(claim, value))
		digests = append(digests, digest)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("disclose: %w", err)
	}
	digests, err = d.hide(digests)
	if err != nil {
		return "", err
	}
	signed, err := signer.JWT(ctx, Type, claims{
		Issuer: c.Issuer, IssuedAt: c.IssuedAt.Unix(), Expires: c.ExpiresAt.Unix(), ID: c.ID,
		Type: c.Configuration.Type, Confirm: confirmation{JWK: c.Holder.JWK()}, Status: c.Reference(),
		Digests: digests, Hash: hashName,
	})
	if err != nil {
		return "", fmt.Errorf("sign SD-JWT: %w", err)
	}
	size := len(signed) + 1
	for _, disclosure := range d.disclosures {
		size += len(disclosure) + 1
	}
	var text strings.Builder
	text.Grow(size)
	text.WriteString(signed)
	text.WriteByte('~')
	for _, disclosure := range d.disclosures {
		text.WriteString(disclosure)
		text.WriteByte('~')
	}
	return text.String(), nil
}

// discloser collects disclosures.
type discloser struct {
	random      io.Reader
	disclosures []string
}

// disclose adds a disclosure of name and returns its digest. The members of an
// object get disclosures of their own, within that of the object (RFC 9901, 4.2.6).
func (d *discloser) disclose(name string, value any) (string, error) {
	if object, isObject := value.(map[string]any); isObject {
		inner := make([]string, 0, digestStep)
		for _, member := range slices.Sorted(maps.Keys(object)) {
			digest, err := d.disclose(member, object[member])
			if err != nil {
				return "", err
			}
			inner = append(inner, digest)
		}
		inner, err := d.hide(inner)
		if err != nil {
			return "", err
		}
		value = map[string]any{"_sd": inner}
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(d.random, salt); err != nil {
		return "", fmt.Errorf("draw salt: %w", err)
	}
	plain, err := json.Marshal([]any{base64.RawURLEncoding.EncodeToString(salt), name, value})
	if err != nil {
		return "", fmt.Errorf("encode disclosure: %w", err)
	}
	disclosure := base64.RawURLEncoding.EncodeToString(plain)
	d.disclosures = append(d.disclosures, disclosure)
	return digestOf(disclosure), nil
}

// hide adds decoys to digests and sorts them, so that neither their number nor
// their order tells anything (RFC 9901, 4.2.4.1 and 4.2.5).
func (d *discloser) hide(digests []string) ([]string, error) {
	for len(digests)%digestStep != 0 || len(digests) == 0 {
		decoy := make([]byte, sha256.Size)
		if _, err := io.ReadFull(d.random, decoy); err != nil {
			return nil, fmt.Errorf("draw decoy: %w", err)
		}
		digests = append(digests, base64.RawURLEncoding.EncodeToString(decoy))
	}
	slices.Sort(digests)
	return digests, nil
}

// digestOf is over the encoded disclosure (RFC 9901, 4.2.3).
func digestOf(disclosure string) string {
	hash := sha256.Sum256([]byte(disclosure))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}
