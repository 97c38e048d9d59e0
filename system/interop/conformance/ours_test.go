package conformance_test

import (
	"os"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/clients"
	"tocsin/system/interop/conformance"
	"tocsin/system/interop/ours"
)

func TestMain(m *testing.M) {
	ours.Role()
	os.Exit(m.Run())
}

func TestOurs(t *testing.T) {
	var registered []*ours.Client
	client := func(id string, change func(*clients.Client)) conformance.Client {
		made := ours.NewClient(t, id, change)
		registered = append(registered, made)
		return made.Checked()
	}
	target := &conformance.Target{
		Basic: client("basic", nil), Second: client("second", nil),
		RS256:   client("rs256", func(c *clients.Client) { c.IDTokenAlg = jose.RS256 }),
		Profile: client("profile", ours.Profiled), ProfileSecond: client("profile-second", ours.Profiled),
		Wallet: client("wallet", nil), WalletSecond: client("wallet-second", ours.Public),
		Claims: map[string][]string{
			"profile": {"name"}, "email": {"email"}, "address": {"address"}, "phone": {"phone_number"},
		},
		Brief: testing.Short(),
	}
	system := ours.Start(t, registered...)
	target.Issuer, target.Trust, target.Person = system.Issuer, system.Trust, system.Person
	conformance.Run(t, target)
}
