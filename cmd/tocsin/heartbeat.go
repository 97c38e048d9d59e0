package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tocsin/internal/strictyaml"
	"tocsin/probes/heartbeat"
	"tocsin/probes/plan"
)

type heartbeatOptions struct {
	server    string
	tokenFile string
	retry     time.Duration
	said      heartbeat.Said
	duration  time.Duration
}

func (a *app) heartbeatCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "heartbeat",
		Short: "Let jobs report that they ran, and see which did not",
		Long: `Let jobs report that they ran, and see which did not.

A heartbeat in the plan file names a job that must report again and again:

  heartbeats:
    - {name: nightly-export, every: 24h, grace: 1h, token_file: export.token}

tocsin serve takes the reports. A job that is silent for longer than every + grace fails (reason
overdue), and so does one that reports a failure; before the first report, and after an absence of
Tocsin itself that was longer than the grace, it is unknown until its time is over.

A report is one request, for jobs without this program:

  curl -fsS --retry 5 -X POST -H "Authorization: Bearer $(cat export.token)" http://127.0.0.1:9464/heartbeat/nightly-export

Its body may say more: {"state": "start|success|fail", "exit_code": 0, "duration_seconds": 12.5, "message": "…"}`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(a.heartbeatSendCommand(), a.heartbeatListCommand())
	return command
}

func (o *heartbeatOptions) serverFlag(command *cobra.Command) {
	server := os.Getenv("TOCSIN_SERVER")
	if server == "" {
		server = "http://127.0.0.1:9464"
	}
	command.Flags().StringVar(&o.server, "server", server, "tocsin serve is at `URL` ($TOCSIN_SERVER)")
}

func (a *app) heartbeatSendCommand() *cobra.Command {
	var options heartbeatOptions
	command := &cobra.Command{
		Use:   "send NAME [flags] [-- COMMAND [ARGUMENT...]]",
		Short: "Report for a job, or run it and report how it went",
		Long: `Report for a job, or run it and report how it went.

With a command, its start and end are reported, with exit code and duration; its exit code is that of
tocsin, also when the report does not arrive: then a line on standard error says so, and the silence
will be noticed by Tocsin. Without one: exit 0 when the report is on record, 2 when it is refused, 3
when nobody took it.`,
		Example: `  tocsin heartbeat send nightly-export -- /usr/local/bin/export --all
  tocsin heartbeat send nightly-export --exit-code $? --message "3 files"`,
		Args: func(command *cobra.Command, arguments []string) error {
			names := len(arguments)
			if dash := command.ArgsLenAtDash(); dash >= 0 {
				names = dash
			}
			if names != 1 {
				return fmt.Errorf("name one heartbeat; the command of the job follows after --")
			}
			return nil
		},
		RunE: func(command *cobra.Command, arguments []string) error {
			return a.sendHeartbeat(command.Context(), options, arguments[0], arguments[1:])
		},
	}
	flags := command.Flags()
	options.serverFlag(command)
	flags.StringVar(&options.tokenFile, "token-file", os.Getenv("TOCSIN_HEARTBEAT_TOKEN_FILE"), "the token is in `FILE` ($TOCSIN_HEARTBEAT_TOKEN_FILE; default: the one that the plan file names)")
	flags.StringVar(&options.said.State, "state", "", "say `STATE`: start, success or fail (default: by the exit code)")
	flags.IntVar(&options.said.ExitCode, "exit-code", 0, "the job ended with `CODE`")
	flags.DurationVar(&options.duration, "duration", 0, "the job took `DURATION`")
	flags.StringVar(&options.said.Message, "message", "", "say `TEXT` as well, which the console shows")
	flags.DurationVar(&options.retry, "retry", 30*time.Second, "try again for `DURATION` while nobody takes the report")
	return command
}

func (a *app) sendHeartbeat(ctx context.Context, options heartbeatOptions, name string, command []string) error {
	path, err := a.tokenFile(options.tokenFile, name)
	if err != nil {
		return usageError(err)
	}
	token, err := heartbeat.ReadToken(path)
	if err != nil {
		return usageError(err)
	}
	client := heartbeat.Client{Server: options.server, Token: token, HTTP: http.DefaultClient, Retry: options.retry}
	if len(command) > 0 {
		job := heartbeat.Job{
			Client: client, Name: name, Command: command, Stdin: os.Stdin, Stdout: a.stdout, Stderr: a.stderr,
			Unsaid: func(err error) { a.log.Error("a report did not arrive", "heartbeat", name, "error", err) },
		}
		if code := job.Run(ctx); code != 0 {
			return &exitError{code: code}
		}
		return nil
	}
	options.said.DurationSeconds = options.duration.Seconds()
	standing, err := client.Send(ctx, name, options.said)
	switch {
	case errors.Is(err, heartbeat.ErrRefused):
		return usageError(err)
	case err != nil:
		return unknownError(fmt.Errorf("%w (is tocsin serve at %s? name it with --server)", err, options.server))
	case a.json:
		return a.printJSON(standing)
	}
	if _, err := fmt.Fprintf(a.stdout, "recorded: %s; next by %s\n", standing.Detail, standing.Deadline.Format(time.RFC3339)); err != nil {
		return fmt.Errorf("print standing: %w", err)
	}
	return nil
}

// tokenFile is the one of the command line, else that of the plan.
func (a *app) tokenFile(given, name string) (string, error) {
	if given != "" {
		return given, nil
	}
	planned, err := a.planOf()
	if err != nil {
		return "", fmt.Errorf("--token-file is not given, and the plan file cannot be asked for it: %w", err)
	}
	var names []string
	for _, job := range planned.Jobs() {
		if job.Name == name {
			return job.TokenFile, nil
		}
		names = append(names, job.Name)
	}
	hint := "--token-file names its token"
	if near := strictyaml.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return "", fmt.Errorf("the plan has no heartbeat %q; %s", name, hint)
}

// planOf reads the plan file, for which the target file is needed only where it
// names it.
func (a *app) planOf() (*plan.Plan, error) {
	if a.planPath != "" {
		return plan.Load(a.planPath)
	}
	loaded, err := a.loadTarget()
	if err != nil {
		return nil, err
	}
	return plan.ForTarget(loaded, "")
}

func (a *app) heartbeatListCommand() *cobra.Command {
	var options heartbeatOptions
	command := &cobra.Command{
		Use: "list", Short: "Say how every heartbeat stands", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return a.listHeartbeats(command.Context(), options) },
	}
	options.serverFlag(command)
	return command
}

func (a *app) listHeartbeats(ctx context.Context, options heartbeatOptions) error {
	bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	all, err := heartbeat.Client{Server: options.server, HTTP: http.DefaultClient}.List(bounded)
	if err != nil {
		return unknownError(fmt.Errorf("%w (is tocsin serve at %s? name it with --server)", err, options.server))
	}
	if a.json {
		return a.printJSON(all)
	}
	if len(all) == 0 {
		fmt.Fprintln(a.stderr, "the plan of", options.server, "has no heartbeats")
		return nil
	}
	lines := plainTable(table.Row{"heartbeat", "state", "every", "grace", "last report (UTC)", "took", "next by (UTC)", "why"})
	for _, one := range all {
		last, took := "never", "–"
		if one.Last != nil {
			last = one.Last.At.UTC().Format(time.DateTime)
			took = seconds(one.Last.DurationSeconds)
		}
		lines.AppendRow(table.Row{
			one.Name, string(one.State), seconds(one.EverySeconds), seconds(one.GraceSeconds), last, took, one.Deadline.UTC().Format(time.DateTime), one.Detail,
		})
	}
	if _, err := fmt.Fprintln(a.stdout, lines.Render()); err != nil {
		return fmt.Errorf("print heartbeats: %w", err)
	}
	return nil
}
