package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/spf13/cobra"

	"tocsin/internal/browser"
	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/doctor"
	"tocsin/probes/oidc"
	"tocsin/scenarios/load/k6"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check that everything Tocsin needs is here, and what to do if not",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return a.examine(command.Context()) },
	}
}

// examine checks all it can: without a usable target file, this machine only.
func (a *app) examine(ctx context.Context) error {
	checks := []doctor.Check{
		doctor.Program("k6", "make bin/k6", func() (string, error) { return k6.Find("") }),
		doctor.Program("Chromium", "apt-get install chromium-headless-shell", browser.Find),
		doctor.Program("promtool", "apt-get install prometheus", func() (string, error) { return exec.LookPath("promtool") }),
		doctor.Program("amtool", "apt-get install prometheus-alertmanager", func() (string, error) { return exec.LookPath("amtool") }),
		doctor.Journal(a.stateDir),
	}
	loaded, targetErr := a.loadTarget()
	if targetErr == nil {
		aboutTarget, err := targetChecks(a.targetPath, loaded)
		if err != nil {
			return usageError(err)
		}
		checks = append(checks, aboutTarget...)
	} else {
		checks = append(checks, doctor.Check{Name: "target file", Run: func(context.Context) doctor.Finding {
			return doctor.Ours(targetErr.Error(), "mend the target file; the checks of the target come after it")
		}})
	}
	report := doctor.Examine(ctx, checks)
	if err := a.printReport(report); err != nil {
		return err
	}
	var exit *exitError
	if errors.As(targetErr, &exit) {
		return &exitError{code: exit.code}
	}
	return verdictError(report.Verdict)
}

func targetChecks(path string, t *target.Target) ([]doctor.Check, error) {
	cfg, err := oidc.FromTarget(t)
	if err != nil {
		return nil, err
	}
	discovery, err := oidc.NewDiscovery(cfg)
	if err != nil {
		return nil, err
	}
	checks := []doctor.Check{
		{Name: "target file", Run: func(context.Context) doctor.Finding { return doctor.Good(path + ", target " + t.Name) }},
		doctor.SecretFile("client key", t.Client.KeyFile),
		doctor.SecretFile("probe secret", t.Accounts.Probe.SecretFile),
		doctor.Issuer(discovery),
		doctor.Certificate(discovery),
		doctor.Clock(t),
	}
	if t.Prometheus.URL != "" {
		checks = append(checks, doctor.Service("Prometheus", "start it, or mend prometheus.url in the target file", t.Prometheus.URL, t))
	}
	if t.Alertmanager.URL != "" {
		checks = append(checks, doctor.Service("Alertmanager", "start it, or mend alertmanager.url in the target file", t.Alertmanager.URL, t))
	}
	return checks, nil
}

func (a *app) printReport(report doctor.Report) error {
	if a.json {
		return a.printJSON(report)
	}
	for _, finding := range report.Findings {
		mark := "ok"
		switch finding.Verdict {
		case verdict.Fail:
			mark = "FAIL"
		case verdict.Unknown:
			mark = "OURS"
		}
		line := fmt.Sprintf("%-5s %-13s %s\n", mark, finding.Check, finding.Found)
		if finding.Do != "" {
			line += fmt.Sprintf("%-5s %-13s → %s\n", "", "", finding.Do)
		}
		if _, err := fmt.Fprint(a.stdout, line); err != nil {
			return fmt.Errorf("print report: %w", err)
		}
	}
	return nil
}
