package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

func credentialModules() []Module {
	const prefix = "oid4vci-1_0-issuer-"
	const noAttestation = "wallets authenticate by private_key_jwt, or are public clients bound by DPoP; client attestation is not offered, and metadata-test fails if it is"
	modules := []Module{
		{Name: "metadata-test", Check: credentialMetadata},
		{Name: "metadata-test-signed", Check: signedMetadata},
		{Name: "happy-flow", Check: everyConfiguration},
		{Name: "happy-flow-additional-requests", Check: askedTwice},
		{Name: "happy-flow-multiple-clients", Check: twoWallets},
		{Name: "happy-flow-skip-notification", Check: withoutNotification},
		{Name: "batch-issuance", Check: batch},
		{Name: "fail-invalid-nonce", Check: wrongNonce, refuses: true},
		{Name: "fail-invalid-jwt-proof-signature", Check: wrongProofSignature, refuses: true},
		{Name: "fail-invalid-key-attestation-signature", Check: wrongAttestation, refuses: true},
		{Name: "fail-invalid-client-attestation-signature", Reason: noAttestation},
		{Name: "fail-invalid-client-attestation-pop-signature", Reason: noAttestation},
		{Name: "fail-client-attestation-exp-in-past", Reason: noAttestation},
		{Name: "fail-client-attestation-no-sub", Reason: noAttestation},
		{Name: "fail-client-attestation-pop-wrong-aud", Reason: noAttestation},
		{Name: "fail-mismatched-client-attestation-pop-key", Reason: noAttestation},
		{Name: "fail-missing-proof", Check: missingProof, refuses: true},
		{Name: "fail-unsupported-encryption-algorithm", Check: unknownEncryption, refuses: true},
		{Name: "fail-unknown-credential-configuration", Check: unknownConfiguration, refuses: true},
		{Name: "fail-unknown-credential-identifier", Check: unknownIdentifier, refuses: true},
		{Name: "fail-on-access-token-in-query", Check: tokenInQuery, refuses: true},
	}
	for i := range modules {
		modules[i].Name = prefix + modules[i].Name
	}
	return by(modules, func(t *Target) Client { return t.Wallet })
}

func credentialMetadata(ctx context.Context, p *party) error {
	meta, err := p.issuerMetadata(ctx)
	if err != nil {
		return err
	}
	var problems []error
	want := func(holds bool, format string, args ...any) {
		if !holds {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	want(meta["credential_issuer"] == p.target.Issuer, "credential_issuer is %v", meta["credential_issuer"])
	for _, name := range []string{"credential_endpoint", "nonce_endpoint"} {
		address, _ := meta[name].(string)
		want(strings.HasPrefix(address, "http"), "%s is %v", name, meta[name])
	}
	if encryption := meta["credential_response_encryption"]; encryption != nil {
		for _, name := range []string{"alg_values_supported", "enc_values_supported", "encryption_required"} {
			want(object(encryption)[name] != nil, "credential_response_encryption has no %s", name)
		}
	}
	configurations := object(meta["credential_configurations_supported"])
	want(len(configurations) > 0, "no configurations")
	for id, value := range configurations {
		problems = append(problems, checkConfiguration(id, object(value)))
	}
	methods := p.lists("token_endpoint_auth_methods_supported")
	want(!slices.Contains(methods, "attest_jwt_client_auth"), "client attestation is offered, but not checked")
	return errors.Join(problems...)
}

// checkConfiguration holds one to OpenID4VCI, 12.2.4 and appendix A.
func checkConfiguration(id string, configuration members) error {
	needed := map[string]string{"dc+sd-jwt": "vct", "mso_mdoc": "doctype", "jwt_vc_json": "credential_definition"}
	format, _ := configuration["format"].(string)
	var problems []error
	member, known := needed[format]
	if !known || configuration[member] == nil {
		problems = append(problems, fmt.Errorf("configuration %s: format %q without %q", id, format, member))
	}
	binding, proofs := configuration["cryptographic_binding_methods_supported"], object(configuration["proof_types_supported"])
	if (binding == nil) != (len(proofs) == 0) {
		problems = append(problems, fmt.Errorf("configuration %s: binding methods %v but proof types %v", id, binding, proofs))
	}
	for kind, proof := range proofs {
		if object(proof)["proof_signing_alg_values_supported"] == nil {
			problems = append(problems, fmt.Errorf("configuration %s: proof type %s has no algorithms", id, kind))
		}
	}
	return errors.Join(problems...)
}

// signedMetadata holds the document to OpenID4VCI, 12.2.3.
func signedMetadata(ctx context.Context, p *party) error {
	address, err := p.issuerAddress("openid-credential-issuer")
	if err != nil {
		return err
	}
	got, err := p.do(ctx, call{address: address, header: http.Header{"Accept": {"application/jwt"}}})
	if err != nil {
		return err
	}
	if err := got.accepted(http.StatusOK); err != nil {
		return err
	}
	if kind := got.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/jwt") {
		return fmt.Errorf("Content-Type %q", kind)
	}
	claims, err := p.verifyIssued(ctx, string(got.body), "openidvci-issuer-metadata+jwt")
	if err != nil {
		return err
	}
	if claims["sub"] != p.target.Issuer || claims["iat"] == nil || claims["credential_issuer"] != p.target.Issuer {
		return fmt.Errorf("sub %v, iat %v, credential_issuer %v", claims["sub"], claims["iat"], claims["credential_issuer"])
	}
	return nil
}

// everyConfiguration fetches a credential of each, checks it and says so.
func everyConfiguration(ctx context.Context, p *party) error {
	meta, err := p.issuerMetadata(ctx)
	if err != nil {
		return err
	}
	var problems []error
	for _, id := range slices.Sorted(maps.Keys(object(meta["credential_configurations_supported"]))) {
		i, err := p.access(ctx, id)
		if err == nil {
			err = i.fetch(ctx, 1, true)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("configuration %s: %w", id, err))
		}
	}
	return errors.Join(problems...)
}

func askedTwice(ctx context.Context, p *party) error {
	i, err := p.access(ctx, "")
	if err != nil {
		return err
	}
	if err := i.fetch(ctx, 1, true); err != nil {
		return err
	}
	if err := i.fetch(ctx, 1, true); err != nil {
		return fmt.Errorf("second request: %w", err)
	}
	return nil
}

func twoWallets(ctx context.Context, p *party) error {
	for _, client := range []Client{p.client, p.target.WalletSecond} {
		wallet := p.as(client)
		i, err := wallet.access(ctx, "")
		if err == nil {
			err = i.fetch(ctx, 1, true)
		}
		if err != nil {
			return fmt.Errorf("wallet %s: %w", wallet.client.ID, err)
		}
	}
	return nil
}

func withoutNotification(ctx context.Context, p *party) error {
	i, err := p.access(ctx, "")
	if err != nil {
		return err
	}
	return i.fetch(ctx, 1, false)
}

// batch sends as many proofs as are allowed, at most twenty as the suite does.
func batch(ctx context.Context, p *party) error {
	i, err := p.access(ctx, "")
	if err != nil {
		return err
	}
	size, _ := object(i.meta["batch_credential_issuance"])["batch_size"].(float64)
	if size < 2 {
		return fmt.Errorf("batch_credential_issuance is %v", i.meta["batch_credential_issuance"])
	}
	return i.fetch(ctx, min(int(size), 20), true)
}
