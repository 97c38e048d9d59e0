package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tocsin/system/lab/control"
	"tocsin/system/lab/fault"
)

func faultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fault",
		Args:  strict(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Short: "Break something for a while, and mend it",
		Long: `fault puts a failure in force and returns when it is observed at every target.
Every fault has a lease and ends by itself when that does.

  lab fault kill --zone a                        power loss of a zone
  lab fault freeze --component redis --zone b    one component stops, and stays
  lab fault cut --component postgres             every copy loses its network`,
	}
	for _, kind := range fault.Kinds() {
		cmd.AddCommand(injectCommand(kind))
	}
	cmd.AddCommand(revertCommand(), faultListCommand())
	return cmd
}

func injectCommand(kind fault.Kind) *cobra.Command {
	about := map[fault.Kind]string{
		fault.Kill:   "End every process of the target at once and keep it dead",
		fault.Freeze: "Stop every process of the target without ending it",
		fault.Cut:    "Drop every packet to and from the target",
	}
	cmd := &cobra.Command{Use: string(kind), Short: about[kind], Args: strict(cobra.NoArgs)}
	state := stateFlag(cmd)
	ask := control.FaultRequest{Kind: string(kind), Holder: "lab fault"}
	cmd.Flags().StringVar(&ask.Zone, "zone", "", "zone a, b or c; all when empty")
	cmd.Flags().StringVar(&ask.Component, "component", "", "component; all of the zone when empty")
	cmd.Flags().StringVar(&ask.Lease, "lease", "1m", "how long, at most "+fault.MaxLease.String())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := dial(*state)
		if err != nil {
			return err
		}
		made, err := client.Inject(cmd.Context(), ask)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s of %s until %s\nend it: lab fault revert %s\n",
			made.ID, made.Kind, strings.Join(made.Targets, ", "), made.Expires.Local().Format(time.TimeOnly), made.ID)
		return nil
	}
	return cmd
}

func revertCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "revert FAULT", Short: "End a fault before its lease does", Args: strict(cobra.ExactArgs(1))}
	state := stateFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := dial(*state)
		if err != nil {
			return err
		}
		ended, err := client.Revert(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, ended by %s\n", ended.ID, ended.State, ended.EndedBy)
		return nil
	}
	return cmd
}

func faultListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the faults since the lab came up", Args: strict(cobra.NoArgs)}
	state := stateFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print a JSON array")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := dial(*state)
		if err != nil {
			return err
		}
		faults, err := client.Faults(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), faults)
		}
		printFaults(cmd.OutOrStdout(), faults)
		return nil
	}
	return cmd
}

func printFaults(out io.Writer, faults []control.Fault) {
	rows := table.NewWriter()
	rows.SetOutputMirror(out)
	rows.SetStyle(table.StyleLight)
	rows.AppendHeader(table.Row{"fault", "kind", "zone", "component", "state", "since", "until", "ended by", "holder"})
	for _, f := range faults {
		until := f.Expires
		if f.Reverted != nil {
			until = *f.Reverted
		}
		rows.AppendRow(table.Row{f.ID, f.Kind, f.Zone, f.Component, f.State, f.Injected.Local().Format(time.TimeOnly), until.Local().Format(time.TimeOnly), f.EndedBy, f.Holder})
	}
	rows.Render()
}

func sabotageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sabotage [NAME…]",
		Short: "Make the system worse in a way that a check must notice",
		Long: `sabotage changes the running system, never the checks: each of its names must turn
one line of a scenario's verdict red, or that line is worth nothing. Without a
name it lists them.`,
	}
	state := stateFlag(cmd)
	revert := cmd.Flags().Bool("revert", false, "undo instead")
	asJSON := cmd.Flags().Bool("json", false, "print a JSON array")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := dial(*state)
		if err != nil {
			return err
		}
		for _, name := range args {
			if _, err := client.Sabotage(cmd.Context(), name, !*revert); err != nil {
				return err
			}
		}
		all, err := client.Sabotages(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), all)
		}
		rows := table.NewWriter()
		rows.SetOutputMirror(cmd.OutOrStdout())
		rows.SetStyle(table.StyleLight)
		rows.AppendHeader(table.Row{"sabotage", "applied", "what it does"})
		for _, known := range all {
			rows.AppendRow(table.Row{known.Name, known.Applied, known.About})
		}
		rows.SortBy([]table.SortBy{{Number: 1}})
		rows.Render()
		return nil
	}
	return cmd
}
