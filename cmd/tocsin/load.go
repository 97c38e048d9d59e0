package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/journal"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/scenarios/load"
	"tocsin/scenarios/load/k6"
	"tocsin/scenarios/parts"
	"tocsin/scenarios/provider"
	"tocsin/scenarios/report"
)

type loadOptions struct {
	plan load.Plan
	k6   string
}

func (a *app) loadCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "load",
		Short: "Let many people log in at once",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	var options loadOptions
	run := &cobra.Command{
		Use:   "run",
		Short: "Start whole logins at a rate, whatever the answers: exit 0 pass, 1 fail, 3 unknown",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return a.runLoad(command.Context(), options) },
	}
	flags := run.Flags()
	flags.IntVar(&options.plan.Rate, "rate", 20, "start `N` logins per second")
	flags.DurationVar(&options.plan.Duration, "duration", 30*time.Second, "start logins for `DURATION`")
	flags.StringVar(&options.k6, "k6", "", "run the load with the k6 at `PATH` ($TOCSIN_K6)")
	command.AddCommand(run)
	return command
}

func (a *app) runLoad(ctx context.Context, options loadOptions) (err error) {
	loaded, err := a.loadTarget()
	if err != nil {
		return err
	}
	if options.plan.Rate < 1 || options.plan.Duration < time.Second {
		return usageError(fmt.Errorf("%d logins/s for %s is no load: at least 1 per second for a second", options.plan.Rate, options.plan.Duration))
	}
	binary, err := k6.Find(options.k6)
	if err != nil {
		return unknownError(err)
	}
	settings, err := loaded.TLSConfig()
	if err != nil {
		return usageError(err)
	}
	events, err := a.openJournal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, events.Close()) }()
	plan := options.plan
	plan.RunID = telemetry.RunID()
	var logins []load.Login
	runner := parts.Load{Target: loaded, Binary: binary, HTTP: provider.HTTPClient(settings)}
	end, err := runner.Run(ctx, plan, func(login load.Login) { logins = append(logins, login) })
	if errors.Is(err, provider.ErrDiscovery) {
		return &exitError{code: verdict.ExitFail, err: fmt.Errorf("FAIL at discovery: %w", err)}
	}
	if err != nil {
		return unknownError(err)
	}
	return a.tellLoad(ctx, events, plan, load.Sum(plan, logins, end))
}

func (a *app) tellLoad(ctx context.Context, events *journal.Journal, plan load.Plan, figures load.Figures) error {
	judged := load.Judge(figures)
	if _, err := events.AppendValue(context.WithoutCancel(ctx), journal.KindLoadRun, plan.RunID, "", judged); err != nil {
		return unknownError(err)
	}
	if a.json {
		if err := a.printJSON(judged); err != nil {
			return err
		}
		return verdictError(judged.Verdict)
	}
	if err := report.LoadTable(a.stdout, judged); err != nil {
		return err
	}
	return verdictError(judged.Verdict)
}
