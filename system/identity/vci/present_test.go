package vci_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/vci/issue"
	"tocsin/system/identity/vci/sdjwt"
	"tocsin/system/identity/vci/vcitest"
)

func TestEncryptedIssuance(t *testing.T) {
	s := newStand(t)
	key := s.encryptionKey()
	own := jose.JSONWebKey{Key: s.wallet.Private.Public(), Algorithm: "ECDH-ES", KeyID: "own", Use: "enc"}
	seal := func(body map[string]any) string { return encrypted(t, key, body) }
	open := func(text string) *issue.Response {
		object, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A128GCM})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := object.Decrypt(s.wallet.Private)
		if err != nil {
			t.Fatal(err)
		}
		response := &issue.Response{}
		if err := json.Unmarshal(plain, response); err != nil {
			t.Fatal(err)
		}
		return response
	}
	with := s.scoped(s.Wallet, sdJWT, reviewed)
	encryption := map[string]any{"jwk": own, "enc": "A128GCM", "zip": "DEF"}
	request := map[string]any{"credential_configuration_id": sdJWT, "proofs": s.prove(s.wallet), "credential_response_encryption": encryption}
	w := s.send(http.MethodPost, "/vci/credential", with, seal(request))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/jwt" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	s.opened(open(w.Body.String()).Credentials[0].Credential)
	request["credential_configuration_id"] = reviewed
	later := open(s.send(http.MethodPost, "/vci/credential", with, seal(request)).Body.String())
	s.Clock = s.Clock.Add(time.Minute)
	collected := map[string]any{"transaction_id": later.TransactionID, "credential_response_encryption": encryption}
	s.opened(open(s.send(http.MethodPost, "/vci/deferred", with, seal(collected)).Body.String()).Credentials[0].Credential)
	request["credential_configuration_id"] = "unknown"
	if got := refusal(t, s.send(http.MethodPost, "/vci/credential", with, seal(request))); got != "unknown_credential_configuration" {
		t.Errorf("errors are never encrypted: %s", got)
	}
}

func TestTheHolderPresentsWhatWasIssued(t *testing.T) {
	s := newStand(t)
	credential := s.obtain(s.scoped(s.Wallet, sdJWT), "credential_configuration_id", sdJWT, http.StatusOK).Credentials[0].Credential
	held, err := sdjwt.Parse(credential)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := held.Keep(func(name string) bool { return name == "birthdate" })
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(shown.Unbound()))
	binding, err := vcitest.Sign(s.wallet.Private, "kb+jwt", "", nil, map[string]any{
		"iat": s.Clock.Unix(), "aud": "https://verifier", "nonce": "n", "sd_hash": base64.RawURLEncoding.EncodeToString(hash[:]),
	})
	if err != nil {
		t.Fatal(err)
	}
	received, err := sdjwt.Parse(shown.Unbound() + binding)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := received.Open(s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if claims["birthdate"] != "1985-12-10" || claims["given_name"] != nil {
		t.Errorf("shown: %v", claims)
	}
	if err := received.VerifyBinding(s.wallet.Holder(t), "https://verifier", "n", s.Clock, time.Minute); err != nil {
		t.Error(err)
	}
}
