package vci_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/vci/vcitest"
)

func TestCredentialRequestsThatAreRefused(t *testing.T) {
	s := newStand(t)
	scoped, identified := s.scoped(s.Plain, sdJWT), s.identified(s.Plain, sdJWT)
	good := s.prove(s.wallet)
	proof := func(wish vcitest.Proof) map[string]any {
		nonce := s.nonce()
		if given, changed := wish.Claims["nonce"].(string); changed {
			nonce = given
		}
		return map[string]any{"jwt": []string{s.wallet.Prove(t, issuer, nonce, s.Clock.Unix(), wish)}}
	}
	ask := func(proofs any) map[string]any {
		return map[string]any{"credential_configuration_id": sdJWT, "proofs": proofs}
	}
	stranger := vcitest.NewWallet(t)
	attestation, err := vcitest.Sign(stranger.Private, "key-attestation+jwt", "", nil, map[string]any{
		"iat": s.Clock.Unix(), "exp": s.Clock.Unix() + 60, "nonce": s.nonce(), "attested_keys": []jose.JSONWebKey{s.wallet.JWK()},
	})
	if err != nil {
		t.Fatal(err)
	}
	recipient := map[string]any{"jwk": jose.JSONWebKey{Key: s.wallet.Private.Public(), Algorithm: "ECDH-ES"}, "enc": "XYZ"}
	for _, test := range []struct {
		name   string
		with   access
		body   any
		want   oautherr.Kind
		status int
	}{
		{"oid4vci-1_0-issuer-fail-invalid-nonce", scoped, ask(proof(vcitest.Proof{Claims: map[string]any{"nonce": "x"}})), oautherr.InvalidNonce, 400},
		{"oid4vci-1_0-issuer-fail-invalid-jwt-proof-signature", scoped, ask(proof(vcitest.Proof{Signer: stranger.Private})), oautherr.InvalidProof, 400},
		{"oid4vci-1_0-issuer-fail-invalid-key-attestation-signature", scoped, ask(map[string]any{"attestation": []string{attestation}}), oautherr.InvalidProof, 400},
		{"oid4vci-1_0-issuer-fail-invalid-key-attestation-signature in a proof", scoped, ask(proof(vcitest.Proof{Header: map[string]any{"jwk": s.wallet.JWK(), "key_attestation": attestation}})), oautherr.InvalidProof, 400},
		{"oid4vci-1_0-issuer-fail-missing-proof", scoped, map[string]any{"credential_configuration_id": sdJWT}, oautherr.InvalidProof, 400},
		{"oid4vci-1_0-issuer-fail-unsupported-encryption-algorithm", scoped, map[string]any{"credential_configuration_id": sdJWT, "proofs": good, "credential_response_encryption": recipient}, oautherr.InvalidEncryptionParameters, 400},
		{"oid4vci-1_0-issuer-fail-unknown-credential-configuration", scoped, map[string]any{"credential_configuration_id": "x", "proofs": good}, oautherr.UnknownCredentialConfiguration, 400},
		{"oid4vci-1_0-issuer-fail-unknown-credential-configuration with identifiers", identified, map[string]any{"credential_configuration_id": "x", "proofs": good}, oautherr.UnknownCredentialConfiguration, 400},
		{"oid4vci-1_0-issuer-fail-unknown-credential-identifier", identified, map[string]any{"credential_identifier": "x", "proofs": good}, oautherr.UnknownCredentialIdentifier, 400},
		{"an identifier with a token that has none", scoped, map[string]any{"credential_identifier": sdJWT, "proofs": good}, oautherr.UnknownCredentialIdentifier, 400},
		{"a configuration where there is an identifier", identified, ask(good), oautherr.InvalidCredentialRequest, 400},
		{"both", identified, map[string]any{"credential_identifier": sdJWT + "#1", "credential_configuration_id": sdJWT, "proofs": good}, oautherr.InvalidCredentialRequest, 400},
		{"neither", scoped, map[string]any{"proofs": good}, oautherr.InvalidCredentialRequest, 400},
		{"the proof parameter of drafts", scoped, map[string]any{"credential_configuration_id": sdJWT, "proof": map[string]any{}}, oautherr.InvalidProof, 400},
		{"a credential of another scope", scoped, map[string]any{"credential_configuration_id": mDoc, "proofs": good}, oautherr.InsufficientScope, 403},
		{"a token of no person", s.service("tax:read"), ask(good), oautherr.InsufficientScope, 403},
		{"no token", access{}, ask(good), oautherr.InvalidToken, 401},
		{"a changed token", access{text: scoped.text[:len(scoped.text)-4] + "AAAA"}, ask(good), oautherr.InvalidToken, 401},
		{"a DPoP token without its proof", access{text: s.scoped(s.Wallet, sdJWT).text}, ask(good), "", 401},
		{"no object", scoped, []string{"x"}, oautherr.InvalidCredentialRequest, 400},
		{"a JWT that is none", scoped, "x", oautherr.InvalidEncryptionParameters, 400},
		{"a repeated member", scoped, json.RawMessage(`{"credential_configuration_id":"x","credential_configuration_id":"` + sdJWT + `"}`), oautherr.InvalidCredentialRequest, 400},
		{"a member of the wrong type", scoped, map[string]any{"credential_configuration_id": 1, "proofs": good}, oautherr.InvalidCredentialRequest, 400},
		{"too much", scoped, strings.Repeat("x", 1<<20), oautherr.InvalidCredentialRequest, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := s.send(http.MethodPost, "/vci/credential", test.with, test.body)
			if got := refusal(t, w); w.Code != test.status || test.want != "" && got != string(test.want) {
				t.Errorf("%d %s, want %d %s", w.Code, got, test.status, test.want)
			}
			if challenged := w.Header().Get("WWW-Authenticate") != ""; challenged != (test.status == 401 || test.status == 403) {
				t.Errorf("WWW-Authenticate: %q", w.Header().Values("WWW-Authenticate"))
			}
		})
	}
	if next, err := s.records.Next(t.Context()); err != nil || next != 0 {
		t.Errorf("refused requests used up %d status entries: %v", next, err)
	}
}

func TestATokenInTheAddressIsNotTaken(t *testing.T) {
	s := newStand(t)
	t.Run("oid4vci-1_0-issuer-fail-on-access-token-in-query", func(t *testing.T) {
		request := map[string]any{"credential_configuration_id": sdJWT, "proofs": s.prove(s.wallet)}
		with := s.scoped(s.Plain, sdJWT)
		w := s.send(http.MethodPost, "/vci/credential?access_token="+url.QueryEscape(with.text), access{}, request)
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestAPersonWithoutWhatIsCertifiedIsDenied(t *testing.T) {
	s := newStand(t)
	delete(s.People.Claimed, "family_name")
	request := map[string]any{"credential_configuration_id": sdJWT, "proofs": s.prove(s.wallet)}
	if got := refusal(t, s.ask(s.scoped(s.Plain, sdJWT), request)); got != "credential_request_denied" {
		t.Error(got)
	}
}
