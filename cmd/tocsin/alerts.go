package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"tocsin/alerts"
	"tocsin/alerts/drill"
	"tocsin/alerts/install"
	"tocsin/alerts/route"
	"tocsin/alerts/rule"
	"tocsin/alerts/slo"
	"tocsin/alerts/slos"
	"tocsin/internal/target"
	"tocsin/internal/verdict"
)

func (a *app) alertsCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "alerts",
		Short: "Rules, routing and test of the alerts",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	var sloFile string
	command.PersistentFlags().StringVar(&sloFile, "slo", "", "read the SLO from `FILE` instead of the one of logging in that Tocsin ships with")
	load := func() (slo.Spec, error) { return a.loadSLO(sloFile) }
	command.AddCommand(a.alertsRulesCommand(load), a.alertsListCommand(load), a.alertsApplyCommand(load), a.alertsTestCommand(load))
	return command
}

// loadSLO reads the SLO file at path, or the embedded one. What its numbers
// mean is said on standard error, so that the rules can be piped.
func (a *app) loadSLO(path string) (slo.Spec, error) {
	name, data := slos.LoginFile, slos.Login()
	if path != "" {
		read, err := os.ReadFile(path)
		if err != nil {
			return slo.Spec{}, usageError(fmt.Errorf("read SLO: %w", err))
		}
		name, data = path, read
	}
	spec, warnings, err := slo.Parse(name, data)
	if err != nil {
		return slo.Spec{}, usageError(err)
	}
	if path != "" {
		for _, warning := range warnings {
			fmt.Fprintln(a.stderr, "tocsin: note:", warning)
		}
	}
	return spec, nil
}

func (a *app) alertsRulesCommand(load func() (slo.Spec, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "rules",
		Short: "Print the Prometheus rules",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			spec, err := load()
			if err != nil {
				return err
			}
			rules := alerts.Rules(spec)
			if a.json {
				return a.alertsJSON(rules.Groups)
			}
			text, err := rules.YAML()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(text)
			return err
		},
	}
}

// listed is one line of `tocsin alerts list`.
type listed struct {
	Alert    string `json:"alert"`
	Severity string `json:"severity"`
	For      string `json:"for"`
	Summary  string `json:"summary"`
	Runbook  string `json:"runbook_url"`
}

func (a *app) alertsListCommand(load func() (slo.Spec, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List every alert with its runbook",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			spec, err := load()
			if err != nil {
				return err
			}
			var list []listed
			for _, alert := range alerts.Rules(spec).Alerts() {
				list = append(list, listed{
					Alert: alert.Alert, Severity: alert.Labels[rule.LabelSeverity], For: alert.For.String(),
					Summary: alert.Annotations[rule.AnnotationSummary], Runbook: alert.Annotations[rule.AnnotationRunbook],
				})
			}
			if a.json {
				return a.alertsJSON(list)
			}
			for _, alert := range list {
				fmt.Fprintf(a.stdout, "%-25s %-9s after %-3s %-48s %s\n", alert.Alert, alert.Severity, alert.For, alert.Summary, alert.Runbook)
			}
			return nil
		},
	}
}

func (a *app) alertsApplyCommand(load func() (slo.Spec, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "apply",
		Short: "Put rules and routing in force and check that they are",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			spec, err := load()
			if err != nil {
				return err
			}
			found, err := a.loadTarget()
			if err != nil {
				return err
			}
			config, err := routing(found)
			if err != nil {
				return usageError(err)
			}
			client, err := alertingClient(found)
			if err != nil {
				return usageError(err)
			}
			rules := alerts.Rules(spec)
			prometheus := install.Prometheus{URL: found.Prometheus.URL, RulesFile: found.Prometheus.RulesFile, Client: client}
			if err := prometheus.Apply(command.Context(), rules); err != nil {
				return installError(err)
			}
			alertmanager := install.Alertmanager{URL: found.Alertmanager.URL, ConfigFile: found.Alertmanager.ConfigFile, Client: client}
			if err := alertmanager.Apply(command.Context(), config); err != nil {
				return installError(err)
			}
			fmt.Fprintf(a.stdout, "%d alerts loaded by Prometheus; Alertmanager sends them to %s\n", len(rules.Alerts()), found.Pager.WebhookURL)
			return nil
		},
	}
}

// routing makes the routing for a target that names all that is needed for it.
func routing(found *target.Target) (route.Config, error) {
	var missing []error
	for key, value := range map[string]string{
		"prometheus.url": found.Prometheus.URL, "prometheus.rules_file": found.Prometheus.RulesFile,
		"alertmanager.url": found.Alertmanager.URL, "alertmanager.config_file": found.Alertmanager.ConfigFile,
		"pager.webhook_url": found.Pager.WebhookURL,
	} {
		if value == "" {
			missing = append(missing, fmt.Errorf("target %s has no %s; alerts need it", found.Name, key))
		}
	}
	if len(missing) > 0 {
		return route.Config{}, errors.Join(missing...)
	}
	return route.New(route.Pager{
		WebhookURL: found.Pager.WebhookURL, CAFile: found.Pager.CAFile,
		CertFile: found.Pager.CertFile, KeyFile: found.Pager.KeyFile,
	}, alerts.Watchdog)
}

func alertingClient(found *target.Target) (*http.Client, error) {
	config, err := found.TLSConfig()
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}, nil
}

// installError tells a server that said no, which is a fail, from one that
// could not be asked, after which nothing is known.
func installError(err error) error {
	if errors.Is(err, install.ErrRefused) {
		return &exitError{code: verdict.ExitFail, err: err}
	}
	return unknownError(err)
}

func (a *app) alertsJSON(value any) error {
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// bellRunbook is where the runbook of the drill is found.
func bellRunbook(spec slo.Spec) string { return spec.RunbookBase + drill.AlertName }
