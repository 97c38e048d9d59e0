package alerts_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/alerts"
	"tocsin/alerts/drill"
	"tocsin/alerts/rule"
	"tocsin/alerts/runbooks"
	"tocsin/alerts/slo"
	"tocsin/alerts/slos"
)

var update = flag.Bool("update", false, "write the golden files anew")

func shipped(t *testing.T) rule.File {
	t.Helper()
	spec, _, err := slo.Parse(slos.LoginFile, slos.Login())
	if err != nil {
		t.Fatal(err)
	}
	return alerts.Rules(spec)
}

// promtool runs the real promtool in a folder that holds the shipped rules as
// rules.yml.
func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is missing; install it with: system/packages.sh")
	}
	text, err := shipped(t).YAML()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "rules.yml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(folder, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), path, arguments...)
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
}

func TestTheShippedRulesAreTheOnesThatWereReviewed(t *testing.T) {
	const golden = "testdata/rules.golden.yml"
	got, err := shipped(t).YAML()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("rules changed; if on purpose, run go test ./alerts -update (-want +got):\n%s", diff)
	}
}

func TestPrometheusAcceptsTheRules(t *testing.T) {
	promtool(t, "check", "rules", "rules.yml")
}

func TestTheRulesFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	tests, err := filepath.Glob("testdata/*.test.yml")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no rule tests found: %v", err)
	}
	for _, path := range tests {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".test.yml"), func(t *testing.T) {
			promtool(t, "test", "rules", filepath.Base(path))
		})
	}
}

func TestEveryAlertHasARunbookAndEveryRunbookAnAlert(t *testing.T) {
	want := append(shipped(t).AlertNames(), drill.AlertName)
	slices.Sort(want)
	got, err := runbooks.Names()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts and runbooks differ (-alerts +runbooks):\n%s", diff)
	}
}

func TestEveryAlertSaysHowBadItIsAndWhatToDo(t *testing.T) {
	severities := []string{string(rule.Critical), string(rule.Warning), string(rule.None)}
	for _, alert := range shipped(t).Alerts() {
		if !slices.Contains(severities, alert.Labels[rule.LabelSeverity]) {
			t.Errorf("%s has severity %q", alert.Alert, alert.Labels[rule.LabelSeverity])
		}
		for _, name := range []string{rule.AnnotationSummary, rule.AnnotationDescription} {
			if !strings.HasSuffix(alert.Annotations[name], ".") {
				t.Errorf("%s: %s is not a sentence: %q", alert.Alert, name, alert.Annotations[name])
			}
		}
		if want := "/runbooks/" + alert.Alert; !strings.HasSuffix(alert.Annotations[rule.AnnotationRunbook], want) {
			t.Errorf("%s has runbook %q, want one that ends in %s", alert.Alert, alert.Annotations[rule.AnnotationRunbook], want)
		}
	}
}
