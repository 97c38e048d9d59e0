package install_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/alerts"
	"tocsin/alerts/install"
	"tocsin/alerts/internal/realtest"
	"tocsin/alerts/route"
	"tocsin/alerts/rule"
	"tocsin/alerts/slo"
	"tocsin/alerts/slos"
)

const silent = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"

func rules(t *testing.T) rule.File {
	t.Helper()
	spec, _, err := slo.Parse(slos.LoginFile, slos.Login())
	if err != nil {
		t.Fatal(err)
	}
	return alerts.Rules(spec)
}

func routing(t *testing.T) route.Config {
	t.Helper()
	config, err := route.New(route.Pager{WebhookURL: "http://127.0.0.1:9/pager/webhook"}, alerts.Watchdog)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPrometheusEvaluatesTheRulesAfterApply(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tocsin.yml")
	prometheus := install.Prometheus{URL: realtest.Prometheus(t, file), RulesFile: file, Client: http.DefaultClient}

	if err := prometheus.Verify(t.Context(), rules(t)); !errors.Is(err, install.ErrRefused) {
		t.Errorf("before: got %v, want that the rules are not loaded", err)
	}
	for range 2 {
		if err := prometheus.Apply(t.Context(), rules(t)); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("rules that Prometheus refuses leave the old ones in force", func(t *testing.T) {
		before := content(t, file)
		broken := rule.File{Groups: []rule.Group{{Name: "g", Rules: []rule.Rule{{Record: "x", Expr: "sum("}}}}}
		err := prometheus.Apply(t.Context(), broken)
		if !errors.Is(err, install.ErrRefused) || !strings.Contains(err.Error(), "as it was before") {
			t.Errorf("got %v", err)
		}
		if content(t, file) != before {
			t.Error("the file changed")
		}
		if err := prometheus.Verify(t.Context(), rules(t)); err != nil {
			t.Error(err)
		}
	})

	t.Run("a rule that was changed behind our back is noticed", func(t *testing.T) {
		changed := rules(t)
		changed.Groups[0].Rules[0].Labels[rule.LabelSeverity] = string(rule.None)
		if err := prometheus.Verify(t.Context(), changed); !errors.Is(err, install.ErrRefused) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRulesThatPrometheusDoesNotReadAreNotCalledLoaded(t *testing.T) {
	folder := t.TempDir()
	other := filepath.Join(folder, "other.yml")
	prometheus := install.Prometheus{
		URL: realtest.Prometheus(t, filepath.Join(folder, "tocsin.yml")), RulesFile: other, Client: http.DefaultClient,
	}
	err := prometheus.Apply(t.Context(), rules(t))
	if !errors.Is(err, install.ErrRefused) || !strings.Contains(err.Error(), "is not loaded") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(other); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that did not exist before is left behind: %v", err)
	}
}

func TestAlertmanagerSendsToThePagerAfterApply(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	realtest.Write(t, file, silent)
	alertmanager := install.Alertmanager{URL: realtest.Alertmanager(t, file), ConfigFile: file, Client: http.DefaultClient}

	err := alertmanager.Verify(t.Context(), routing(t))
	if !errors.Is(err, install.ErrRefused) || !strings.Contains(err.Error(), `alerts go to receiver "nobody"`) {
		t.Errorf("before: got %v", err)
	}
	if err := alertmanager.Apply(t.Context(), routing(t)); err != nil {
		t.Fatal(err)
	}

	t.Run("a configuration that Alertmanager refuses leaves the old one in force", func(t *testing.T) {
		broken := routing(t)
		broken.Route.Receiver = "nowhere"
		if err := alertmanager.Apply(t.Context(), broken); !errors.Is(err, install.ErrRefused) {
			t.Errorf("got %v", err)
		}
		if err := alertmanager.Verify(t.Context(), routing(t)); err != nil {
			t.Error(err)
		}
	})
}

func TestAServerThatIsNotThereIsNotCalledRefusing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tocsin.yml")
	prometheus := install.Prometheus{URL: "http://127.0.0.1:9", RulesFile: file, Client: http.DefaultClient}
	err := prometheus.Apply(t.Context(), rules(t))
	if err == nil || errors.Is(err, install.ErrRefused) {
		t.Errorf("got %v, want an error that is no refusal", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("rules that nobody reads are left behind: %v", err)
	}
}
