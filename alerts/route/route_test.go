package route_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/config"

	"tocsin/alerts/route"
)

func whole(t *testing.T) []byte {
	t.Helper()
	made, err := route.New(route.Pager{
		WebhookURL: "https://10.83.0.1:9464/pager/webhook",
		CAFile:     "/lab/ca.pem", CertFile: "/lab/alertmanager.pem", KeyFile: "/lab/alertmanager.key",
	}, "Watchdog")
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// amtool runs the real amtool on the configuration of whole.
func amtool(t *testing.T, arguments ...string) string {
	t.Helper()
	path, err := exec.LookPath("amtool")
	if err != nil {
		t.Fatal("amtool is missing; install it with: system/packages.sh")
	}
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	if err := os.WriteFile(file, whole(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range arguments {
		arguments[i] = strings.ReplaceAll(arguments[i], "FILE", file)
	}
	output, err := exec.CommandContext(t.Context(), path, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("amtool %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

func TestAlertmanagerAcceptsTheConfiguration(t *testing.T) {
	amtool(t, "check-config", "FILE")
}

func TestTodaysAlertmanagerReadsInItWhatWasMeant(t *testing.T) {
	loaded, err := config.Load(string(whole(t)))
	if err != nil {
		t.Fatal(err)
	}
	root := loaded.Route
	if time.Duration(*root.GroupWait) != time.Second || time.Duration(*root.GroupInterval) != 5*time.Second || time.Duration(*root.RepeatInterval) != time.Hour {
		t.Errorf("waits %s, %s, %s", root.GroupWait, root.GroupInterval, root.RepeatInterval)
	}
	if len(loaded.InhibitRules) != 0 {
		t.Error("an inhibition rule may hide the loss of a zone")
	}
	webhook := loaded.Receivers[0].WebhookConfigs[0]
	if !webhook.SendResolved() || webhook.HTTPConfig.TLSConfig.CAFile != "/lab/ca.pem" {
		t.Errorf("webhook is %+v", webhook)
	}
}

func TestEveryAlertIsRoutedToThePager(t *testing.T) {
	for _, labels := range [][]string{
		{"alertname=ZoneDown", "zone=a", "severity=critical"},
		{"alertname=LoginFailing", "severity=critical"},
		{"alertname=LoginErrorBudgetBurnSlow", "severity=warning"},
		{"alertname=Watchdog", "severity=none"},
		{"alertname=BellDrill", "severity=none", "drill=x"},
		{"alertname=NobodyThoughtOfThis"},
	} {
		t.Run(labels[0], func(t *testing.T) {
			arguments := append([]string{"config", "routes", "test", "--config.file=FILE", "--verify.receivers=" + route.Receiver}, labels...)
			if got := strings.TrimSpace(amtool(t, arguments...)); !strings.HasSuffix(got, route.Receiver) {
				t.Errorf("goes to %s", got)
			}
		})
	}
}

func TestWithoutFilesThereIsNoTLSSection(t *testing.T) {
	made, err := route.New(route.Pager{WebhookURL: "http://127.0.0.1:9464/pager/webhook"}, "Watchdog")
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "http_config") {
		t.Errorf("has an empty TLS section:\n%s", text)
	}
}

func TestAPagerThatCannotBeReachedIsRefused(t *testing.T) {
	for name, pager := range map[string]route.Pager{
		"no address":                {},
		"a certificate without key": {WebhookURL: "https://x/", CertFile: "c"},
	} {
		if _, err := route.New(pager, "Watchdog"); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
