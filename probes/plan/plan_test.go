package plan_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"tocsin/internal/strictyaml"
	"tocsin/internal/target"
	"tocsin/probes/plan"
)

const targetFile = `version: 1
name: lab
issuer: https://id.example.org
client: {id: tocsin, key_file: client.jwk, redirect_uri: https://id.example.org/callback}
accounts:
  probe: {individual_id: "1000000001", secret_file: pin}
zones:
  - {name: a, url: https://a.id.example.org}
`

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A credential takes a login and then many requests, the negative one two dozen:
// the time of a login would cut it short on a busy day.
func TestCredentialJourneysHaveMoreTimeThanALogin(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "client.jwk", "{}")
	write(t, dir, "pin", "545411")
	text := targetFile + "credential: {configuration_id: id, format: dc+sd-jwt, grant: authorization_code}\n"
	loaded, err := target.Load(write(t, dir, "target.yaml", text))
	if err != nil {
		t.Fatal(err)
	}
	all, err := new(plan.Plan).Entries(loaded)
	if err != nil {
		t.Fatal(err)
	}
	longest := map[string]time.Duration{}
	for _, entry := range all {
		longest[entry.Probe.Name()] = entry.Probe.(interface{ Longest() time.Duration }).Longest()
	}
	for _, name := range []string{"credential", "credential-negative"} {
		if longest[name] < 2*longest["login"] {
			t.Errorf("%s may take %s, and login %s", name, longest[name], longest["login"])
		}
	}
}

// load makes a target and, of text, a plan for it.
func load(t *testing.T, text string) (*target.Target, *plan.Plan, string, error) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "client.jwk", "{}")
	write(t, dir, "pin", "545411")
	loaded, err := target.Load(write(t, dir, "target.yaml", targetFile))
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, dir, "plan.yaml", text)
	planned, err := plan.ForTarget(loaded, path)
	return loaded, planned, path, err
}

func entries(t *testing.T, text string) map[string]plan.Entry {
	t.Helper()
	loaded, planned, _, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	all, err := planned.Entries(loaded)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]plan.Entry{}
	for _, entry := range all {
		named[entry.Probe.Name()] = entry
	}
	return named
}

func TestWithoutAPlanTheJourneysOfTheTargetRun(t *testing.T) {
	loaded, _, _, err := load(t, "version: 1\n")
	if err != nil {
		t.Fatal(err)
	}
	planned, err := plan.ForTarget(loaded, "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := planned.Entries(loaded)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, entry := range all {
		found[entry.Probe.Name()] = true
		if entry.Interval < plan.DefaultInterval {
			t.Errorf("%s runs every %s", entry.Probe.Name(), entry.Interval)
		}
	}
	if !found["login"] || !found["zone-a"] {
		t.Errorf("journeys %v", found)
	}
}

func TestTheNearestTimeOfAProbeCounts(t *testing.T) {
	got := entries(t, `version: 1
defaults: {interval: 30s}
journeys:
  login: {interval: 10s}
  jwks: {off: true}
`)
	if got["login"].Interval != 10*time.Second || got["discovery"].Interval != 30*time.Second {
		t.Errorf("login every %s, discovery every %s", got["login"].Interval, got["discovery"].Interval)
	}
	if !got["jwks"].Off || got["login"].Off {
		t.Error("what is off is not what the file says")
	}
}

func TestWhatIsWrongInAPlanIsNamedWithItsLine(t *testing.T) {
	cases := map[string]struct {
		text string
		line int
		key  string
		want string
	}{
		"a key that does not exist":   {"version: 1\njourney: {}\n", 2, "journey", `did you mean "journeys"?`},
		"another version":             {"version: 7\n", 1, "version", "not supported"},
		"an interval that is load":    {"version: 1\ndefaults: {interval: 10ms}\n", 2, "defaults.interval", "not between 1s"},
		"a timeout of nothing":        {"version: 1\njourneys:\n  login: {timeout: 0s}\n", 3, "journeys.login.timeout", "not between"},
		"everything off":              {"version: 1\ndefaults: {off: true}\n", 2, "defaults.off", "nothing to run"},
		"a journey nobody has":        {"version: 1\njourneys:\n  logn: {interval: 5s}\n", 3, "journeys.logn", `did you mean "login"?`},
		"a check without a kind":      {"version: 1\nchecks:\n  - {name: api}\n", 3, "checks[0]", "has 0 kinds"},
		"a check that is no name":     {"version: 1\nchecks:\n  - {name: ../api}\n", 3, "checks[0].name", "is no name"},
		"a check named like a former": {"version: 1\nchecks:\n  - {name: api}\n  - {name: api}\n", 4, "checks[1].name", "twice"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			loaded, planned, path, err := load(t, tc.text)
			if err == nil {
				_, err = planned.Entries(loaded)
			}
			if err == nil {
				t.Fatal("accepted")
			}
			for _, found := range all(err) {
				if found.File == path && found.Line == tc.line && found.Key == tc.key && strings.Contains(found.Error(), tc.want) {
					return
				}
			}
			t.Errorf("got %v\nwant line %d, key %s, …%s…", err, tc.line, tc.key, tc.want)
		})
	}
}

// all lists the findings of a joined error.
func all(err error) []*strictyaml.Error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var found []*strictyaml.Error
		for _, one := range joined.Unwrap() {
			found = append(found, all(one)...)
		}
		return found
	}
	var one *strictyaml.Error
	if errors.As(err, &one) {
		return []*strictyaml.Error{one}
	}
	return nil
}

// The plan of a README that people copy from is one that is accepted.
func TestThePlanOfTheWireChecksIsRight(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "wire", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(readme), "```yaml\n")
	text, _, found := strings.Cut(text, "```")
	if !found {
		t.Fatal("there is no plan in the README")
	}
	all := entries(t, text)
	for name, interval := range map[string]time.Duration{"edge-tls": time.Hour, "zone": time.Minute, "pages": 5 * time.Minute, "sweep": 6 * time.Hour} {
		if all[name].Probe == nil || all[name].Interval != interval {
			t.Errorf("%s: %+v", name, all[name])
		}
	}
}

// Everybody's time limit would cut short what knows better how long it takes.
func TestChecksOfTheWireKeepTheirOwnPace(t *testing.T) {
	all := entries(t, "version: 1\ndefaults: {interval: 10s, timeout: 2s}\nchecks:\n- {name: sweep, ports: {hosts: [localhost], open: [1]}}\n")
	if all["sweep"].Interval != 6*time.Hour {
		t.Errorf("sweeps every %s", all["sweep"].Interval)
	}
}

// What is wrong inside a kind is named by its whole key.
func TestEachKindChecksItself(t *testing.T) {
	for name, tc := range map[string]struct{ check, key string }{
		"http":    {"{url: ftp://a}", "url"},
		"tcp":     {"{address: a}", "address"},
		"grpc":    {"{address: a}", "address"},
		"tls":     {"{policy: weak}", "policy"},
		"dns":     {"{records: [{name: a., type: FOO}]}", "records[0].type"},
		"headers": {"{url: https://a.example, policy: lax}", "policy"},
		"ports":   {"{hosts: [a], range: none}", "range"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := load(t, "version: 1\nchecks:\n- name: one\n  "+name+": "+tc.check+"\n")
			for _, found := range all(err) {
				if found.Line == 4 && found.Key == "checks[0]."+name+"."+tc.key {
					return
				}
			}
			t.Errorf("got %v, want the key checks[0].%s.%s", err, name, tc.key)
		})
	}
}

// The example is a plan that is accepted, and lacks no kind of check.
func TestTheExampleHasEveryKind(t *testing.T) {
	text, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	made := entries(t, string(text))
	var file struct{ Checks []map[string]yaml.Node }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, check := range file.Checks {
		if name := check["name"]; made[name.Value].Probe == nil {
			t.Errorf("check %s is no probe", name.Value)
		}
		for key := range check {
			shown[key] = true
		}
	}
	// The kinds are the pointers of a check.
	for _, field := range reflect.VisibleFields(reflect.TypeFor[plan.Check]()) {
		if key := field.Tag.Get("yaml"); field.Type.Kind() == reflect.Pointer && !shown[key] {
			t.Errorf("the example has no check of the kind %s", key)
		}
	}
}
