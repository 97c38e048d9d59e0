//go:build e2e

package e2e

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// verdict is what the tests need of `tocsin scenario run --json`.
type verdict struct {
	Verdict      string `json:"verdict"`
	Reason       string `json:"reason"`
	Expectations []struct {
		Name    string `json:"name"`
		Verdict string `json:"verdict"`
		Reason  string `json:"reason"`
	} `json:"expectations"`
	Faults []json.RawMessage `json:"faults"`
	Load   json.RawMessage   `json:"load"`
	Ledger struct {
		Kept    int               `json:"kept"`
		Lost    []json.RawMessage `json:"lost"`
		Doubled []json.RawMessage `json:"doubled"`
	} `json:"ledger"`
	Alerts []json.RawMessage `json:"alerts"`
}

func (v verdict) of(name string) string {
	for _, line := range v.Expectations {
		if line.Name == name {
			return line.Verdict
		}
	}
	return "absent"
}

func (v verdict) table() string {
	var lines []string
	for _, line := range v.Expectations {
		lines = append(lines, line.Verdict+"\t"+line.Name+": "+line.Reason)
	}
	return v.Verdict + ": " + v.Reason + "\n" + strings.Join(lines, "\n")
}

func TestEveryComponentIsReadyInEveryZone(t *testing.T) {
	shared.takeLab(t)
	status := shared.status(t)
	copies, primaries := map[string]int{}, map[string]int{}
	for _, c := range status.Components {
		if !c.Ready {
			t.Errorf("%s/%s is not ready", c.Zone, c.Component)
		}
		if c.Zone != "" {
			copies[c.Component]++
		}
		if c.Role == "primary" {
			primaries[c.Component]++
		}
	}
	for _, component := range []string{"etcd", "postgres", "redis", "sentinel", "hsm", "identity", "ui", "gateway"} {
		if copies[component] != 3 {
			t.Errorf("%s has %d copies", component, copies[component])
		}
	}
	for _, component := range []string{"postgres", "redis"} {
		if primaries[component] != 1 {
			t.Errorf("%s has %d primaries", component, primaries[component])
		}
	}
	t.Logf("from lab up to the first login: %.1f s", shared.upTook.Seconds())
}

func TestASecondLabIsRefused(t *testing.T) {
	same := shared.run("lab", "up", "--within", "5s")
	if same.code != 1 {
		t.Errorf("exits %d", same.code)
	}
	mentions(t, same.stderr, "another lab runs", "lab down")
	other := shared.run("lab", "up", "--within", "5s", "--state", t.TempDir(), "--port="+publicPort)
	if other.code != 1 {
		t.Errorf("exits %d", other.code)
	}
	mentions(t, other.stderr, "port "+publicPort, "taken")
}

func TestDoctorFindsNothing(t *testing.T) {
	shared.takeLab(t)
	if said := shared.run("tocsin", "doctor"); said.code != 0 {
		t.Fatalf("exits %d\n%s%s", said.code, said.stdout, said.stderr)
	}
}

// TestEveryProbePasses: every journey that the lab's target file asks for, and
// every check of its plan.
func TestEveryProbePasses(t *testing.T) {
	shared.takeLab(t)
	said := shared.run("tocsin", "--plan", filepath.Join(shared.dir, "lab", "plan.yaml"), "probe", "run", "--all", "--count", "3")
	if said.code != 0 {
		t.Errorf("exits %d", said.code)
	}
	t.Logf("%s%s", said.stdout, said.stderr)
}

func TestAProbeTellsWhichStepFailedAndWhy(t *testing.T) {
	shared.takeLab(t)
	good := shared.run("tocsin", "probe", "run", "login", "--json")
	type result struct {
		Verdict    string `json:"verdict"`
		Reason     string `json:"reason"`
		FailedStep string `json:"failed_step"`
		TraceID    string `json:"trace_id"`
		Steps      []struct {
			Name string  `json:"name"`
			MS   float64 `json:"ms"`
		} `json:"steps"`
	}
	if got := object[result](t, good); got.Verdict != "pass" || got.FailedStep != "" || len(got.TraceID) != 32 || len(got.Steps) < 8 {
		t.Errorf("a good login: %+v", got)
	}
	text, err := os.ReadFile(filepath.Join(shared.dir, "lab", "target.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		old, new string
		code     int
		says     []string
	}{
		"nobody there":            {"localhost:" + publicPort, "localhost:9", 1, []string{"FAIL", "refused"}},
		"a foreign certificate":   {"ca_file: " + filepath.Join(shared.dir, "lab", "ca.pem"), "# system roots", 1, []string{"FAIL", "foreign"}},
		"an unknown key":          {"issuer:", "isuer:", 2, []string{"target.yaml:4", "isuer", "issuer"}},
		"a key file that is gone": {"client.jwk", "gone.jwk", 2, []string{"gone.jwk"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			changed := strings.ReplaceAll(string(text), tc.old, tc.new)
			path := filepath.Join(t.TempDir(), "target.yaml")
			if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			said := shared.run("tocsin", "--target", path, "probe", "run", "login")
			if said.code != tc.code || strings.Contains(said.stderr, "goroutine") {
				t.Errorf("exits %d, want %d", said.code, tc.code)
			}
			mentions(t, said.stdout+said.stderr, tc.says...)
		})
	}
}

func TestTheBellRings(t *testing.T) {
	shared.takeLab(t)
	said := shared.run("tocsin", "alerts", "test")
	if said.code != 0 {
		t.Fatalf("exits %d\n%s%s", said.code, said.stdout, said.stderr)
	}
}

// rate of the loads here. The own 20 a second of the scenario fill both cores of a
// slow machine, and then its verdict is about the machine.
const rate = "rate=8"

// TestZoneLoss is the promise of the whole system: the zone that holds the
// Postgres primary loses power under load, and nobody notices but the pager.
func TestZoneLoss(t *testing.T) {
	shared.takeLab(t)
	zone := shared.zoneOf(t, "postgres", "primary")
	dir := t.TempDir()
	junit, report := filepath.Join(dir, "junit.xml"), filepath.Join(dir, "report.html")
	said := shared.run("tocsin", "scenario", "run", "zone-loss", "--set", "zone="+zone, "--set", rate, "--json", "--junit", junit, "--report", report)
	got := object[verdict](t, said)
	shared.found = fmt.Sprintf("zone %s, %.0f s\n%s\n%s", zone, said.took.Seconds(), got.Load, got.table())
	t.Log(shared.found)
	if said.code != 0 || got.Verdict != "pass" {
		t.Errorf("exits %d with %s", said.code, got.Verdict)
	}
	if len(got.Faults) != 1 || len(got.Alerts) == 0 || got.Ledger.Kept < 1000 || len(got.Ledger.Lost)+len(got.Ledger.Doubled) != 0 {
		t.Errorf("%d faults, %d alerts, ledger %+v", len(got.Faults), len(got.Alerts), got.Ledger)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	text, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(text, &suite); err != nil || suite.Tests < len(got.Expectations) || suite.Failures != 0 {
		t.Errorf("JUnit %+v, %v", suite, err)
	}
	page, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	mentions(t, string(page), "<svg", "ZoneDown", "zone-loss")
}

// TestZoneLossAmongReturningPeople: who has logged in before waits for no
// database, whatever the zone that dies was to the others.
func TestZoneLossAmongReturningPeople(t *testing.T) {
	shared.takeLab(t)
	zone := shared.zoneOf(t, "redis", "primary")
	said := shared.run("tocsin", "scenario", "run", "zone-loss-returning", "--set", "zone="+zone, "--set", rate, "--json")
	got := object[verdict](t, said)
	shared.found = fmt.Sprintf("zone %s, %.0f s\n%s\n%s", zone, said.took.Seconds(), got.Load, got.table())
	t.Log(shared.found)
	if said.code != 0 || got.Verdict != "pass" {
		t.Errorf("exits %d with %s", said.code, got.Verdict)
	}
}

// TestACrashOfTocsinHealsTheSystem kills the harness while its fault is in
// force: the lease ends the fault, and a second experiment was refused before.
func TestACrashOfTocsinHealsTheSystem(t *testing.T) {
	shared.takeLab(t)
	first := shared.command("tocsin", "scenario", "run", "zone-loss", "--set", "zone=b", "--set", "rate=5")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if first.ProcessState == nil { // the test ended before it killed it
			t.Log("end the scenario:", first.Process.Kill(), first.Wait())
		}
	})
	type fault struct {
		State   string `json:"state"`
		EndedBy string `json:"ended_by"`
		Zone    string `json:"zone"`
	}
	last := func() fault {
		all := object[[]fault](t, shared.run("lab", "fault", "list", "--json"))
		if len(all) == 0 {
			return fault{}
		}
		return all[len(all)-1]
	}
	shared.until(t, 90*time.Second, "the fault is in force", func() bool { return last().State == "in-force" })
	second := shared.run("tocsin", "scenario", "run", "zone-loss", "--set", "zone=c")
	if second.code != 2 {
		t.Errorf("a second scenario exits %d", second.code)
	}
	mentions(t, second.stderr, "running")
	if err := first.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err == nil {
		t.Error("a killed scenario passed")
	}
	shared.until(t, 30*time.Second, "the lease has ended the fault", func() bool { return last().State == "reverted" })
	if got := last(); got.EndedBy != "lease" || got.Zone != "b" {
		t.Errorf("ended by %q in zone %q", got.EndedBy, got.Zone)
	}
	shared.awaitWhole(t)
}

func sabotages() []string {
	return []string{"async-commit", "redis-alone", "alert-nowhere", "login-word"}
}

// TestEverySabotageTurnsItsLineRed makes the system worse in four ways at once:
// each must be seen by the line that is there for it, and the lines that have
// nothing to do with it must not be.
func TestEverySabotageTurnsItsLineRed(t *testing.T) {
	shared.takeLab(t)
	zone := shared.zoneOf(t, "redis", "primary")
	if said := shared.run("lab", append([]string{"sabotage"}, sabotages()...)...); said.code != 0 {
		t.Fatalf("sabotage exits %d: %s", said.code, said.stderr)
	}
	said := shared.run("tocsin", "scenario", "run", "zone-loss", "--set", "zone="+zone, "--set", rate, "--json")
	got := object[verdict](t, said)
	shared.found = fmt.Sprintf("zone %s, %.0f s\n%s", zone, said.took.Seconds(), got.table())
	t.Log(shared.found)
	if said.code != 1 || got.Verdict != "fail" {
		t.Errorf("exits %d with %s", said.code, got.Verdict)
	}
	red := map[string]string{
		"a commit waits for another zone":       "async-commit",
		"Redis has a replica":                   "redis-alone",
		"the right person is woken within 30 s": "alert-nowhere",
		"the login page looks as approved":      "login-word",
	}
	for name, by := range red {
		if got.of(name) != "fail" {
			t.Errorf("%q is %s under %s", name, got.of(name), by)
		}
	}
	// Nobody's login needs Redis: it counts attempts, and while it is away every
	// zone counts for itself.
	for _, name := range []string{"every zone serves by itself", "the zone is dark and the others are not", "no login fails"} {
		if got.of(name) != "pass" {
			t.Errorf("%q is %s, though nobody sabotaged it", name, got.of(name))
		}
	}
	for _, name := range []string{"no lies", "nothing acknowledged is lost, no code works twice"} {
		if got.of(name) == "fail" {
			t.Errorf("%q fails, though nobody sabotaged it", name)
		}
	}
	if said := shared.run("lab", append([]string{"sabotage", "--revert"}, sabotages()...)...); said.code != 0 {
		t.Fatalf("reverting exits %d: %s", said.code, said.stderr)
	}
	shared.awaitWhole(t)
}
