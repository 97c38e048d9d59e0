package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tocsin/system/lab/control"
)

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show every component in every zone: role, readiness, restarts, uptime",
		Args:  strict(cobra.NoArgs),
	}
	state := stateFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := dial(*state)
		if err != nil {
			return err
		}
		status, err := client.Status(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), status)
		}
		printStatus(cmd.OutOrStdout(), status)
		return nil
	}
	return cmd
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// printStatus draws zones as columns and components as rows.
func printStatus(out io.Writer, status control.Status) {
	rows := table.NewWriter()
	rows.SetOutputMirror(out)
	rows.SetStyle(table.StyleLight)
	header := table.Row{"component"}
	for _, zone := range status.Zones {
		header = append(header, "zone "+zone)
	}
	rows.AppendHeader(append(header, "outside"))
	var names []string
	cells := map[string]map[string]string{}
	for _, component := range status.Components {
		if cells[component.Component] == nil {
			cells[component.Component] = map[string]string{}
			names = append(names, component.Component)
		}
		cells[component.Component][component.Zone] = cell(component)
	}
	for _, name := range names {
		row := table.Row{name}
		for _, zone := range status.Zones {
			row = append(row, cells[name][zone])
		}
		rows.AppendRow(append(row, cells[name][""]))
	}
	rows.Render()
}

// cell is one component in words: its role, whether it is ready, and what a
// person should know besides.
func cell(component control.Component) string {
	words := []string{"ready"}
	if !component.Ready {
		words = []string{"NOT READY"}
	}
	if component.Role != "" {
		words = append(words, component.Role)
	}
	if component.UptimeSeconds > 0 {
		words = append(words, (time.Duration(component.UptimeSeconds) * time.Second).String())
	}
	if component.Restarts > 0 {
		words = append(words, fmt.Sprintf("%d restarts", component.Restarts))
	}
	if component.Fault != "" {
		words = append(words, "fault: "+component.Fault)
	} else if !component.Ready {
		words = append(words, component.Reason)
	}
	return strings.Join(words, ", ")
}

func logsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs [ZONE/]COMPONENT",
		Short: "Print what a component said; without a zone, in every zone",
		Long: `logs prints the newest lines of a component's log, for example of "a/postgres" or,
in every zone, of "identity"; "lab" is the lab's own.`,
		Args: strict(cobra.ExactArgs(1)),
	}
	state := stateFlag(cmd)
	lines := cmd.Flags().IntP("lines", "n", 50, "how many lines of each log")
	follow := cmd.Flags().BoolP("follow", "f", false, "go on printing what is added")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := stateDir(*state)
		if err != nil {
			return err
		}
		logs, err := findLogs(filepath.Join(dir, "logs"), args[0])
		if err != nil {
			return err
		}
		return printLogs(cmd.Context(), cmd.OutOrStdout(), logs, *lines, *follow)
	}
	return cmd
}

// findLogs lists the logs that a name stands for.
func findLogs(dir, name string) ([]string, error) {
	pattern := strings.ReplaceAll(name, "/", "-") + ".log"
	for _, candidate := range []string{pattern, "?-" + pattern} {
		found, err := filepath.Glob(filepath.Join(dir, candidate))
		if err != nil {
			return nil, usageError{fmt.Errorf("component %q: %w", name, err)}
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	known, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(known) == 0 {
		return nil, errors.Join(fmt.Errorf("no logs in %s: has a lab been up?", dir), err)
	}
	var names []string
	for _, path := range known {
		names = append(names, strings.Replace(strings.TrimSuffix(filepath.Base(path), ".log"), "-", "/", 1))
	}
	return nil, usageError{fmt.Errorf("no log of %q; there are: %s", name, strings.Join(names, ", "))}
}

func printLogs(ctx context.Context, out io.Writer, logs []string, lines int, follow bool) error {
	readers := make([]*bufio.Reader, len(logs))
	for i, path := range logs {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("open log: %w", err)
		}
		defer file.Close() //nolint:errcheck // only read from
		text, err := io.ReadAll(file)
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		for _, line := range all[max(0, len(all)-lines):] {
			printLine(out, path, line, len(logs) > 1)
		}
		readers[i] = bufio.NewReader(file)
	}
	for follow {
		quiet := true
		for i, reader := range readers {
			if line, err := reader.ReadString('\n'); err == nil {
				quiet = false
				printLine(out, logs[i], strings.TrimRight(line, "\n"), len(logs) > 1)
			}
		}
		if !quiet {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}

func printLine(out io.Writer, path, line string, named bool) {
	if named {
		fmt.Fprintf(out, "%s | ", strings.TrimSuffix(filepath.Base(path), ".log"))
	}
	fmt.Fprintln(out, line)
}
