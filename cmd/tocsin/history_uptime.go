package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"tocsin/internal/verdict"
	"tocsin/probes/history"
)

type uptimeOptions struct {
	month             string
	probe, checkpoint string
	apart             bool
	objective         float64
}

func (a *app) historyUptimeCommand() *cobra.Command {
	var options uptimeOptions
	command := &cobra.Command{
		Use:   "uptime",
		Short: "Say how much of a month each probe was up",
		Long: `Say how much of a month each probe was up.

Uptime is the good part of the time that is known to be good or bad; each run stands for its
interval. What is unknown and what is missing count as neither and are shown. Announced maintenance
is left out of all but its own column. "at least" is what uptime would be if everything unknown or
missing had been bad.

With --objective, a probe passes only if "at least" reaches it, and fails only if it is out of reach
even if everything unknown or missing had been good; otherwise nobody knows. The exit code is that of
the worst: 0, 1 or 3. A month is one of UTC.`,
		Example: "  tocsin history uptime --month 2026-11 --probe login --objective 99.9",
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return a.historyUptime(command.Context(), options) },
	}
	flags := command.Flags()
	flags.StringVar(&options.month, "month", "", "of this `MONTH`, such as 2026-11 (default: this month)")
	flags.StringVar(&options.probe, "probe", "", "only of the probe `NAME`")
	flags.StringVar(&options.checkpoint, "checkpoint", "", "only from the checkpoint `NAME`")
	flags.BoolVar(&options.apart, "apart", false, "one line for each checkpoint, instead of all added up")
	flags.Float64Var(&options.objective, "objective", 0, "compare with this many `PERCENT`")
	return command
}

// judged is an uptime beside what it should be.
type judged struct {
	history.Uptime
	Objective *float64        `json:"objective_percent,omitempty"`
	Verdict   verdict.Verdict `json:"verdict,omitempty"`
}

func (a *app) historyUptime(ctx context.Context, options uptimeOptions) error {
	now := time.Now().UTC()
	month := now
	if options.month != "" {
		parsed, err := time.Parse("2006-01", options.month)
		if err != nil || parsed.After(now) {
			return usageError(fmt.Errorf("--month %q is no month that has begun: write it as 2026-11", options.month))
		}
		month = parsed
	}
	if options.objective < 0 || options.objective > 100 {
		return usageError(fmt.Errorf("--objective %v is not between 0 and 100", options.objective))
	}
	from, until := history.Month(month.Year(), month.Month())
	selection := history.Selection{Probe: options.probe, Checkpoint: options.checkpoint, From: from, Until: until}
	return a.withHistory(ctx, func(past *history.History) error {
		uptimes, err := past.Uptimes(ctx, selection, options.apart, now)
		if err != nil {
			return unknownError(err)
		}
		if len(uptimes) == 0 {
			return unknownError(fmt.Errorf("there is no run of that selection in the journal of %s", a.stateDir))
		}
		return a.reportUptimes(uptimes, options.objective)
	})
}

func (a *app) reportUptimes(uptimes []history.Uptime, objective float64) error {
	all := make([]judged, 0, len(uptimes))
	var verdicts []verdict.Verdict
	for _, one := range uptimes {
		next := judged{Uptime: one}
		if objective > 0 {
			next.Objective, next.Verdict = &objective, one.Meets(objective/100)
			verdicts = append(verdicts, next.Verdict)
		}
		all = append(all, next)
	}
	if a.json {
		if err := a.printJSON(all); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintln(a.stdout, uptimeTable(all, objective > 0)); err != nil {
		return fmt.Errorf("print uptime: %w", err)
	}
	if objective > 0 {
		return verdictError(verdict.Combine(verdicts...))
	}
	return nil
}

func plainTable(header table.Row, numbers ...int) table.Writer {
	made := table.NewWriter()
	made.SetStyle(table.StyleLight)
	made.Style().Options = table.OptionsNoBordersAndSeparators
	made.Style().Format.Header = text.FormatDefault
	made.AppendHeader(header)
	configs := make([]table.ColumnConfig, 0, len(numbers))
	for _, column := range numbers {
		configs = append(configs, table.ColumnConfig{Number: column, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	made.SetColumnConfigs(configs)
	return made
}

func uptimeTable(all []judged, objective bool) string {
	header := table.Row{"probe", "checkpoint", "uptime", "at least", "unknown", "missing", "down for", "maintenance", "runs", "p50 ms", "p95 ms", "p99 ms"}
	if objective {
		header = append(header, "objective")
	}
	lines := plainTable(header, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	for _, one := range all {
		checkpoint := one.Checkpoint
		if checkpoint == "" {
			checkpoint = "all"
		}
		uptime := "no data"
		if one.Uptime.Uptime != nil {
			uptime = percent(*one.Uptime.Uptime)
		}
		row := table.Row{
			one.Probe, checkpoint, uptime, percent(one.AtLeast), percent(one.UnknownShare), percent(one.MissingShare),
			seconds(one.DowntimeSeconds), seconds(one.MaintenanceSeconds), one.Runs(), milliseconds(one.P50MS), milliseconds(one.P95MS), milliseconds(one.P99MS),
		}
		if objective {
			row = append(row, string(one.Verdict))
		}
		lines.AppendRow(row)
	}
	return lines.Render()
}

// percent never rounds up to 100: that would be a promise nobody measured.
func percent(share float64) string {
	shown := fmt.Sprintf("%.3f %%", share*100)
	if share < 1 && strings.HasPrefix(shown, "100") {
		return "99.999 %"
	}
	return shown
}

func seconds(value float64) string {
	if value == 0 {
		return "–"
	}
	return time.Duration(value * float64(time.Second)).Round(time.Second).String()
}

func milliseconds(value *float64) string {
	if value == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f", *value)
}

func (a *app) printRuns(runs []history.Run) error {
	if len(runs) == 0 {
		if _, err := fmt.Fprintln(a.stdout, "no such run"); err != nil {
			return fmt.Errorf("print runs: %w", err)
		}
		return nil
	}
	lines := plainTable(table.Row{"due (UTC)", "probe", "checkpoint", "verdict", "reason", "step", "ms", "maintenance", "run", "why"}, 7)
	for _, run := range runs {
		id := run.RunID
		if run.Compacted {
			id = "(segment)"
		}
		reason := string(run.Reason)
		if run.Times > 1 {
			reason += fmt.Sprintf(" ×%d", run.Times)
		}
		lines.AppendRow(table.Row{
			run.At.Format("2006-01-02 15:04:05"), run.Probe, run.Checkpoint, string(run.Verdict), reason, run.FailedStep,
			fmt.Sprintf("%.0f", run.MS), run.Maintenance, id, text.Trim(run.Detail, 100),
		})
	}
	if _, err := fmt.Fprintln(a.stdout, lines.Render()); err != nil {
		return fmt.Errorf("print runs: %w", err)
	}
	return nil
}
