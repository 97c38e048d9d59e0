package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tocsin/alerts/drill"
	"tocsin/alerts/slo"
	"tocsin/internal/telemetry"
	"tocsin/scenarios/parts"
)

func (a *app) alertsTestCommand(load func() (slo.Spec, error)) *cobra.Command {
	var deadline time.Duration
	command := &cobra.Command{
		Use:   "test",
		Short: "Ring the bell once, as a drill, and wait for the pager's receipt",
		Long: "Send an alert marked [DRILL] through Alertmanager and wait until the pager of\n" +
			"`tocsin serve` has received it. Exits 0 if it arrived, 1 if it did not, and 3\n" +
			"if that could not be found out.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			spec, err := load()
			if err != nil {
				return err
			}
			return a.ringBell(command.Context(), spec, deadline)
		},
	}
	command.Flags().DurationVar(&deadline, "deadline", 30*time.Second, "how long the alert may take to the pager")
	return command
}

func (a *app) ringBell(ctx context.Context, spec slo.Spec, deadline time.Duration) (err error) {
	found, err := a.loadTarget()
	if err != nil {
		return err
	}
	if found.Alertmanager.URL == "" {
		return usageError(fmt.Errorf("target %s has no alertmanager.url; the bell needs it", found.Name))
	}
	client, err := alertingClient(found)
	if err != nil {
		return usageError(err)
	}
	opened, err := a.openJournal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	// Without a pager, a drill would tell of a broken bell where nobody listens.
	if err := (parts.Pager{Journal: opened}).Ready(ctx); err != nil {
		return unknownError(fmt.Errorf("no pager listens: %w", err))
	}

	result := drill.Drill{
		AlertmanagerURL: found.Alertmanager.URL, Client: client, Journal: opened,
		RunID: telemetry.RunID(), Deadline: deadline, RunbookURL: bellRunbook(spec),
	}.Run(ctx)
	if a.json {
		if err := a.alertsJSON(result); err != nil {
			return err
		}
		return verdictError(result.Verdict)
	}
	fmt.Fprintf(a.stdout, "%s: %s", result.Verdict, result.Reason)
	if result.Receipt != nil {
		fmt.Fprintf(a.stdout, " after %s", result.Took.Round(time.Millisecond))
	}
	fmt.Fprintln(a.stdout)
	return verdictError(result.Verdict)
}
