//go:build interop

package cost

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/system/interop/ours"
)

// TestMain lets the test binary be any of our processes, so that each has CPU
// time of its own.
func TestMain(m *testing.M) {
	ours.Role()
	os.Exit(m.Run())
}

// newOurs starts our system to measure.
func newOurs(t *testing.T) *Subject {
	t.Helper()
	client := ours.NewClient(t, "cost", nil)
	system := ours.Start(t, client)
	return &Subject{
		Name: "ours", Issuer: system.Issuer, Trust: system.Trust, ClientID: client.ID, Key: client.Key, KeyID: "ec",
		RedirectURI: client.RedirectURIs[0], Scope: "openid profile email", ServiceScope: "grant_management_query",
		Person: system.Person, Components: components(t, system),
	}
}

// components tells our processes and those of the stores apart.
func components(t *testing.T, system *ours.System) []Component {
	t.Helper()
	var all []Component
	for _, role := range []string{"identity", "ui", "hsm"} {
		all = append(all, Component{Name: role, PIDs: []int{system.PID(role)}})
	}
	below, err := Below(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	named := map[string][]int{}
	for _, pid := range below {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue // it ended meanwhile
		}
		words := strings.Split(string(text), "\x00")
		switch program := filepath.Base(words[0]); {
		case slices.Contains(words, "mock-id"):
			named["plug-in"] = append(named["plug-in"], pid)
		case strings.HasPrefix(program, "postgres"):
			named["postgres"] = append(named["postgres"], pid)
		case program == "etcd":
			named["etcd"] = append(named["etcd"], pid)
		case strings.HasPrefix(program, "redis"):
			named["redis"] = append(named["redis"], pid)
		}
	}
	all = append(all, Component{Name: "plug-in", PIDs: named["plug-in"]})
	for _, name := range []string{"postgres", "etcd", "redis"} {
		all = append(all, Component{Name: name, PIDs: named[name], Apart: true})
	}
	return append(all, Component{Name: "gateway", PIDs: []int{system.PID("gateway")}, Apart: true})
}
