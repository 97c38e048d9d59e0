package identity_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"tocsin/system/identity"
	"tocsin/system/identity/keyset"
)

// publishedAt returns the keys of a JWK set by kid.
func publishedAt(t testing.TB, b *browser, address string) map[string]jose.JSONWebKey {
	t.Helper()
	answer := b.get(address)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(answer.body), &set); err != nil || answer.status != http.StatusOK {
		t.Fatalf("%s: %d %s", address, answer.status, answer.body)
	}
	keys := map[string]jose.JSONWebKey{}
	for _, key := range set.Keys {
		keys[key.KeyID] = key
	}
	return keys
}

func TestRotateKeys(t *testing.T) {
	a := newAttempt(t, shared.issuer, "profile")
	old, err := a.exchange(a.logIn(t, newBrowser(t), "2000000040"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		use  keyset.Use
		path string
		kept int // keys that are followed: one of each algorithm
	}{
		{keyset.Token, "/jwks.json", 3},
		{keyset.Credential, "/vci/jwks.json", 1},
	} {
		t.Run(string(test.use), func(t *testing.T) {
			b := newBrowser(t)
			before := publishedAt(t, b, shared.issuer+test.path)
			started := time.Now()
			rotation, err := identity.RotateKeys(t.Context(), shared.zones[0].provider, test.use, false, logs())
			if err != nil {
				t.Fatal(err)
			}
			if len(rotation.Keys) != test.kept {
				t.Fatalf("rotated %+v", rotation)
			}
			for _, next := range rotation.Keys {
				if _, known := before[next.KeyID]; next.Made == known {
					t.Errorf("key %s: made %v, published before %v", next.KeyID, next.Made, known)
				}
				if _, known := before[next.Replaces]; !known || next.Signs.Before(started.Add(5*time.Minute)) && next.Made {
					t.Errorf("a client may have cached the keys without %+v", next)
				}
			}
			awaitPublished(t, b, test.path, len(before), rotation)
			again, err := identity.RotateKeys(t.Context(), shared.zones[1].provider, test.use, false, logs())
			if err != nil || len(again.Keys) != test.kept {
				t.Fatalf("again: %+v, %v", again, err)
			}
			for i, next := range again.Keys {
				if next.Made || next.KeyID != rotation.Keys[i].KeyID {
					t.Errorf("again: %+v, first %+v", next, rotation.Keys[i])
				}
			}
		})
	}
	checkOld(t, a, old)
}

// awaitPublished wants what there was, and the new keys, in every zone.
func awaitPublished(t *testing.T, b *browser, path string, before int, rotation *identity.Rotation) {
	t.Helper()
	made := 0
	for _, next := range rotation.Keys {
		if next.Made {
			made++
		}
	}
	for _, z := range shared.zones {
		err := await(t.Context(), 15*time.Second, func() error {
			keys := publishedAt(t, b, z.gateway+path)
			for _, next := range rotation.Keys {
				if keys[next.KeyID].Algorithm != next.Algorithm {
					return fmt.Errorf("zone %s does not publish %+v", z.provider.Zone, next)
				}
			}
			if len(keys) != before+made {
				return fmt.Errorf("zone %s publishes %d keys, want %d and %d", z.provider.Zone, len(keys), before, made)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// checkOld wants that token is taken everywhere, also by a client that knows no
// key yet, and that nothing is signed with a key that others may not know.
func checkOld(t *testing.T, a *attempt, token *oauth2.Token) {
	t.Helper()
	for _, z := range shared.zones {
		fresh := newAttempt(t, z.gateway)
		if _, err := fresh.provider.Verifier(&oidc.Config{ClientID: clientID}).Verify(fresh.ctx, token.Extra("id_token").(string)); err != nil {
			t.Errorf("zone %s: %v", z.provider.Zone, err)
		}
		if answer := newBrowser(t).authorized(http.MethodGet, z.gateway+"/userinfo", token.AccessToken, ""); answer.status != http.StatusOK {
			t.Errorf("zone %s: userinfo says %d %s", z.provider.Zone, answer.status, answer.body)
		}
	}
	after, err := a.exchange(a.logIn(t, newBrowser(t), "2000000041"))
	if err != nil {
		t.Fatal(err)
	}
	if keyOf(t, after.AccessToken) != keyOf(t, token.AccessToken) {
		t.Error("another key signs before its time")
	}
}

func keyOf(t testing.TB, token string) string {
	t.Helper()
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Signatures[0].Header.KeyID
}

func TestRotationInWords(t *testing.T) {
	at := time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)
	rotation := &identity.Rotation{Use: keyset.Token, Within: 10, Keys: []identity.NextKey{
		{KeyID: "n1", Algorithm: "ES256", Replaces: "o1", Published: at, Signs: at.Add(10 * time.Minute), Made: true},
		{KeyID: "n2", Algorithm: "RS256", Replaces: "o2", Published: at, Signs: at.Add(10 * time.Minute)},
	}}
	var text strings.Builder
	if err := rotation.Text(&text); err != nil {
		t.Fatal(err)
	}
	want := `token ES256: key n1 published now (in every zone within 10 s); signs from 2026-11-21T22:10:00Z on in place of o1, which stays published until all it signed has expired
token RS256: key n2 was on its way already, published 2026-11-21T22:00:00Z; signs from 2026-11-21T22:10:00Z on in place of o2, which stays published until all it signed has expired
`
	if text.String() != want {
		t.Errorf("got %s", text.String())
	}
	text.Reset()
	rotation.Refused = 300
	if err := rotation.Text(&text); err != nil {
		t.Fatal(err)
	}
	if want += "clients that cached the keys refuse what these sign for up to 300 s\n"; text.String() != want {
		t.Errorf("at once: got %s", text.String())
	}
}
