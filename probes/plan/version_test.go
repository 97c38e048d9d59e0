package plan_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/target"
	"tocsin/probes/plan"
)

func TestAProbeHasAnotherVersionOnlyIfItIsMadeOfSomethingElse(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"client.jwk": "{}", "pin": "545411", "body": "{}", "target.yaml": targetFile} {
		write(t, dir, name, text)
	}
	versions := func(text string) map[string]string {
		t.Helper()
		write(t, dir, "plan.yaml", text)
		loaded, err := target.Load(filepath.Join(dir, "target.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		planned, err := plan.ForTarget(loaded, filepath.Join(dir, "plan.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		all, err := planned.Entries(loaded)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, one := range all {
			found[one.Probe.Name()] = one.Version
		}
		return found
	}
	const first = `version: 1
checks:
  - {name: one, http: {url: https://id.example.org/one, method: POST, body_file: body}}
  - {name: two, http: {url: https://id.example.org/two}}
`
	// Each step is compared with the one before.
	before := versions(first)
	differs := func(what string, now map[string]string, want ...string) {
		t.Helper()
		var changed []string
		for _, name := range slices.Sorted(maps.Keys(now)) {
			if now[name] == "" || now[name] != before[name] {
				changed = append(changed, name)
			}
		}
		if diff := cmp.Diff(want, changed); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		before = now
	}
	differs("nothing", versions(first))
	differs("only how it is written, and in which order", versions(`# twice the same
version: 1
checks:
  - name: two
    http:
      url: "https://id.example.org/two"
  - {name: one, http: {url: https://id.example.org/one, method: POST, body_file: body}}
`))
	const second = `version: 1
journeys: {login: {timeout: 9s}}
checks:
  - {name: two, http: {url: https://id.example.org/three}}
  - {name: one, http: {url: https://id.example.org/one, method: POST, body_file: body}}
`
	differs("a check and a journey", versions(second), "login", "two")
	write(t, dir, "body", `{"a": 1}`)
	differs("a file of a check", versions(second), "one")
	if err := os.WriteFile(filepath.Join(dir, "pin"), []byte("111111"), 0o600); err != nil {
		t.Fatal(err)
	}
	differs("a file of the target", versions(second), slices.Sorted(maps.Keys(before))...)
}
