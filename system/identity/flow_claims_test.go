package identity_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestPairwiseSubjectsDifferBySectorAndStay(t *testing.T) {
	t.Parallel()
	subject := func(client, individualID string) string {
		t.Helper()
		got := newParty(t, client).obtain("openid", individualID)
		sub := claims(t, got.ID)["sub"].(string)
		if inAccess := claims(t, got.Access)["sub"]; inAccess != sub {
			t.Errorf("the access token is about %v, the ID token about %s", inAccess, sub)
		}
		var info struct{ Sub string }
		decode(t, newBrowser(t).authorized(http.MethodGet, there()+"/userinfo", got.Access, ""), &info)
		if info.Sub != sub {
			t.Errorf("userinfo is about %s, the ID token about %s", info.Sub, sub)
		}
		return sub
	}
	one, other := "2000000160", "2000000161"
	known := subject("sector-one", one)
	for name, test := range map[string]struct {
		client, person string
		same           bool
	}{
		"the same client, later":         {"sector-one", one, true},
		"a client of the sector":         {"sector-two", one, true},
		"a client of another":            {"other-sector", one, false},
		"a client for whom it is public": {clientID, one, false},
		"another person":                 {"sector-two", other, false},
	} {
		if got := subject(test.client, test.person); (got == known) != test.same {
			t.Errorf("%s: %s, the first client has %s", name, got, known)
		}
	}
	if subject(clientID, one) != subject("other", one) {
		t.Error("public subjects differ")
	}
}

// verified checks a JWS with the keys that a zone publishes.
func verified(t *testing.T, gateway, token string, alg jose.SignatureAlgorithm) {
	t.Helper()
	object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{alg})
	if err != nil {
		t.Fatalf("not signed with %s: %v", alg, err)
	}
	var published jose.JSONWebKeySet
	decode(t, newBrowser(t).get(gateway+"/jwks.json"), &published)
	keys := published.Key(object.Signatures[0].Header.KeyID)
	if len(keys) != 1 || keys[0].Algorithm != string(alg) {
		t.Fatalf("keys with the kid of a token signed with %s: %v", alg, keys)
	}
	if _, err := object.Verify(&keys[0]); err != nil {
		t.Error(err)
	}
}

func TestTokensAreSignedAsTheClientRegistered(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		client       string
		id, userinfo jose.SignatureAlgorithm
	}{
		{clientID, jose.ES256, ""}, {"rsa", jose.RS256, jose.ES256}, {"pss", jose.PS256, jose.PS256},
	} {
		p := newParty(t, test.client)
		got := p.obtain("openid profile", "2000000162")
		for i, gateway := range gateways() {
			verified(t, gateway, got.ID, test.id)
			verified(t, gateway, got.Access, jose.ES256)
			info := p.fetch(http.MethodGet, gateways()[1-i], "/userinfo", got.Access, "")
			if test.userinfo == "" {
				if info.header.Get("Content-Type") != "application/json" {
					t.Errorf("userinfo of %s is %s", test.client, info.header.Get("Content-Type"))
				}
				continue
			}
			if info.header.Get("Content-Type") != "application/jwt" {
				t.Fatalf("userinfo of %s: %d %s", test.client, info.status, info.body)
			}
			verified(t, gateway, info.body, test.userinfo)
			if told := claims(t, info.body); told["iss"] != shared.issuer || told["aud"] != test.client || told["name"] == nil || told["sub"] != claims(t, got.ID)["sub"] {
				t.Errorf("userinfo of %s: %v", test.client, told)
			}
		}
		hash := sha256.Sum256([]byte(got.Access))
		if claims(t, got.ID)["at_hash"] != base64.RawURLEncoding.EncodeToString(hash[:16]) {
			t.Errorf("at_hash of %s", test.client)
		}
		renewed := p.refresh(there(), got.Refresh)
		verified(t, here(), renewed.ID, test.id)
	}
}

// person are the names of claims about a person in an answer.
func person(of map[string]any) []string {
	names := []string{}
	for name := range maps.Keys(of) {
		if slices.Contains([]string{"name", "given_name", "family_name", "birthdate", "gender", "email", "email_verified", "picture", "locale", "updated_at", "phone_number"}, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (p *party) userinfo(gateway, access string) map[string]any {
	p.t.Helper()
	told := map[string]any{}
	answer := p.fetch(http.MethodGet, gateway, "/userinfo", access, "")
	if decode(p.t, answer, &told); answer.status != http.StatusOK {
		p.t.Fatalf("userinfo: %d %s", answer.status, answer.body)
	}
	return told
}

func TestTheClaimsParameterSaysWhereEachClaimGoes(t *testing.T) {
	t.Parallel()
	p, b := newParty(t, clientID), newBrowser(t)
	a := p.ask("openid", "prompt", "consent", "claims", `{"userinfo":{"email":null,"nickname":null},"id_token":{"given_name":{"essential":true},"auth_time":null}}`)
	consent := b.submit(b.get(a.at(here())), map[string]string{"individual_id": personID, "pin": pin})
	if got := consent.fields["claims"]; !slices.Equal(got, []string{"given_name", "email"}) {
		t.Fatalf("consent asks for %v: %d %.300s", got, consent.status, consent.body)
	}
	got := a.redeemed(there(), a.code(b.submit(consent, map[string]string{"decision": "allow"})))
	told := claims(t, got.ID)
	if !slices.Equal(person(told), []string{"given_name"}) || told["given_name"] != "Ada" || told["auth_time"] == nil {
		t.Errorf("ID token: %v", told)
	}
	info := p.userinfo(there(), got.Access)
	if !slices.Equal(person(info), []string{"email"}) || info["email"] != "ada@example.org" {
		t.Errorf("userinfo: %v", info)
	}
	if renewed := p.refresh(here(), got.Refresh); len(person(p.userinfo(there(), renewed.Access))) != 1 {
		t.Errorf("userinfo after refresh: %v", p.userinfo(there(), renewed.Access))
	}
}

func TestWhatAPersonDidNotTickIsReleasedNowhere(t *testing.T) {
	t.Parallel()
	p, b := newParty(t, "other"), newBrowser(t)
	scope := "openid profile email offline_access"
	wish := `{"id_token":{"email":null,"birthdate":null}}`
	a := p.ask(scope, "claims", wish, "prompt", "consent")
	consent := b.submit(b.get(a.at(here())), map[string]string{"individual_id": personID, "pin": pin})
	consent.fields["claims"] = []string{"birthdate", "family_name", "iss", "picture"} // two that are good, and one that is none of ours
	got := a.redeemed(there(), a.code(b.submit(consent, map[string]string{"decision": "allow"})))
	renewed := p.refresh(there(), got.Refresh)
	// Another login finds the consent and is not asked again.
	silent := p.ask(scope, "claims", wish, "prompt", "none")
	later := silent.redeemed(here(), silent.code(b.get(silent.at(there()))))
	for name, one := range map[string]*tokens{"at first": got, "after refresh": renewed, "with known consent": later} {
		if told := person(p.userinfo(here(), one.Access)); slices.Contains(told, "email") || slices.Contains(told, "name") || !slices.Contains(told, "birthdate") || !slices.Contains(told, "family_name") {
			t.Errorf("userinfo %s: %v", name, told)
		}
		if told := person(claims(t, one.ID)); slices.Contains(told, "email") || name != "after refresh" && !slices.Equal(told, []string{"birthdate"}) {
			t.Errorf("ID token %s: %v", name, told)
		}
	}
}
