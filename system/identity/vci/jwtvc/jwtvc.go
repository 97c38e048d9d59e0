// Package jwtvc makes W3C verifiable credentials signed as a JWT, without
// JSON-LD processing (VC Data Model 1.1, 6.3.1; OpenID4VCI 1.0, A.1.1).
package jwtvc

import (
	"context"
	"fmt"
	"time"

	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/content"
	"tocsin/system/identity/vci/holder"
)

// Type is the typ of the JWT (VC Data Model 1.1, 6.3.1).
const Type = "JWT"

// BaseType is the type that every W3C credential has.
const BaseType = "VerifiableCredential"

// Signer makes the JWT.
type Signer interface {
	JWT(ctx context.Context, typ string, claims any) (string, error)
}

// claims: iss, nbf, exp, sub and jti stand for members of vc, which repeats
// them for verifiers that look only there.
type claims struct {
	Issuer   string            `json:"iss"`
	Subject  string            `json:"sub"`
	ID       string            `json:"jti"`
	NotFrom  int64             `json:"nbf"`
	IssuedAt int64             `json:"iat"`
	Expires  int64             `json:"exp"`
	Confirm  confirmation      `json:"cnf"`
	Status   content.Reference `json:"status"`
	VC       credential        `json:"vc"`
}

type confirmation struct {
	JWK holder.JWK `json:"jwk"`
}

type credential struct {
	Context []string       `json:"@context"`
	ID      string         `json:"id"`
	Type    []string       `json:"type"`
	Issuer  string         `json:"issuer"`
	Issued  string         `json:"issuanceDate"`
	Expires string         `json:"expirationDate"`
	Subject map[string]any `json:"credentialSubject"`
}

// Issue returns the credential.
func Issue(ctx context.Context, signer Signer, c *content.Content) (string, error) {
	subject, err := c.Holder.DID()
	if err != nil {
		return "", fmt.Errorf("name holder: %w", err)
	}
	about := map[string]any{"id": subject}
	err = c.Each(func(claim configuration.Claim, value any) error {
		about[claim.Name] = content.JSON(claim, value)
		return nil
	})
	if err != nil {
		return "", err
	}
	id := "urn:uuid:" + c.ID
	signed, err := signer.JWT(ctx, Type, claims{
		Issuer: c.Issuer, Subject: subject, ID: id,
		NotFrom: c.IssuedAt.Unix(), IssuedAt: c.IssuedAt.Unix(), Expires: c.ExpiresAt.Unix(),
		Confirm: confirmation{JWK: c.Holder.JWK()}, Status: c.Reference(),
		VC: credential{
			Context: []string{"https://www.w3.org/2018/credentials/v1"},
			ID:      id, Type: []string{BaseType, c.Configuration.Type}, Issuer: c.Issuer,
			Issued: c.IssuedAt.UTC().Format(time.RFC3339), Expires: c.ExpiresAt.UTC().Format(time.RFC3339),
			Subject: about,
		},
	})
	if err != nil {
		return "", fmt.Errorf("sign JWT credential: %w", err)
	}
	return signed, nil
}
