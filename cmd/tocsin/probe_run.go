package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/junit"
	"tocsin/probes/plan"
)

// runOptions say what is run, and how it is told.
type runOptions struct {
	all, verbose bool
	count        int
	junit        string
}

func (a *app) probeRunCommand() *cobra.Command {
	var options runOptions
	command := &cobra.Command{
		Use:   "run NAME...",
		Short: "Run probes now: exit 0 pass, 1 fail, 3 unknown",
		Long: `Run probes now, one after the other, and record what they find in the journal.

The exit code is that of the worst verdict: 0 pass, 1 fail, 3 unknown. With --json, one probe
prints one object, several print a list. A run that goes wrong leaves evidence; see tocsin evidence.`,
		Example: "  tocsin probe run login\n  tocsin probe run --all --junit probes.xml\n  tocsin probe run login --count 100",
		Args: func(_ *cobra.Command, names []string) error {
			if options.all == (len(names) > 0) {
				return errors.New("name the probes to run, or say --all; tocsin probe list has their names")
			}
			return nil
		},
		ValidArgsFunction: a.completeProbes,
		RunE: func(command *cobra.Command, names []string) error {
			return a.runProbes(command.Context(), names, options)
		},
	}
	flags := command.Flags()
	flags.BoolVar(&options.all, "all", false, "run every probe that would run by itself")
	flags.BoolVarP(&options.verbose, "verbose", "v", false, "also print what the steps that worked saw")
	flags.IntVar(&options.count, "count", 1, "run each probe `N` times")
	flags.StringVar(&options.junit, "junit", "", "also write the verdicts as JUnit XML to `FILE`")
	return command
}

func (a *app) runProbes(ctx context.Context, names []string, options runOptions) (err error) {
	if options.count < 1 {
		return usageError(fmt.Errorf("--count %d runs nothing", options.count))
	}
	loaded, err := a.loadTarget()
	if err != nil {
		return err
	}
	if err := a.remember(loaded, "by-hand"); err != nil {
		return err
	}
	pages := newGallery(a.stateDir)
	entries, err := a.loadEntries(loaded, pages)
	if err != nil {
		return err
	}
	chosen := probesOf(slices.DeleteFunc(slices.Clone(entries), func(entry plan.Entry) bool { return entry.Off }))
	if !options.all {
		if chosen, err = pickAll(probesOf(entries), names); err != nil {
			return err
		}
	}
	events, err := a.openJournal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, events.Close()) }()
	pages.events = events
	keeper, err := a.newKeeper(loaded, loaded.Secrets, events)
	if err != nil {
		return err
	}
	started := time.Now()
	var results []probes.Result
runs:
	for _, probe := range chosen {
		for range options.count {
			result, keepErr := keeper.Keep(ctx, probe.Run(ctx))
			_, recordErr := events.AppendValue(context.WithoutCancel(ctx), journal.KindProbeRun, result.RunID, result.TraceID, result)
			if err := errors.Join(keepErr, recordErr); err != nil {
				return unknownError(err)
			}
			results = append(results, result)
			if err := a.tellResult(result, len(chosen)*options.count, options); err != nil {
				return err
			}
			if result.Reason == verdict.Stopped {
				// What was not begun when we were told to stop is no run.
				break runs
			}
		}
	}
	if err := a.saveMemory(); err != nil {
		return err
	}
	return a.conclude(results, started, options)
}

// tellResult prints a result as soon as it is there; of many, one line each.
func (a *app) tellResult(result probes.Result, of int, options runOptions) error {
	switch {
	case a.json && of == 1:
		return a.printJSON(result)
	case a.json:
		return nil // the list comes in the end
	case of == 1:
		return a.printResult(result, options.verbose)
	}
	return a.printLine(result)
}

func (a *app) conclude(results []probes.Result, started time.Time, options runOptions) error {
	if a.json && len(results) != 1 {
		if err := a.printJSON(results); err != nil {
			return err
		}
	}
	if options.junit != "" {
		if err := writeJUnit(options.junit, results, started); err != nil {
			return unknownError(err)
		}
	}
	verdicts := make([]verdict.Verdict, 0, len(results))
	tally := map[verdict.Verdict]int{}
	for _, result := range results {
		verdicts = append(verdicts, result.Verdict)
		tally[result.Verdict]++
	}
	whole := verdict.Combine(verdicts...)
	if !a.json && len(results) > 1 {
		if _, err := fmt.Fprintf(a.stdout, "%d runs: %d pass, %d pass-after-retry, %d fail, %d unknown\n", len(results),
			tally[verdict.Pass], tally[verdict.PassAfterRetry], tally[verdict.Fail], tally[verdict.Unknown]); err != nil {
			return fmt.Errorf("print results: %w", err)
		}
	}
	return verdictError(whole)
}

// printLine is a result on one line.
func (a *app) printLine(result probes.Result) error {
	where := ""
	if result.FailedStep != "" {
		where = " at " + result.FailedStep
	}
	if _, err := fmt.Fprintf(a.stdout, "%-20s %-16s %7.0f ms  %s%s: %s\n", result.Probe, result.Verdict, result.MS, result.Reason, where, result.Detail); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

func writeJUnit(path string, results []probes.Result, started time.Time) error {
	suite := junit.Suite{Name: "probes", Started: started, Took: time.Since(started)}
	for _, result := range results {
		suite.Cases = append(suite.Cases, junit.Case{
			Name: result.Probe, Class: "probes." + result.Target, Took: time.Duration(result.MS * float64(time.Millisecond)), Verdict: result.Verdict,
			Reason: string(result.Reason) + ": " + result.Detail,
			Text:   fmt.Sprintf("step %s, run %s, trace %s", result.FailedStep, result.RunID, result.TraceID),
		})
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	return errors.Join(junit.Write(file, suite), file.Close())
}

func pickAll(known []probes.Probe, names []string) ([]probes.Probe, error) {
	chosen := make([]probes.Probe, 0, len(names))
	for _, name := range names {
		probe, err := pick(known, name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, probe)
	}
	return chosen, nil
}
