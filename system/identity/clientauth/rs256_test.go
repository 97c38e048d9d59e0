package clientauth_test

import (
	"testing"

	"tocsin/system/identity/token/tokentest"
)

// Clients of eSignet sign with RS256.
func TestRS256IsForClientsRegisteredForItOutsideFAPI(t *testing.T) {
	for _, test := range []struct {
		name         string
		par, dpop    bool
		registered   string // alg of the JWK
		signs, kind  string // alg of the header and of the signature
		valid, known bool
	}{
		{"a key registered for RS256", false, false, "RS256", "RS256", "RS256", true, true},
		{"a key that says no algorithm", false, false, "", "RS256", "RS256", false, true},
		{"a key registered for PS256", false, false, "PS256", "RS256", "RS256", false, true},
		{"a stranger's key", false, false, "RS256", "RS256", "RS256", false, false},
		{"fapi2-security-profile-final-ensure-signed-client-assertion-with-RS256-fails", true, true, "RS256", "RS256", "RS256", false, true},
		{"a client that has to push", true, false, "RS256", "RS256", "RS256", false, true},
		{"a client that has to prove possession", false, true, "RS256", "RS256", "RS256", false, true},
		{"PS256 with a key for RS256", false, false, "RS256", "PS256", "PS256", false, true},
		{"an RS256 signature called PS256", false, false, "RS256", "PS256", "RS256", false, true},
		{"a PS256 signature called RS256", false, false, "RS256", "RS256", "PS256", false, true},
		{"PS256 with a key that says no algorithm, as ever", false, false, "", "PS256", "PS256", true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, "RS256")
			f.fapi.RequirePAR, f.fapi.RequireDPoP = test.par, test.dpop
			f.fapi.Keys.Keys[0].Algorithm = test.registered
			f.fapi.Key.Algorithm = test.kind
			if !test.known {
				f.fapi.Key = tokentest.NewKey(t, test.kind)
			}
			got, err := f.authenticate(t, with(f.fapi.Assertion(t, f.now, members{"alg": test.signs}, nil)), "/token")
			check(t, got, err, test.valid)
		})
	}
}

func TestRS256IsForNoKeyOfAnotherKind(t *testing.T) {
	f := newFixture(t, "ES256")
	f.plain.Keys.Keys[0].Algorithm = "RS256"
	got, err := f.authenticate(t, with(f.plain.Assertion(t, f.now, members{"alg": "RS256"}, nil)), "/token")
	check(t, got, err, false)
}
