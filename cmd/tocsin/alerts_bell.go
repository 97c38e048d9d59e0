package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"tocsin/alerts/drill"
	"tocsin/alerts/slo"
	"tocsin/internal/telemetry"
)

const consoleTimeout = 5 * time.Second

func (a *app) alertsTestCommand(load func() (slo.Spec, error)) *cobra.Command {
	var (
		deadline time.Duration
		console  string
	)
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
			return a.ringBell(command.Context(), spec, deadline, console)
		},
	}
	command.Flags().DurationVar(&deadline, "deadline", 30*time.Second, "how long the alert may take to the pager")
	command.Flags().StringVar(&console, "console", "http://127.0.0.1:9464", "where `tocsin serve` listens")
	return command
}

func (a *app) ringBell(ctx context.Context, spec slo.Spec, deadline time.Duration, console string) (err error) {
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
	if err := consoleAnswers(ctx, console); err != nil {
		return unknownError(err)
	}
	opened, err := a.openJournal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()

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

// consoleAnswers makes sure that there is a pager at all: without one, a drill
// would tell of a broken bell where nobody listens.
func consoleAnswers(ctx context.Context, console string) error {
	ctx, cancel := context.WithTimeout(ctx, consoleTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, console+"/metrics", nil)
	if err != nil {
		return fmt.Errorf("look for the pager: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	var refused *net.OpError
	if errors.As(err, &refused) {
		return fmt.Errorf("no pager listens at %s: start `tocsin serve` with the same --state", console)
	}
	if err != nil {
		return fmt.Errorf("look for the pager: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("look for the pager: %w", err)
	}
	return nil
}
