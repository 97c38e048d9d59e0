package ours

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"tocsin/system/authenticator/mockid"
	"tocsin/system/hsm"
	"tocsin/system/identity"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/store/realtest"
	"tocsin/system/identity/testrig"
	"tocsin/system/internal/conf"
	"tocsin/system/interop/browser"
	"tocsin/system/ui"
)

// The people who can log in.
const (
	firstPerson = 2000000000
	persons     = 20_000
	pin         = "24680"
)

// System is one zone of ours that runs.
type System struct {
	Issuer string
	// Authority is the PEM file of the CA of every certificate; Trust is the
	// same for clients.
	Authority string
	Trust     *tls.Config

	rig       *testrig.Rig
	provider  *identity.Config
	port      int
	processes map[string]*exec.Cmd
	persons   atomic.Int64
}

// Start starts a zone that knows registered: Postgres with a standby, three
// etcd members, Redis, an HSM node, provider, pages and a gateway. All end with
// the test.
func Start(t *testing.T, registered ...*Client) *System {
	t.Helper()
	s := startStores(t)
	s.seed(t, registered)
	pages := &ui.Config{
		Version: 1, Zone: "a", TLS: s.certificate(t, "ui"),
		Public: ui.Listener{Listen: realtest.Address(s.free(t))}, Ops: ui.Listener{Listen: realtest.Address(s.free(t))},
		Identity: ui.Identity{Nodes: []string{"https://" + s.provider.Internal.Listen}},
	}
	s.start(t, "identity", s.provider)
	s.start(t, "ui", pages)
	s.start(t, "gateway", &gateway{
		Port: s.port, Provider: s.provider.Public.Listen, Pages: pages.Public.Listen, TLS: s.certificate(t, "gateway"),
	})
	s.await(t, s.provider.Ops.Listen)
	s.await(t, pages.Ops.Listen)
	return s
}

// Person returns somebody who has not been here before.
func (s *System) Person() browser.Person {
	return browser.Person{ID: strconv.FormatInt(firstPerson+s.persons.Add(1), 10), PIN: pin}
}

// PID is the process of a component: identity, ui, hsm or gateway.
func (s *System) PID(component string) int { return s.processes[component].Process.Pid }

// startStores starts what the components keep things in, and the HSM node.
func startStores(t *testing.T) *System {
	t.Helper()
	rig, err := testrig.Start(context.WithoutCancel(t.Context()), &mockid.File{
		Ranges: []mockid.Range{{First: strconv.Itoa(firstPerson), Count: persons, PIN: pin}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rig.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &System{rig: rig, processes: map[string]*exec.Cmd{}, Authority: rig.CA.File()}
	s.port = s.free(t)
	s.Issuer = fmt.Sprintf("https://localhost:%d", s.port)
	if s.provider, err = rig.Config("a", s.Issuer); err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(s.Authority)
	if err != nil {
		t.Fatal(err)
	}
	s.Trust = &tls.Config{RootCAs: x509.NewCertPool()}
	s.Trust.RootCAs.AppendCertsFromPEM(authority)
	// The rig has one member; three are a quorum that a write has to reach.
	members, err := rig.StartEtcd(context.WithoutCancel(t.Context()), 3)
	if err != nil {
		t.Fatal(err)
	}
	s.provider.Etcd.Endpoints = members.Endpoints
	if err := rig.StopHSM(); err != nil { // it runs in this process
		t.Fatal(err)
	}
	s.start(t, "hsm", s.hsm(t))
	return s
}

func (s *System) hsm(t *testing.T) *hsm.Config {
	t.Helper()
	path := func(name string) string { return filepath.Join(s.rig.Dir(), name) }
	return &hsm.Config{
		Version: 1, Zone: "a", Listen: realtest.Address(s.rig.HSMPort), TLS: s.certificate(t, "hsm"),
		Callers: []string{"identity"}, Admins: []string{"identity"},
		PKCS11: hsm.PKCS11{
			Module: testrig.Module, TokenLabel: "identity", RSABits: 2048,
			PIN: conf.File(path("pin")), SecurityOfficerPIN: conf.Path(path("pin")),
		},
		Sharing: hsm.Sharing{Own: conf.Path(path("node.pem")), Approved: conf.Path(path("node.pem"))},
		SoftHSM: hsm.SoftHSM{TokenDir: conf.Path(path("tokens"))},
	}
}

// seed creates the schema and registers clients.
func (s *System) seed(t *testing.T, registered []*Client) {
	t.Helper()
	all := []clients.Client{}
	for _, client := range registered {
		all = append(all, client.Client)
	}
	text, err := json.Marshal(map[string]any{"clients": all})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "seed.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := identity.Migrate(t.Context(), s.provider, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := identity.Seed(t.Context(), s.provider, file, io.Discard); err != nil {
		t.Fatal(err)
	}
}
