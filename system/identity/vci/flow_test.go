package vci_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-jose/go-jose/v4"
	"github.com/veraison/go-cose"

	"tocsin/system/identity/token/tokentest"
	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/issue"
	"tocsin/system/identity/vci/sdjwt"
	"tocsin/system/identity/vci/statuslist"
	"tocsin/system/identity/vci/vcitest"
)

const (
	sdJWT    = "national_id_sd_jwt"
	jwtVC    = "national_id_jwt_vc"
	mDoc     = "national_id_mdoc"
	reviewed = "national_id_reviewed"
)

// status is the entry of a credential in a list.

type status struct {
	Index uint32 `json:"idx" cbor:"idx"`
	URI   string `json:"uri" cbor:"uri"`
}

// opened verifies an SD-JWT credential as a verifier does and returns its claims.

func (s *stand) opened(credential string) map[string]any {
	s.t.Helper()
	presentation, err := sdjwt.Parse(credential)
	if err != nil {
		s.t.Fatal(err)
	}
	claims, err := presentation.Open(s.key.Public())
	if err != nil {
		s.t.Fatal(err)
	}
	return claims
}

func statusOf(t testing.TB, claims map[string]any) status {
	t.Helper()
	var found struct {
		Status struct {
			List status `json:"status_list"`
		} `json:"status"`
	}
	if err := json.Unmarshal([]byte(tokentest.JSON(t, claims)), &found); err != nil || found.Status.List.URI == "" {
		t.Fatalf("no status in %v: %v", claims, err)
	}
	return found.Status.List
}

// revoked fetches the status list and looks the entry up.

func (s *stand) revoked(at status) bool {
	s.t.Helper()
	w := s.get(strings.TrimPrefix(at.URI, issuer))
	object, err := jose.ParseSignedCompact(w.Body.String(), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		s.t.Fatalf("%d %v", w.Code, err)
	}
	payload, err := object.Verify(s.key.Public())
	if err != nil {
		s.t.Fatal(err)
	}
	var claims struct {
		Subject string             `json:"sub"`
		List    statuslist.Encoded `json:"status_list"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Subject != at.URI {
		s.t.Fatalf("sub %q, want %q: %v", claims.Subject, at.URI, err)
	}
	list, err := statuslist.Decode(claims.List)
	if err != nil {
		s.t.Fatal(err)
	}
	return list.Revoked(at.Index)
}

func TestHappyFlows(t *testing.T) {
	s := newStand(t)
	for _, test := range []struct {
		name   string
		client *tokentest.Party
	}{
		{"oid4vci-1_0-issuer-happy-flow", s.Plain},
		{"oid4vci-1_0-issuer-happy-flow with DPoP", s.Wallet},
		{"oid4vci-1_0-issuer-happy-flow-multiple-clients", s.Other},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, form := range []struct{ name, id string }{
				{"credential_identifier", sdJWT + "#1"}, {"credential_configuration_id", sdJWT},
			} {
				with := s.scoped(test.client, sdJWT)
				if form.name == "credential_identifier" {
					with = s.identified(test.client, sdJWT)
				}
				response := s.obtain(with, form.name, form.id, http.StatusOK)
				claims := s.opened(response.Credentials[0].Credential)
				if claims["given_name"] != "Ada" || claims["vct"] != issuer+configuration.TypePath {
					t.Errorf("claims %v", claims)
				}
				jwk, isKey := claims["cnf"].(map[string]any)["jwk"].(map[string]any)
				if !isKey || jwk["x"] != s.wallet.Holder(t).JWK().X {
					t.Errorf("bound to %v", jwk)
				}
				if s.revoked(statusOf(t, claims)) {
					t.Error("a new credential is revoked")
				}
				w := s.send(http.MethodPost, "/vci/notification", with, map[string]any{
					"notification_id": response.NotificationID, "event": "credential_accepted",
				})
				if w.Code != http.StatusNoContent {
					t.Errorf("notification: %d %s", w.Code, w.Body)
				}
			}
		})
	}
}

func TestOneTokenIsGoodForSeveralRequests(t *testing.T) {
	s := newStand(t)
	t.Run("oid4vci-1_0-issuer-happy-flow-additional-requests", func(t *testing.T) {
		with := s.scoped(s.Wallet, sdJWT, jwtVC, mDoc)
		seen := map[status]bool{}
		for range 2 {
			response := s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK)
			seen[statusOf(t, s.opened(response.Credentials[0].Credential))] = true
		}
		if len(seen) != 2 {
			t.Error("two credentials share a status entry")
		}
		s.obtain(with, "credential_configuration_id", mDoc, http.StatusOK)
	})
}

func TestCredentialsOfEveryFormatAreSignedByTheChainInThem(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Wallet, jwtVC, mDoc)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.get("/vci/roots.pem").Body.Bytes()) {
		t.Fatal("there are no roots")
	}
	options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	t.Run("jwt_vc_json", func(t *testing.T) {
		credential := s.obtain(with, "credential_configuration_id", jwtVC, http.StatusOK).Credentials[0].Credential
		object, err := jose.ParseSignedCompact(credential, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		chains, err := object.Signatures[0].Header.Certificates(options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := object.Verify(chains[0][0].PublicKey); err != nil {
			t.Error(err)
		}
	})
	t.Run("mso_mdoc", func(t *testing.T) {
		text := s.obtain(with, "credential_configuration_id", mDoc, http.StatusOK).Credentials[0].Credential
		document, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		var signed struct {
			Auth cbor.RawMessage `cbor:"issuerAuth"`
		}
		if err := cbor.Unmarshal(document, &signed); err != nil {
			t.Fatal(err)
		}
		var auth cose.UntaggedSign1Message
		if err := auth.UnmarshalCBOR(signed.Auth); err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(auth.Headers.Unprotected[cose.HeaderLabelX5Chain].([]byte))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(options); err != nil {
			t.Error(err)
		}
		verifier, err := cose.NewVerifier(cose.AlgorithmES256, leaf.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		if err := auth.Verify(nil, verifier); err != nil {
			t.Error(err)
		}
	})
}

func TestABatchHasOneCredentialForEachKey(t *testing.T) {
	s := newStand(t)
	t.Run("oid4vci-1_0-issuer-batch-issuance", func(t *testing.T) {
		wallets := make([]*vcitest.Wallet, configuration.DefaultBatch)
		for i := range wallets {
			wallets[i] = vcitest.NewWallet(t)
		}
		request := map[string]any{"credential_configuration_id": sdJWT, "proofs": s.prove(wallets...)}
		response := tokentest.Decode[issue.Response](t, s.ask(s.scoped(s.Wallet, sdJWT), request), http.StatusOK)
		if len(response.Credentials) != len(wallets) {
			t.Fatalf("%d credentials for %d keys", len(response.Credentials), len(wallets))
		}
		entries, salts := map[status]bool{}, map[string]bool{}
		for i, credential := range response.Credentials {
			claims := s.opened(credential.Credential)
			jwk := claims["cnf"].(map[string]any)["jwk"].(map[string]any)
			if jwk["x"] != wallets[i].Holder(t).JWK().X {
				t.Errorf("credential %d is bound to another key", i)
			}
			entries[statusOf(t, claims)] = true
			salts[strings.Split(credential.Credential, "~")[1]] = true
		}
		if len(entries) != len(wallets) || len(salts) != len(wallets) {
			t.Errorf("%d status entries and %d salts for %d credentials: they can be linked", len(entries), len(salts), len(wallets))
		}
	})
	t.Run("one key attestation for several keys", func(t *testing.T) {
		keys := []jose.JSONWebKey{s.wallet.JWK(), vcitest.NewWallet(t).JWK()}
		attestation, err := vcitest.Sign(s.attester.Private, "key-attestation+jwt", "", nil, map[string]any{
			"iat": s.Clock.Unix(), "nonce": s.nonce(), "attested_keys": keys,
		})
		if err != nil {
			t.Fatal(err)
		}
		request := map[string]any{"credential_configuration_id": sdJWT, "proofs": map[string]any{"attestation": []string{attestation}}}
		response := tokentest.Decode[issue.Response](t, s.ask(s.scoped(s.Wallet, sdJWT), request), http.StatusOK)
		if len(response.Credentials) != 2 {
			t.Errorf("%d credentials for 2 keys", len(response.Credentials))
		}
	})
}

// preAuthorized follows an offer with a pre-authorized code to a token.
