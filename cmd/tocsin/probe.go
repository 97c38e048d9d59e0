package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"tocsin/internal/strictyaml"
	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/plan"
)

func (a *app) probeCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "probe",
		Short: "List the probes of the target, or run one now",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List the probes that the target file allows", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.listProbes() },
		},
		a.probeRunCommand(),
		&cobra.Command{
			Use: "reasons", Short: "List every reason a run may end with, and what it means", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.listReasons() },
		},
	)
	return command
}

// loadProbes reads the target file and makes its probes.
func (a *app) loadProbes() (*target.Target, []probes.Probe, error) {
	loaded, err := a.loadTarget()
	if err != nil {
		return nil, nil, err
	}
	entries, err := a.loadEntries(loaded, newGallery(a.stateDir))
	if err != nil {
		return nil, nil, err
	}
	return loaded, probesOf(entries), nil
}

func probesOf(entries []plan.Entry) []probes.Probe {
	all := make([]probes.Probe, 0, len(entries))
	for _, entry := range entries {
		all = append(all, entry.Probe)
	}
	return all
}

// loadPlan reads the plan for a target. A positive interval replaces its usual
// one.
func (a *app) loadPlan(t *target.Target, interval time.Duration) (*plan.Plan, error) {
	planned, err := plan.ForTarget(t, a.planPath)
	if err != nil {
		return nil, usageError(err)
	}
	if a.memory != nil {
		planned = planned.Remembering(a.memory)
	}
	if interval > 0 {
		planned = planned.Faster(interval)
	}
	return planned, nil
}

// loadEntries reads the plan for a target and the file of visual checks, and
// makes the probes of both.
func (a *app) loadEntries(t *target.Target, pages *gallery) ([]plan.Entry, error) {
	planned, err := a.loadPlan(t, 0)
	if err != nil {
		return nil, err
	}
	entries, err := planned.Entries(t)
	if err != nil {
		return nil, usageError(err)
	}
	seen, err := a.viewsOf(t, nil)
	if err != nil {
		return nil, err
	}
	looks, err := pages.entries(seen, entries)
	return append(entries, looks...), err
}

// described is a probe that can say what it does.
type described interface{ About() string }

func (a *app) listProbes() error {
	_, all, err := a.loadProbes()
	if err != nil {
		return err
	}
	type line struct {
		Name  string `json:"name"`
		About string `json:"about"`
	}
	lines := make([]line, 0, len(all))
	for _, probe := range all {
		next := line{Name: probe.Name()}
		if own, ok := probe.(described); ok {
			next.About = own.About()
		}
		lines = append(lines, next)
	}
	if a.json {
		return a.printJSON(lines)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(a.stdout, "%-18s %s\n", line.Name, line.About); err != nil {
			return fmt.Errorf("print probes: %w", err)
		}
	}
	return nil
}

func (a *app) listReasons() error {
	all := verdict.Reasons()
	if a.json {
		return a.printJSON(all)
	}
	for _, known := range all {
		if _, err := fmt.Fprintf(a.stdout, "%-20s %-16s %s\n", known.Reason, known.Verdict, known.Meaning); err != nil {
			return fmt.Errorf("print reasons: %w", err)
		}
	}
	return nil
}

func pick(all []probes.Probe, name string) (probes.Probe, error) {
	names := make([]string, 0, len(all))
	for _, probe := range all {
		if probe.Name() == name {
			return probe, nil
		}
		names = append(names, probe.Name())
	}
	hint := "choose from " + strings.Join(names, ", ")
	if near := strictyaml.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, usageError(fmt.Errorf("there is no probe %q for this target; %s", name, hint))
}

func (a *app) printJSON(value any) error {
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

func (a *app) printResult(result probes.Result, verbose bool) error {
	if a.json {
		return a.printJSON(result)
	}
	if len(result.Steps) > 0 {
		if _, err := fmt.Fprintln(a.stdout, stepTable(result)); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
	}
	if err := a.printNotes(result.Steps, verbose); err != nil {
		return err
	}
	where := ""
	if result.FailedStep != "" {
		where = " at " + result.FailedStep
	}
	if !result.Verdict.Good() {
		where += " (" + string(result.Reason) + ")"
	}
	_, err := fmt.Fprintf(a.stdout, "%s%s: %s\n%s of %s in %.0f ms · run %s · trace %s\n",
		strings.ToUpper(string(result.Verdict)), where, result.Detail, result.Probe, result.Target, result.MS, result.RunID, result.TraceID)
	if err == nil && result.Evidence != "" {
		_, err = fmt.Fprintf(a.stdout, "evidence: %s\n", filepath.Join(a.runsFolder(), result.Evidence, "index.html"))
	}
	if err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// printNotes shows what steps saw: those that failed, or all.
func (a *app) printNotes(steps []probes.Step, all bool) error {
	for _, step := range steps {
		if step.Error == "" && !all {
			continue
		}
		for _, note := range step.Notes {
			if _, err := fmt.Fprintf(a.stdout, "  %s: %s\n", step.Name, note); err != nil {
				return fmt.Errorf("print result: %w", err)
			}
		}
	}
	return nil
}

// stepTable shows milliseconds; a dash is a phase that was not reached.
func stepTable(result probes.Result) string {
	steps := table.NewWriter()
	steps.SetStyle(table.StyleLight)
	steps.Style().Options = table.OptionsNoBordersAndSeparators
	steps.Style().Format.Header = text.FormatDefault
	steps.AppendHeader(table.Row{"step", "ms", "DNS", "connect", "TLS", "first byte", "transfer", "status", ""})
	configs := make([]table.ColumnConfig, 0, 7)
	for column := 2; column <= 8; column++ {
		configs = append(configs, table.ColumnConfig{Number: column, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	steps.SetColumnConfigs(configs)
	for _, step := range result.Steps {
		status, mark := "–", "ok"
		if step.Status > 0 {
			status = fmt.Sprint(step.Status)
		}
		if step.Error != "" {
			mark = "← here"
		}
		if step.Skipped != "" {
			mark = "skipped: " + step.Skipped
		}
		p := step.Phases
		steps.AppendRow(table.Row{
			step.Name, fmt.Sprintf("%.1f", step.MS), inMS(p.DNS), inMS(p.Connect), inMS(p.TLS), inMS(p.FirstByte), inMS(p.Transfer), status, mark,
		})
	}
	return steps.Render()
}

func inMS(seconds *float64) string {
	if seconds == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f", *seconds*1000)
}
