package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/verdict"
)

// alertsTarget is a complete target whose servers nobody runs.
const alertsTarget = `version: 1
name: nowhere
issuer: https://localhost:1
client: {id: tocsin, key_file: file, redirect_uri: https://localhost:1/callback}
accounts:
  probe: {individual_id: "1", secret_file: file}
  load: {first: "2", count: 2, secret_file: file}
`

const alertsServers = `prometheus: {url: "http://127.0.0.1:9", rules_file: rules.yml}
alertmanager: {url: "http://127.0.0.1:9", config_file: alertmanager.yml}
pager: {webhook_url: "http://127.0.0.1:9/pager/webhook"}
`

func TestAlertsCommands(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("file", "secret")
	bare := write("bare.yaml", alertsTarget)
	complete := write("complete.yaml", alertsTarget+alertsServers)
	badSLO := write("slo.yaml", "version: 1\nobjektive: 99.9%\n")

	cases := map[string]struct {
		arguments []string
		code      int
		stdout    string
		stderr    string
	}{
		"rules prints what Prometheus reads":              {[]string{"alerts", "rules"}, verdict.ExitPass, "- alert: ZoneDown", ""},
		"rules can be had as JSON":                        {[]string{"alerts", "rules", "--json"}, verdict.ExitPass, `"for": "4s"`, ""},
		"list names the runbook of every alert":           {[]string{"alerts", "list"}, verdict.ExitPass, "/runbooks/LoginFailing", ""},
		"a mistyped key in an SLO is shown with its line": {[]string{"alerts", "rules", "--slo", badSLO}, verdict.ExitUsage, "", "slo.yaml:2:1"},
		"an SLO that is not there is a usage error":       {[]string{"alerts", "list", "--slo", folder + "/none"}, verdict.ExitUsage, "", "read SLO"},
		"apply says what the target lacks":                {[]string{"alerts", "apply", "--target", bare}, verdict.ExitUsage, "", "has no prometheus.rules_file"},
		"apply without Prometheus is unknown":             {[]string{"alerts", "apply", "--target", complete}, verdict.ExitUnknown, "", "reload Prometheus"},
		"test without Alertmanager in the target":         {[]string{"alerts", "test", "--target", bare}, verdict.ExitUsage, "", "has no alertmanager.url"},
		"test without a running pager is unknown":         {[]string{"alerts", "test", "--target", complete}, verdict.ExitUnknown, "", "start tocsin serve"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := execute(t.Context(), append(c.arguments, "--state", folder), &stdout, &stderr)
			if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", code, c.code, stdout.String(), stderr.String())
			}
		})
	}
}
