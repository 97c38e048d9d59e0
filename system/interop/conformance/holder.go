package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// cNonce asks the nonce endpoint (OpenID4VCI, 7).
func (i *issuance) cNonce(ctx context.Context) (string, error) {
	address, _ := i.meta["nonce_endpoint"].(string)
	got, err := i.p.do(ctx, call{method: http.MethodPost, address: address, unbound: true})
	if err != nil {
		return "", err
	}
	if err := got.accepted(http.StatusOK); err != nil {
		return "", fmt.Errorf("nonce: %w", err)
	}
	if !strings.Contains(got.header.Get("Cache-Control"), "no-store") {
		return "", fmt.Errorf("nonce: Cache-Control %q, want no-store", got.header.Get("Cache-Control"))
	}
	if got.text("c_nonce") == "" {
		return "", fmt.Errorf("nonce: no c_nonce in %s", got)
	}
	return got.text("c_nonce"), nil
}

// newProof returns a proof of possession of a new key, and that key
// (OpenID4VCI, appendix F.1).
func (i *issuance) newProof(ctx context.Context, change func(header, claims members)) (string, members, error) {
	nonce, err := i.cNonce(ctx)
	if err != nil {
		return "", nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, fmt.Errorf("make holder key: %w", err)
	}
	jwk, err := publicJWK(key)
	if err != nil {
		return "", nil, err
	}
	header := members{"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": jwk}
	claims := members{"iss": i.p.client.ID, "aud": i.p.target.Issuer, "iat": time.Now().Unix(), "nonce": nonce}
	if change != nil {
		change(header, claims)
	}
	proof, err := compact(header, claims, key)
	return proof, jwk, err
}

// attestedProof returns a proof with a key attestation whose signature is wrong
// (OpenID4VCI, appendix D.1).
func (i *issuance) attestedProof(ctx context.Context) (string, members, error) {
	now := time.Now()
	var failure error
	proof, key, err := i.newProof(ctx, func(header, claims members) {
		attester, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			failure = fmt.Errorf("make attester key: %w", err)
			return
		}
		jwk, err := publicJWK(attester)
		if err != nil {
			failure = err
			return
		}
		attestation, err := compact(
			members{"typ": "key-attestation+jwt", "alg": "ES256", "jwk": jwk},
			members{"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "nonce": claims["nonce"],
				"attested_keys": []any{header["jwk"]}, "key_storage": []string{"iso_18045_moderate"}},
			attester)
		failure = err
		header["key_attestation"] = spoil(attestation)
	})
	return proof, key, errors.Join(failure, err)
}
