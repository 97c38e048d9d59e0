package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/visual"
	"tocsin/visual/baseline"
	"tocsin/visual/checks"
)

func (a *app) visualCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "visual",
		Short: "Compare pages of the target with pictures that a person approved",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.PersistentFlags().StringVar(&a.baselines, "baselines", os.Getenv("TOCSIN_BASELINES"),
		"keep approved pictures and their history at `LOCATION`: a folder, such as one in a Git repository, or s3://BUCKET/PREFIX ($TOCSIN_BASELINES; default: where the target file says, else the state folder)")
	named := []*cobra.Command{
		a.visualCheckCommand(), a.visualApproveCommand(), a.visualRejectCommand(), a.visualListCommand(), a.visualHistoryCommand(), a.visualCaptureCommand(),
	}
	for _, one := range named {
		one.ValidArgsFunction = a.completeChecks
	}
	command.AddCommand(append(named, a.visualCompareCommand())...)
	return command
}

// views are the pages that are looked at, and how they were approved.
type views struct {
	target *target.Target
	shots  []checks.Shot
	store  *baseline.Store
}

// loadViews reads which pages of the target are looked at; names choose among
// them.
func (a *app) loadViews(names []string) (*views, error) {
	to, err := a.loadTarget()
	if err != nil {
		return nil, err
	}
	return a.viewsOf(to, names)
}

func (a *app) viewsOf(to *target.Target, names []string) (*views, error) {
	file, err := checks.ForTarget(a.checksPath, to.Visual.ChecksFile)
	if err != nil {
		return nil, usageError(err)
	}
	chosen, err := checks.Chosen(file.Shots(), names)
	if err != nil {
		return nil, usageError(err)
	}
	store, err := baseline.Open(a.baselineLocation(to))
	if err != nil {
		return nil, usageError(err)
	}
	return &views{target: to, shots: chosen, store: store}, nil
}

// baselineLocation is where approved pictures are.
func (a *app) baselineLocation(to *target.Target) string {
	switch {
	case a.baselines != "":
		return a.baselines
	case to.Visual.Baselines != "":
		return to.Visual.Baselines
	}
	return visual.BaselineDir(a.stateDir)
}

func (v *views) config(stateDir string) visual.Config {
	return visual.Config{Target: v.target, StateDir: stateDir, Baselines: v.store}
}

func (v *views) looker(stateDir string) (*visual.Looker, error) {
	made, err := visual.NewLooker(v.config(stateDir))
	if err != nil {
		return nil, unknownError(err)
	}
	return made, nil
}

// visualReport is what visual check prints as JSON.
type visualReport struct {
	Verdict verdict.Verdict `json:"verdict"`
	RunID   string          `json:"run_id"`
	Checks  []visual.Result `json:"checks"`
}

func (a *app) visualCheckCommand() *cobra.Command {
	count := 1
	command := &cobra.Command{
		Use:   "check [NAME…]",
		Short: "Picture pages and compare them with their baselines",
		Long: `Pictures each page in Chromium and compares it with its approved baseline: the pixels, what is on the
page (texts, boxes, colours, errors) and what axe-core finds. NAME is a check, or a page with all its
checks; without one, every check of the file. Exit code 0 says that all look as approved, 1 that one
does not, 3 that one could not be compared: without a baseline there is no pass.

With --count, every check is made N times, one round after another: how steady are the pages?`,
		Example: "  tocsin visual check\n  tocsin visual check login --json\n  tocsin visual check --count 100\n  tocsin visual check --checks visual.yaml --baselines s3://baselines/production",
		RunE: func(command *cobra.Command, names []string) error {
			if count < 1 {
				return usageError(fmt.Errorf("--count %d looks at nothing", count))
			}
			seen, err := a.loadViews(names)
			if err != nil {
				return err
			}
			results, err := a.checkViews(command.Context(), seen, count, func(one visual.Result) {
				if !a.json && (count == 1 || one.Verdict != verdict.Pass) {
					a.printCheck(one)
				}
			})
			if err != nil {
				return err
			}
			return a.printChecks(results, count)
		},
	}
	command.Flags().IntVar(&count, "count", 1, "make every check `N` times")
	return command
}

// checkViews checks pages one after another, as one run, and records each in the
// journal. It ends early when ctx does.
func (a *app) checkViews(ctx context.Context, seen *views, count int, tell func(visual.Result)) (results []visual.Result, err error) {
	events, err := a.openJournal(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := events.Close(); err == nil && closed != nil {
			err = unknownError(closed)
		}
	}()
	looker, err := seen.looker(a.stateDir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := looker.Close(); err == nil && closed != nil {
			err = unknownError(closed)
		}
	}()
	run, trace := telemetry.RunID(), telemetry.NewTrace()
	for index := range count * len(seen.shots) {
		shot := seen.shots[index%len(seen.shots)]
		result, err := lookAndRecord(ctx, looker, events, visual.Look{Shot: shot, RunID: run, Trace: trace, KeepPass: count == 1})
		if err != nil {
			return nil, unknownError(err)
		}
		tell(result)
		results = append(results, result)
		if ctx.Err() != nil {
			return results, nil
		}
	}
	return results, nil
}

func (a *app) printChecks(results []visual.Result, count int) error {
	verdicts := make([]verdict.Verdict, len(results))
	counts := map[verdict.Verdict]int{}
	for i, result := range results {
		verdicts[i] = result.Verdict
		counts[result.Verdict]++
	}
	whole := verdict.Combine(verdicts...)
	run := results[0].RunID
	if a.json {
		if err := a.printJSON(visualReport{Verdict: whole, RunID: run, Checks: results}); err != nil {
			return err
		}
		return verdictError(whole)
	}
	if count > 1 {
		a.printSteadiness(results)
	}
	if len(results) > 1 {
		fmt.Fprintf(a.stdout, "%s  %d looked as approved, %d only at a second look, %d did not, %d are unknown · run %s\n", strings.ToUpper(string(whole)),
			counts[verdict.Pass], counts[verdict.PassAfterRetry], counts[verdict.Fail], counts[verdict.Unknown], run)
	}
	return verdictError(whole)
}

// printSteadiness says of each check how often it came out as approved.
func (a *app) printSteadiness(results []visual.Result) {
	var names []string
	passed, made, capture := map[string]int{}, map[string]int{}, map[string]float64{}
	for _, one := range results {
		if made[one.Check]++; made[one.Check] == 1 {
			names = append(names, one.Check)
		}
		capture[one.Check] += one.LoadingMS + one.SettlingMS
		if one.Verdict == verdict.Pass {
			passed[one.Check]++
		}
	}
	for _, name := range names {
		fmt.Fprintf(a.stdout, "%s  %d of %d looked as approved at once, %.0f ms a picture\n", name, passed[name], made[name], capture[name]/float64(made[name]))
	}
}

func (a *app) printCheck(result visual.Result) {
	fmt.Fprintf(a.stdout, "%s  %s  %s\n", result.Check, strings.ToUpper(string(result.Verdict)), result.Detail)
	if result.Verdict == verdict.Pass {
		return
	}
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(a.stdout, "  %-11s %s\n", name, value)
		}
	}
	line("reason", string(result.Reason))
	if result.Compared {
		line("changed", fmt.Sprintf("%.4g %% (%d pixels)", result.Percent, result.ChangedPixels))
	}
	line("page", result.URL)
	line("baseline", result.Files.Baseline)
	line("actual", result.Files.Actual)
	line("difference", result.Files.Difference)
	line("report", result.Files.Report)
	line("run", result.RunID)
}
