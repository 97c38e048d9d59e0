package vcitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/vci/holder"
)

func payloadOf(claims any) ([]byte, error) {
	if text, isText := claims.(string); isText {
		return []byte(text), nil
	}
	return json.Marshal(claims)
}

// Wallet has a key that a credential is to be bound to.
type Wallet struct {
	Private *ecdsa.PrivateKey
}

// NewWallet returns a wallet with a new key.
func NewWallet(t testing.TB) *Wallet {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Wallet{Private: private}
}

// JWK is the wallet's public key for a header.
func (w *Wallet) JWK() jose.JSONWebKey { return jose.JSONWebKey{Key: w.Private.Public()} }

// Holder is the wallet's public key as the issuer sees it.
func (w *Wallet) Holder(t testing.TB) *holder.Key {
	t.Helper()
	key, err := holder.FromPublic(w.Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Proof is a proof of possession; its zero members are as they have to be.
type Proof struct {
	Type string
	// Header replaces the jwk header; members that are nil are left out.
	Header map[string]any
	// Claims are added, or taken away where the value is nil.
	Claims map[string]any
	// Signer signs instead of the wallet's key.
	Signer *ecdsa.PrivateKey
}

// Prove makes a proof for issuer at a time in Unix seconds.
func (w *Wallet) Prove(t testing.TB, issuer, nonce string, at int64, wish Proof) string {
	t.Helper()
	claims := map[string]any{"aud": issuer, "iat": at, "nonce": nonce}
	maps.Copy(claims, wish.Claims)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	header := wish.Header
	if header == nil {
		header = map[string]any{"jwk": w.JWK()}
	}
	if wish.Type == "" {
		wish.Type = "openid4vci-proof+jwt"
	}
	if wish.Signer == nil {
		wish.Signer = w.Private
	}
	text, err := Sign(wish.Signer, wish.Type, "", header, claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
