package conformance

import (
	"context"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

func wrongNonce(ctx context.Context, p *party) error {
	return p.proofRefused(ctx, "invalid_nonce", func(_, claims members) { claims["nonce"] = "not-a-nonce" }, nil)
}

func wrongProofSignature(ctx context.Context, p *party) error {
	return p.proofRefused(ctx, "invalid_proof", nil, spoil)
}

// wrongAttestation sends a proof whose key a spoilt attestation vouches for.
func wrongAttestation(ctx context.Context, p *party) error {
	i, err := p.access(ctx, "")
	if err != nil {
		return err
	}
	proof, key, err := i.attestedProof(ctx)
	if err != nil {
		return err
	}
	got, err := i.ask(ctx, i.body(proof))
	if err != nil {
		return err
	}
	if err := got.refused("invalid_proof"); err != nil {
		return fmt.Errorf("attestation for key %s: %w", thumbprint(key), err)
	}
	return nil
}

func missingProof(ctx context.Context, p *party) error {
	i, err := p.access(ctx, "")
	if err != nil {
		return err
	}
	got, err := i.ask(ctx, i.body())
	if err != nil {
		return err
	}
	return got.refused("invalid_proof")
}

func unknownConfiguration(ctx context.Context, p *party) error {
	return p.bodyRefused(ctx, func(i *issuance, body members) []string {
		delete(body, "credential_identifier")
		body["credential_configuration_id"] = "not-a-configuration"
		if i.identifier != "" { // OpenID4VCI, 8.2: then identifiers alone may be used
			return []string{"unknown_credential_configuration", "invalid_credential_request"}
		}
		return []string{"unknown_credential_configuration"}
	})
}

func unknownIdentifier(ctx context.Context, p *party) error {
	return p.bodyRefused(ctx, func(i *issuance, body members) []string {
		delete(body, "credential_configuration_id")
		body["credential_identifier"] = "not-an-identifier"
		if i.identifier == "" {
			return []string{"unknown_credential_identifier", "invalid_credential_request"}
		}
		return []string{"unknown_credential_identifier"}
	})
}

func unknownEncryption(ctx context.Context, p *party) error {
	return p.bodyRefused(ctx, func(_ *issuance, body members) []string {
		jwk, err := publicJWK(p.client.Key)
		if err != nil {
			return nil
		}
		jwk["alg"], jwk["use"], jwk["kid"] = string(jose.ECDH_ES), "enc", "1"
		body["credential_response_encryption"] = members{"jwk": jwk, "enc": "NOT-AN-ENC"}
		return []string{"invalid_encryption_parameters"}
	})
}

// bodyRefused spoils the body of a good request; spoil returns what it must be
// refused with.
func (p *party) bodyRefused(ctx context.Context, spoil func(*issuance, members) []string) error {
	i, err := p.access(ctx, "")
	if err != nil {
		return err
	}
	proof, _, err := i.newProof(ctx, nil)
	if err != nil {
		return err
	}
	body := i.body(proof)
	kinds := spoil(i, body)
	got, err := i.ask(ctx, body)
	if err != nil {
		return err
	}
	return got.refused(kinds...)
}

func (p *party) proofRefused(ctx context.Context, kind string, change func(header, claims members), spoil func(string) string) error {
	i, err := p.access(ctx, "")
	if err != nil {
		return err
	}
	proof, _, err := i.newProof(ctx, change)
	if err != nil {
		return err
	}
	if spoil != nil {
		proof = spoil(proof)
	}
	got, err := i.ask(ctx, i.body(proof))
	if err != nil {
		return err
	}
	return got.refused(kind)
}

// tokenInQuery puts the access token where RFC 9700, 4.3.2 forbids it.
func tokenInQuery(ctx context.Context, p *party) error {
	i, err := p.access(ctx, "")
	if err != nil {
		return err
	}
	proof, _, err := i.newProof(ctx, nil)
	if err != nil {
		return err
	}
	got, err := i.ask(ctx, i.body(proof), func(c *call) {
		c.token = ""
		c.address += "?access_token=" + i.tokens.access
	})
	if err != nil {
		return err
	}
	return got.refused()
}
