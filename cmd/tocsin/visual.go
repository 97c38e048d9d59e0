package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/visual"
)

func (a *app) visualCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "visual",
		Short: "Compare pages of the target with pictures that a person approved",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.PersistentFlags().StringVar(&a.baselines, "baselines", os.Getenv("TOCSIN_BASELINES"),
		"keep approved pictures and their history in `DIR`, such as one in a Git repository ($TOCSIN_BASELINES; default: in the state folder)")
	command.AddCommand(a.visualCompareCommand(), a.visualCheckCommand(), a.visualApproveCommand(), a.visualRejectCommand(),
		a.visualListCommand(), a.visualHistoryCommand(), a.visualCaptureCommand())
	return command
}

// visualPages is the pages named on the command line, or all.
func visualPages(arguments []string) ([]string, error) {
	if len(arguments) == 0 {
		return visual.Pages(), nil
	}
	for _, page := range arguments {
		if !slices.Contains(visual.Pages(), page) {
			return nil, usageError(fmt.Errorf("page %q is not known: choose from %s", page, strings.Join(visual.Pages(), ", ")))
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(arguments))), nil
}

// visualReport is what visual check prints as JSON.
type visualReport struct {
	Verdict verdict.Verdict `json:"verdict"`
	Checks  []visual.Result `json:"checks"`
}

func (a *app) visualCheckCommand() *cobra.Command {
	var masks []string
	command := &cobra.Command{
		Use:   "check [PAGE…]",
		Short: "Picture pages and compare them with their baselines",
		Long: "Pictures each page in a Chromium of its own and compares it with its approved baseline.\n" +
			"A page without a baseline is unknown, exit code 3.",
		RunE: func(command *cobra.Command, arguments []string) error {
			pages, err := visualPages(arguments)
			if err != nil {
				return err
			}
			to, err := a.loadTarget()
			if err != nil {
				return err
			}
			results, err := a.checkPages(command, to, pages, masks)
			if err != nil {
				return err
			}
			return a.printChecks(results)
		},
	}
	command.Flags().StringArrayVar(&masks, "mask", nil, "cover what this CSS `SELECTOR` matches; may be repeated")
	return command
}

// checkPages checks pages one after another and records each in the journal.
func (a *app) checkPages(command *cobra.Command, to *target.Target, pages, masks []string) (results []visual.Result, err error) {
	ctx := command.Context()
	events, err := a.openJournal(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := events.Close(); err == nil && closed != nil {
			err = unknownError(closed)
		}
	}()
	for _, page := range pages {
		earlier, err := earlierChecks(ctx, events, to.Name, page)
		if err != nil {
			return nil, unknownError(err)
		}
		result := visual.Check(ctx, visual.Config{
			Target: to, Page: page, StateDir: a.stateDir, Baselines: a.baselineDir(), Masks: masks, Earlier: earlier,
		})
		results = append(results, result)
		if ctx.Err() != nil {
			return results, nil
		}
		if _, err := events.AppendValue(ctx, journal.KindVisualCheck, result.RunID, result.TraceID, result); err != nil {
			return nil, unknownError(err)
		}
	}
	return results, nil
}

func (a *app) printChecks(results []visual.Result) error {
	verdicts := make([]verdict.Verdict, len(results))
	for i, result := range results {
		verdicts[i] = result.Verdict
	}
	whole := verdict.Combine(verdicts...)
	if a.json {
		if err := a.printVisualJSON(visualReport{Verdict: whole, Checks: results}); err != nil {
			return err
		}
		return verdictError(whole)
	}
	for _, result := range results {
		a.printCheck(result)
	}
	return verdictError(whole)
}

func (a *app) printCheck(result visual.Result) {
	fmt.Fprintf(a.stdout, "%s  %s  %s\n", result.Page, strings.ToUpper(string(result.Verdict)), result.Reason)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(a.stdout, "  %-11s %s\n", name, value)
		}
	}
	if result.Files.Baseline != "" {
		line("changed", fmt.Sprintf("%.4g %% (%d pixels)", result.Percent, result.ChangedPixels))
	}
	line("page", result.URL)
	line("baseline", result.Files.Baseline)
	line("actual", result.Files.Actual)
	line("difference", result.Files.Difference)
	line("report", result.Files.Report)
	line("run", result.RunID)
}
