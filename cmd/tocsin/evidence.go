package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/probes"
	"tocsin/probes/evidence"
)

func (a *app) evidenceCommand() *cobra.Command {
	var probe string
	command := &cobra.Command{
		Use:   "evidence",
		Short: "Show what runs that went wrong left behind",
		Long: `Show what runs that went wrong left behind.

A run that fails, passes only after a retry, or ends unknown leaves a folder: the exchanges as an
HTTP archive (HAR), the certificates of the servers, what a browser showed, the last good run, and
the command lines that repeat it. Everything secret is taken out before it is written. The same
failure is kept once a minute; folders go after 30 days, or earlier when they take more than 1 GiB.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	list := &cobra.Command{
		Use: "list", Short: "List the runs with evidence, newest first", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.listEvidence(probe) },
	}
	list.Flags().StringVar(&probe, "probe", "", "only of the probe `NAME`")
	command.AddCommand(list, &cobra.Command{
		Use: "show RUN", Short: "Say what a run left, where it is, and how to repeat it", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, runs []string) error { return a.showEvidence(runs[0]) },
	})
	return command
}

func (a *app) runsFolder() string { return filepath.Join(a.stateDir, "runs") }

func (a *app) listEvidence(probe string) error {
	all, damaged := evidence.List(a.runsFolder())
	shown := make([]evidence.Bundle, 0, len(all))
	for _, bundle := range all {
		if probe == "" || bundle.Probe == probe {
			shown = append(shown, bundle)
		}
	}
	if damaged != nil {
		a.log.Warn("some evidence cannot be read", "error", damaged)
	}
	if a.json {
		return a.printJSON(shown)
	}
	for _, bundle := range shown {
		if _, err := fmt.Fprintf(a.stdout, "%s  %s\n", bundle.RunID, bundle); err != nil {
			return fmt.Errorf("print evidence: %w", err)
		}
	}
	if len(shown) == 0 {
		fmt.Fprintln(a.stderr, "no run left evidence in", a.runsFolder())
	}
	return nil
}

func (a *app) showEvidence(runID string) error {
	bundle, err := evidence.Open(a.runsFolder(), runID)
	if errors.Is(err, evidence.ErrNone) {
		return usageError(fmt.Errorf("%w; tocsin evidence list shows the runs that have some", err))
	}
	if err != nil {
		return unknownError(err)
	}
	if a.json {
		return a.printJSON(bundle)
	}
	folder := filepath.Join(a.runsFolder(), runID)
	_, err = fmt.Fprintf(a.stdout, "%s\n%s\nfiles: %s\nsee:    %s\nrepeat: %s\n", bundle, folder,
		strings.Join(bundle.Files, " "), filepath.Join(folder, "index.html"), bundle.Repeat.Tocsin)
	if err == nil && bundle.Repeat.Curl != "" {
		_, err = fmt.Fprintf(a.stdout, "        %s\n", bundle.Repeat.Curl)
	}
	if err != nil {
		return fmt.Errorf("print evidence: %w", err)
	}
	return nil
}

// named are the target file and the plan file that this command was told of, so
// that they can be named elsewhere; the plan is empty where the target names it.
func (a *app) named() (targetFile, planFile string, err error) {
	if targetFile, err = filepath.Abs(a.targetPath); err != nil {
		return "", "", unknownError(fmt.Errorf("resolve target file: %w", err))
	}
	if a.planPath == "" {
		return targetFile, "", nil
	}
	if planFile, err = filepath.Abs(a.planPath); err != nil {
		return "", "", unknownError(fmt.Errorf("resolve plan file: %w", err))
	}
	return targetFile, planFile, nil
}

// newKeeper makes the keeper of evidence for a target.
func (a *app) newKeeper(t *target.Target, secrets func() ([]string, error), events *journal.Journal) (*evidence.Keeper, error) {
	file, planned, err := a.named()
	if err != nil {
		return nil, err
	}
	keeper, err := evidence.New(evidence.Config{
		Folder: a.runsFolder(), TargetFile: file, PlanFile: planned, CAFile: t.TLS.CAFile, Secrets: secrets,
		LastGood: func(ctx context.Context, probe string) (*probes.Result, error) { return lastGood(ctx, events, probe) },
	})
	if err != nil {
		return nil, unknownError(err)
	}
	return keeper, nil
}

// lookedBack bounds how many runs are looked through for a good one.
const lookedBack = 2000

// lastGood finds the newest good run of a probe in the journal.
func lastGood(ctx context.Context, events *journal.Journal, probe string) (*probes.Result, error) {
	runs, err := events.Read(ctx, journal.Query{Kind: journal.KindProbeRun, Newest: true, Limit: lookedBack})
	if err != nil {
		return nil, err
	}
	for _, event := range runs {
		var result probes.Result
		if err := json.Unmarshal(event.Payload, &result); err != nil {
			continue // written by another version
		}
		if result.Probe == probe && result.Verdict.Good() {
			return &result, nil
		}
	}
	return nil, nil
}
