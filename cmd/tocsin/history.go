package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/journal"
	"tocsin/internal/strictyaml"
	"tocsin/internal/verdict"
	"tocsin/probes/history"
)

func (a *app) historyCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "history",
		Short: "Look back: runs, and uptime by probe and month",
		Long: `Look back: runs, and uptime by probe and month.

The journal is the only record; this command reads it. A scheduled run that passed at once is kept
whole for a day; after that a segment of the journal still says when it ran and how long it took (to
2 %). Everything else, such as a failed or unknown run, is kept whole.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(a.historyRunsCommand(), a.historyUptimeCommand(), &cobra.Command{
		Use: "compact", Short: "Let segments stand for runs that passed over a day ago, as tocsin serve does by itself", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return a.compactHistory(command.Context()) },
	})
	return command
}

// withHistory brings history up to date and hands it to use.
func (a *app) withHistory(ctx context.Context, use func(*history.History) error) error {
	events, err := a.openJournal(ctx)
	if err != nil {
		return err
	}
	past, err := a.openHistory(ctx, events)
	if err != nil {
		return errors.Join(unknownError(err), events.Close())
	}
	err = past.CatchUp(ctx)
	if err != nil {
		err = unknownError(err)
	} else {
		err = use(past)
	}
	if closed := errors.Join(past.Close(), events.Close()); closed != nil {
		return errors.Join(err, unknownError(closed))
	}
	return err
}

func (a *app) openHistory(ctx context.Context, events *journal.Journal) (*history.History, error) {
	return history.Open(ctx, events, filepath.Join(a.stateDir, "history.db"))
}

func (a *app) compactHistory(ctx context.Context) error {
	return a.withHistory(ctx, func(past *history.History) error {
		count, err := past.Compact(ctx, history.Retention{}, time.Now())
		if err != nil {
			return unknownError(err)
		}
		if a.json {
			return a.printJSON(map[string]int{"compacted": count})
		}
		if _, err := fmt.Fprintf(a.stdout, "segments now stand for %d more runs\n", count); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		return nil
	})
}

type runsOptions struct {
	filter       history.Filter
	verdicts     []string
	reason       string
	since, until string
}

func (a *app) historyRunsCommand() *cobra.Command {
	var options runsOptions
	command := &cobra.Command{
		Use:   "runs",
		Short: "List runs, newest first",
		Example: `  tocsin history runs --verdict fail,unknown --since 7d
  tocsin history runs --probe login --reason timeout --since 2026-11-01 --until 2026-12-01 --json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return a.historyRuns(command.Context(), options) },
	}
	flags := command.Flags()
	flags.StringVar(&options.filter.Probe, "probe", "", "only of the probe `NAME`")
	flags.StringVar(&options.filter.Checkpoint, "checkpoint", "", "only from the checkpoint `NAME`")
	flags.StringSliceVar(&options.verdicts, "verdict", nil, "only with one of these `VERDICTS`: pass, pass-after-retry, fail, unknown")
	flags.StringVar(&options.reason, "reason", "", "only with this `REASON` (tocsin probe reasons lists them)")
	flags.StringVar(&options.since, "since", "", "from this `TIME` on: 24h, 7d, 2026-11-01, or RFC 3339")
	flags.StringVar(&options.until, "until", "", "before this `TIME`")
	flags.IntVar(&options.filter.Limit, "limit", 50, "at most this `NUMBER` of runs")
	return command
}

// parse checks the words and times of the command line.
func (o runsOptions) parse(now time.Time) (history.Filter, error) {
	filter := o.filter
	if filter.Limit < 1 || filter.Limit > 1_000_000 {
		return filter, fmt.Errorf("--limit %d is not between 1 and 1000000", filter.Limit)
	}
	for _, text := range o.verdicts {
		known := []string{string(verdict.Pass), string(verdict.PassAfterRetry), string(verdict.Fail), string(verdict.Unknown)}
		if !slices.Contains(known, text) {
			return filter, notOne("--verdict", text, known)
		}
		filter.Verdicts = append(filter.Verdicts, verdict.Verdict(text))
	}
	if o.reason != "" {
		var known []string
		for _, one := range verdict.Reasons() {
			known = append(known, string(one.Reason))
		}
		if !slices.Contains(known, o.reason) {
			return filter, notOne("--reason", o.reason, known)
		}
		filter.Reason = verdict.Reason(o.reason)
	}
	var err error
	if filter.Since, err = when("--since", o.since, now); err != nil {
		return filter, err
	}
	filter.Until, err = when("--until", o.until, now)
	return filter, err
}

func notOne(flag, text string, known []string) error {
	hint := "choose from " + strings.Join(known, ", ")
	if near := strictyaml.Nearest(text, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Errorf("%s %q is none; %s", flag, text, hint)
}

// when reads a point in time: an age, a day of UTC, or RFC 3339.
func when(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	unit := text
	var days int
	if _, err := fmt.Sscanf(text, "%dd", &days); err == nil && fmt.Sprintf("%dd", days) == text {
		unit = fmt.Sprintf("%dh", days*24)
	}
	if age, err := time.ParseDuration(unit); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	return time.Time{}, fmt.Errorf("%s %q is no time: write an age such as 24h or 7d, a day such as 2026-11-01, or RFC 3339", flag, text)
}

func (a *app) historyRuns(ctx context.Context, options runsOptions) error {
	filter, err := options.parse(time.Now())
	if err != nil {
		return usageError(err)
	}
	return a.withHistory(ctx, func(past *history.History) error {
		runs, err := past.Runs(ctx, filter)
		if err != nil {
			return unknownError(err)
		}
		if a.json {
			return a.printJSON(append([]history.Run{}, runs...))
		}
		return a.printRuns(runs)
	})
}
