package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tocsin/probes/checkpoint/keys"
	"tocsin/probes/checkpoint/receiver"
)

const keysHelp = "certificates of checkpoints are in `DIR` (default: checkpoints in the state folder)"

func (a *app) checkpointInitCommand() *cobra.Command {
	var folder string
	var names []string
	command := &cobra.Command{
		Use: "init --name HOST", Short: "Make the private certificate authority, and the certificate of the central", Args: cobra.NoArgs,
		Long: "Make the private certificate authority that admits checkpoints, and the certificate that the central shows them.\n" +
			"Run again, it keeps the authority and makes a new certificate for the central; nobody has to be enrolled again.",
		RunE: func(*cobra.Command, []string) error {
			authority := a.authority(folder)
			created, err := authority.Init(names)
			if err != nil {
				return usageError(err)
			}
			what := "The authority is kept, and the central has a new certificate"
			if created {
				what = "The authority and the certificate of the central are made"
			}
			fmt.Fprintf(a.stdout, "%s: %s\nNext: tocsin checkpoint enrol NAME --url https://%s:9465 --output NAME.yaml\n", what, authority.Folder, names[0])
			return nil
		},
	}
	command.Flags().StringVar(&folder, "keys", "", keysHelp)
	command.Flags().StringSliceVar(&names, "name", nil, "`HOST` name or IP address at which checkpoints reach the central; may be given several times")
	return command
}

func (a *app) checkpointEnrolCommand() *cobra.Command {
	var folder, url, output string
	command := &cobra.Command{
		Use: "enrol NAME --url URL", Aliases: []string{"enroll"}, Short: "Make the file with which a checkpoint speaks to the central", Args: cobra.ExactArgs(1),
		Long: "Make the one file that a checkpoint needs to speak to the central. It holds a private key.\n" +
			"A checkpoint that is enrolled again is no longer admitted with its older file.",
		RunE: func(_ *cobra.Command, names []string) error {
			if output == "" {
				output = names[0] + ".yaml"
			}
			enrolment, err := a.authority(folder).Enrol(names[0], url)
			if err == nil {
				err = enrolment.Save(output)
			}
			if err != nil {
				return usageError(err)
			}
			fmt.Fprintf(a.stdout, "Checkpoint %s is enrolled. Move %s to it (it is a secret), and there:\n  tocsin checkpoint --enrolment %s --target target.yaml\n", names[0], output, output)
			return nil
		},
	}
	command.Flags().StringVar(&folder, "keys", "", keysHelp)
	command.Flags().StringVar(&url, "url", "", "`URL` of the central, as https://HOST:PORT")
	command.Flags().StringVar(&output, "output", "", "write `FILE` (default NAME.yaml)")
	return command
}

func (a *app) checkpointRemoveCommand() *cobra.Command {
	var folder string
	command := &cobra.Command{
		Use: "remove NAME", Short: "Shut a checkpoint out, at once", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, names []string) error {
			if err := a.authority(folder).Remove(names[0]); err != nil {
				return usageError(err)
			}
			fmt.Fprintf(a.stdout, "Checkpoint %s is not admitted any more.\n", names[0])
			return nil
		},
	}
	command.Flags().StringVar(&folder, "keys", "", keysHelp)
	return command
}

func (a *app) checkpointListCommand() *cobra.Command {
	var folder string
	command := &cobra.Command{
		Use: "list", Short: "Show how the checkpoints are, on the machine of the central", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return a.listCheckpoints(command.Context(), a.authority(folder))
		},
	}
	command.Flags().StringVar(&folder, "keys", "", keysHelp)
	return command
}

func (a *app) listCheckpoints(ctx context.Context, authority *keys.Authority) error {
	enrolled, err := authority.Enrolled()
	if err != nil {
		return unknownError(err)
	}
	names := make([]string, 0, len(enrolled))
	expires := make(map[string]time.Time, len(enrolled))
	for _, one := range enrolled {
		names = append(names, one.Name)
		expires[one.Name] = one.Expires
	}
	events, err := a.openJournal(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	rows, err := receiver.List(ctx, events, names, now)
	if err := errors.Join(err, events.Close()); err != nil {
		return unknownError(err)
	}
	for index := range rows {
		rows[index].CertificateExpires = expires[rows[index].Checkpoint]
	}
	if a.json {
		return a.printJSON(rows)
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.stdout, "No checkpoint is enrolled: tocsin checkpoint enrol NAME --url https://HOST:9465")
		return nil
	}
	fmt.Fprintln(a.stdout, checkpointTable(rows, now))
	return nil
}

func checkpointTable(rows []receiver.Row, now time.Time) string {
	writer := table.NewWriter()
	writer.SetStyle(table.StyleLight)
	writer.AppendHeader(table.Row{"checkpoint", "state", "last seen", "lag", "buffered", "dropped", "clock", "plan", "version", "results/min", "certificate"})
	for _, row := range rows {
		seen, clock, planned := "never", "", row.Plan
		if !row.LastSeen.IsZero() {
			seen = now.Sub(row.LastSeen).Round(time.Second).String() + " ago"
		}
		if row.ClockOffsetSeconds != nil {
			clock = fmt.Sprintf("%+.3f s", *row.ClockOffsetSeconds)
		}
		if row.Drift {
			planned += " (differs)"
		}
		writer.AppendRow(table.Row{
			row.Checkpoint, row.State, seen, fmt.Sprintf("%.1f s", row.LagSeconds), row.Buffered, row.Dropped, clock, planned, row.Version,
			row.ResultsPerMinute, "until " + row.CertificateExpires.Format(time.DateOnly),
		})
	}
	return writer.Render()
}
