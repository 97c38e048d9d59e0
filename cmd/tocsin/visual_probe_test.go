package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/verdict"
	"tocsin/probes"
)

// A page of the file of visual checks is a probe: with steps, evidence, and a
// verdict that is never good for lack of a baseline.
func TestAPageOfTheFileOfChecksIsAProbe(t *testing.T) {
	heading, state := "Log in", t.TempDir()
	target := loginPage(t, &heading)
	writeChecks(t, target, "version: 1\npages:\n  - {name: front, login: true, interval: 1h, looks: {schemes: [light, dark]}}\n")
	t.Setenv("USER", "alice")
	run := func(wantCode int, arguments ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := execute(t.Context(), append(arguments, "--target", target, "--state", state), &stdout, &stderr); code != wantCode || stderr.Len() > 0 {
			t.Fatalf("%v: exit %d with %s%s", arguments, code, stdout.String(), stderr.String())
		}
		return stdout.String()
	}
	probe := func(wantCode int) (result probes.Result) {
		t.Helper()
		if err := json.Unmarshal([]byte(run(wantCode, "probe", "run", "visual-front", "--json")), &result); err != nil {
			t.Fatal(err)
		}
		return result
	}
	if list := run(verdict.ExitPass, "probe", "list"); !strings.Contains(list, "visual-front") || !strings.Contains(list, "in 2 pictures") {
		t.Errorf("probes:\n%s", list)
	}
	if first := probe(verdict.ExitUnknown); first.Reason != verdict.NoBaseline || len(first.Steps) != 2 {
		t.Errorf("without baselines: %+v", first)
	}
	run(verdict.ExitPass, "visual", "approve", "front")
	if passed := probe(verdict.ExitPass); passed.Reason != verdict.OK || passed.Figures["difference_ratio"] != 0 {
		t.Errorf("as approved: %+v", passed)
	}
	heading = "Log on"
	failed := probe(verdict.ExitFail)
	if failed.Reason != verdict.Appearance || failed.FailedStep != "front__desktop__light__en-us" || failed.Attempts != 2 ||
		!strings.Contains(failed.Detail, "(and 1 more of 2 pictures are fail)") || failed.Figures["changed_pixels"] == 0 {
		t.Errorf("changed: %+v", failed)
	}
	for _, file := range []string{"difference.png", "visual/front__desktop__dark__en-us/report.html"} {
		if _, err := os.Stat(filepath.Join(state, "runs", failed.Evidence, file)); err != nil {
			t.Error(err)
		}
	}
}

func TestProbeOfAPageNeedsANameOfItsOwn(t *testing.T) {
	heading := "Log in"
	target := loginPage(t, &heading)
	folder := filepath.Dir(target)
	planFile := filepath.Join(folder, "plan.yaml")
	if err := os.WriteFile(planFile, []byte("version: 1\nchecks:\n  - {name: visual-login, tcp: {address: \"127.0.0.1:1\"}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{"probe", "list", "--target", target, "--plan", planFile, "--state", t.TempDir()}, &stdout, &stderr)
	if code != verdict.ExitUsage || !strings.Contains(stderr.String(), `the plan has a check "visual-login"`) {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}

// writeChecks gives a target a file of visual checks.
func writeChecks(t *testing.T, target, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(target), "visual.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(target, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("visual: {checks_file: visual.yaml}\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
