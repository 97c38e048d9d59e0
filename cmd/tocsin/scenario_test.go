package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/verdict"
	"tocsin/scenarios/engine"
	"tocsin/scenarios/optest"
)

// scenarioTarget writes a target file for the provider of a test.
func scenarioTarget(t *testing.T, op *optest.Provider, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "target.yaml")
	text := fmt.Sprintf(`version: 1
name: test
issuer: %s
tls: {ca_file: %s}
client: {id: %s, key_file: %s, redirect_uri: %s}
accounts:
  probe: {individual_id: "%s", secret_file: %s}
  load: {first: "%s", count: 100, secret_file: %s}
%s`, op.URL, op.CAFile, optest.ClientID, op.KeyFile, op.RedirectURI, optest.First, op.SecretFile, optest.First, op.SecretFile, more)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func k6Binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join("..", "..", "bin", "k6")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the real k6 is needed: make bin/k6 (%v)", err)
	}
	return path
}

func TestScenarioCommands(t *testing.T) {
	op := optest.New(t)
	bare := scenarioTarget(t, op, "")
	socket := filepath.Join(t.TempDir(), "none.sock")
	complete := scenarioTarget(t, op, "injector: {kind: lab, socket: "+socket+"}\n")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("version: 1\nclaime: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TOCSIN_K6", "")
	cases := map[string]struct {
		arguments []string
		code      int
		stdout    string
		stderr    string
	}{
		"list names what can be set":         {[]string{"scenario", "list"}, verdict.ExitPass, "--set zone=a", ""},
		"list can be had as JSON":            {[]string{"scenario", "list", "--json"}, verdict.ExitPass, `"zone": "a"`, ""},
		"show prints the file":               {[]string{"scenario", "show", "zone-loss"}, verdict.ExitPass, "kind: kill", ""},
		"schema is a JSON Schema":            {[]string{"scenario", "schema"}, verdict.ExitPass, "2020-12/schema", ""},
		"an unknown scenario":                {[]string{"scenario", "run", "zone-lost", "--target", complete}, verdict.ExitUsage, "", "there are: zone-loss"},
		"an unknown key in a file":           {[]string{"scenario", "run", bad, "--target", complete}, verdict.ExitUsage, "", `bad.yaml:2:1: key "claime": unknown key; did you mean "claim"?`},
		"a file that is not there":           {[]string{"scenario", "run", "./none.yaml", "--target", complete}, verdict.ExitUsage, "", "no such file"},
		"a parameter that is not there":      {[]string{"scenario", "run", "zone-loss", "--set", "zoen=a", "--target", complete}, verdict.ExitUsage, "", `no "zoen", only rate, zone`},
		"a setting without a value":          {[]string{"scenario", "run", "zone-loss", "--set", "zone", "--target", complete}, verdict.ExitUsage, "", "write name=value"},
		"a target that cannot be broken":     {[]string{"scenario", "run", "zone-loss", "--target", bare}, verdict.ExitUsage, "", "no injector"},
		"k6 is missing":                      {[]string{"scenario", "run", "zone-loss", "--target", complete, "--k6", "/nowhere/k6"}, verdict.ExitUnknown, "", "make bin/k6"},
		"k6 is missing for a load":           {[]string{"load", "run", "--target", bare, "--k6", "/nowhere/k6"}, verdict.ExitUnknown, "", "make bin/k6"},
		"a load of nothing":                  {[]string{"load", "run", "--target", bare, "--rate", "0"}, verdict.ExitUsage, "", "is no load"},
		"a load on what is not there at all": {[]string{"load", "run", "--target", bare + ".none"}, verdict.ExitUsage, "", "no target file"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(append(c.arguments, "--state", t.TempDir()), &stdout, &stderr)
			if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("exit %d\nstdout: %s\nstderr: %s", code, stdout.String(), stderr.String())
			}
		})
	}
}

func TestASecondScenarioIsRefusedByTheNameOfTheFirst(t *testing.T) {
	op := optest.New(t)
	path := scenarioTarget(t, op, "injector: {kind: lab, socket: none.sock}\n")
	state := t.TempDir()
	release, err := engine.Lock(state, "zone-loss on target prod, run 42")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	}()
	var stdout, stderr bytes.Buffer
	code := run([]string{"scenario", "run", "zone-loss", "--target", path, "--state", state}, &stdout, &stderr)
	if code != verdict.ExitUsage || !strings.Contains(stderr.String(), "run 42") {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}

func TestLoadRunTellsWhatWasDelivered(t *testing.T) {
	path := scenarioTarget(t, optest.New(t), "")
	var stdout, stderr bytes.Buffer
	code := run([]string{"load", "run", "--rate", "10", "--duration", "2s", "--json", "--target", path, "--state", t.TempDir(), "--k6", k6Binary(t)}, &stdout, &stderr)
	var told struct {
		Verdict   string  `json:"verdict"`
		Logins    int     `json:"logins"`
		OK        int     `json:"ok"`
		Delivered float64 `json:"delivered_rate"`
		Longest   float64 `json:"longest_ms"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &told); err != nil {
		t.Fatalf("exit %d, %v\n%s%s", code, err, stdout.String(), stderr.String())
	}
	if code != verdict.ExitPass || told.Verdict != "pass" || told.OK < 19 || told.OK != told.Logins || told.Delivered < 9.5 || told.Longest <= 0 {
		t.Errorf("exit %d: %+v", code, told)
	}
}

func TestLoadOnATargetWithAForeignCertificateFailsAtDiscovery(t *testing.T) {
	op := optest.New(t)
	path := scenarioTarget(t, op, "")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Without our CA the provider's certificate is a stranger's.
	stranger := strings.Replace(string(text), "tls: {ca_file: "+op.CAFile+"}\n", "", 1)
	if err := os.WriteFile(path, []byte(stranger), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run([]string{"load", "run", "--target", path, "--state", t.TempDir(), "--k6", k6Binary(t)}, &stdout, &stderr)
	if code != verdict.ExitFail || !strings.Contains(stderr.String(), "FAIL at discovery") || !strings.Contains(stderr.String(), "certificate") {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}
