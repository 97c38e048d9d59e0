package vci_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/secret"
	"tocsin/system/identity/token/tokentest"
	"tocsin/system/identity/vci/statuslist"
)

// encryptionKey is that of the metadata.
func (s *stand) encryptionKey() jose.JSONWebKey {
	s.t.Helper()
	var metadata struct {
		Encryption struct {
			Keys jose.JSONWebKeySet `json:"jwks"`
		} `json:"credential_request_encryption"`
	}
	if err := json.Unmarshal(s.get("/.well-known/openid-credential-issuer").Body.Bytes(), &metadata); err != nil {
		s.t.Fatal(err)
	}
	if len(metadata.Encryption.Keys.Keys) != 1 {
		s.t.Fatalf("%d keys for requests", len(metadata.Encryption.Keys.Keys))
	}
	return metadata.Encryption.Keys.Keys[0]
}

// encrypted is a request as a wallet encrypts it to key.
func encrypted(t testing.TB, key jose.JSONWebKey, body map[string]any) string {
	t.Helper()
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key, KeyID: key.KeyID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte(tokentest.JSON(t, body)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestPepperCanBeReplaced follows a wallet that read the metadata before.
func TestPepperCanBeReplaced(t *testing.T) {
	s := newStand(t)
	serve := func(peppers ...string) {
		t.Helper()
		var raw [][]byte
		for _, letter := range peppers {
			raw = append(raw, bytes.Repeat([]byte(letter), 32))
		}
		secrets, err := secret.DeriveApart(bytes.Repeat([]byte("s"), 32), raw...)
		if err != nil {
			t.Fatal(err)
		}
		s.serve(secrets)
	}
	ask := func(key jose.JSONWebKey) int {
		t.Helper()
		request := map[string]any{
			"credential_configuration_id": sdJWT, "proofs": s.prove(s.wallet),
			"credential_response_encryption": map[string]any{
				"jwk": jose.JSONWebKey{Key: s.wallet.Private.Public(), Algorithm: "ECDH-ES", Use: "enc"}, "enc": "A128GCM",
			},
		}
		return s.send(http.MethodPost, "/vci/credential", s.scoped(s.Wallet, sdJWT), encrypted(t, key, request)).Code
	}
	serve("a")
	old := s.encryptionKey()
	serve("b", "a")
	fresh := s.encryptionKey()
	if fresh.KeyID == old.KeyID {
		t.Error("requests are still encrypted to the old key")
	}
	if got := ask(old); got != http.StatusOK {
		t.Errorf("a request that was encrypted before: %d", got)
	}
	serve("b")
	if got := ask(fresh); got != http.StatusOK {
		t.Errorf("a request to the new key: %d", got)
	}
	if got := ask(old); got != http.StatusBadRequest {
		t.Errorf("a request to a key whose pepper is gone: %d", got)
	}
}

// TestStatusEntriesNeverMove pins places: credentials in wallets name them.
func TestStatusEntriesNeverMove(t *testing.T) {
	s := newStand(t)
	for _, letter := range []string{"a", "b"} {
		secrets, err := secret.DeriveApart(bytes.Repeat([]byte("s"), 32), bytes.Repeat([]byte(letter), 32))
		if err != nil {
			t.Fatal(err)
		}
		s.serve(secrets)
		for serial, want := range map[uint64]struct {
			list  uint64
			index uint32
		}{0: {0, 874591}, 1: {0, 682367}, statuslist.Size: {1, 85857}} {
			if list, index := s.vci.Lists.Entries.Of(serial); list != want.list || index != want.index {
				t.Errorf("serial %d is at %d in list %d", serial, index, list)
			}
		}
	}
}
