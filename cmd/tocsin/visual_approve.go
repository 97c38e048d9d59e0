package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/visual"
	"tocsin/visual/baseline"
)

func (a *app) visualApproveCommand() *cobra.Command {
	var from string
	var by person
	command := &cobra.Command{
		Use:   "approve [NAME…]",
		Short: "Make pictures the baselines of their checks",
		Long: `Pictures each page and makes the picture its baseline, in your name. With --from, it approves exactly
what a run saw: the checks that are named, or all that did not pass. A check that has a baseline needs
a reason. NAME is a check, or a page with all its checks.`,
		Example: "  tocsin visual approve login\n" +
			"  tocsin visual approve --from 3f2a… --reason 'new logo, as agreed' --as 'Kari Nordmann'",
		RunE: func(command *cobra.Command, names []string) error {
			seen, err := a.loadViews(names)
			if err != nil {
				return err
			}
			if from == "" {
				return a.approveNow(command.Context(), seen, by)
			}
			chosen, err := a.proposed(seen, from, len(names) > 0)
			if err != nil {
				return err
			}
			for _, name := range chosen {
				if err := a.approve(command.Context(), seen, name, from, by); err != nil {
					return err
				}
			}
			return nil
		},
	}
	command.Flags().StringVar(&from, "from", "", "approve what a check saw: the id of its `RUN`, or a file that it left")
	by.flags(command)
	return command
}

// person is who decides about a picture, and why.
type person struct{ name, reason string }

func (p *person) flags(command *cobra.Command) {
	command.Flags().StringVar(&p.name, "as", approver(), "who decides, in pipelines the person who started them: a `NAME`")
	command.Flags().StringVar(&p.reason, "reason", "", "why, for whoever reads the history: a `TEXT`")
}

// approveNow pictures pages and approves what it sees.
func (a *app) approveNow(ctx context.Context, seen *views, by person) error {
	results, err := a.checkViews(ctx, seen, 1, func(visual.Result) {})
	if err != nil {
		return err
	}
	for _, result := range results {
		if !result.Approvable {
			return &exitError{code: result.Verdict.ExitCode(), err: fmt.Errorf("%s is not approved: %s", result.Check, result.Detail)}
		}
		if err := a.approve(ctx, seen, result.Check, result.RunID, by); err != nil {
			return err
		}
	}
	return nil
}

// proposed are the checks of a run that are to be approved: those that were
// asked for, or all that the run left to decide about.
func (a *app) proposed(seen *views, from string, named bool) ([]string, error) {
	if named || strings.ContainsRune(from, os.PathSeparator) {
		names := make([]string, 0, len(seen.shots))
		for _, shot := range seen.shots {
			names = append(names, shot.Name)
		}
		return names, nil
	}
	found, err := visual.Seen(a.stateDir, from)
	if err != nil {
		return nil, usageError(err)
	}
	var open []string
	for _, name := range found {
		proposal, err := visual.ProposalFrom(a.stateDir, from, seen.target.Name, name)
		if err != nil {
			return nil, usageError(err)
		}
		if proposal.Result.Verdict != verdict.Pass {
			open = append(open, name)
		}
	}
	if len(open) == 0 {
		return nil, usageError(fmt.Errorf("run %s left nothing to decide about: all its checks passed", from))
	}
	return open, nil
}

// approve records the approval in the journal, then acts on it.
func (a *app) approve(ctx context.Context, seen *views, name, from string, by person) error {
	proposal, err := visual.ProposalFrom(a.stateDir, from, seen.target.Name, name)
	if err != nil {
		return usageError(err)
	}
	approval, err := proposal.Approval(ctx, seen.store, by.name, by.reason, time.Now())
	if err != nil {
		return usageError(err)
	}
	if err := a.decided(ctx, journal.KindVisualApproved, proposal, approval, func() error {
		return proposal.Approve(ctx, seen.store, approval)
	}); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(approval)
	}
	with := ""
	if approval.Findings > 0 {
		with = fmt.Sprintf("  with %d findings about accessibility, see accessibility.json", approval.Findings)
	}
	fmt.Fprintf(a.stdout, "%s  approved by %s  %s%s\n", name, approval.ApprovedBy, approval.File, with)
	return nil
}

// approver is the person at the keyboard.
func approver() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	current, err := user.Current()
	if err != nil {
		return ""
	}
	return current.Username
}

// visualEntry is one check in visual list.
type visualEntry struct {
	Check    string             `json:"check"`
	Baseline *baseline.Baseline `json:"baseline"`
	Problem  string             `json:"problem,omitempty"`
}

func (a *app) visualListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [NAME…]",
		Short: "List the checks and who approved their baselines",
		RunE: func(command *cobra.Command, names []string) error {
			seen, err := a.loadViews(names)
			if err != nil {
				return err
			}
			entries := make([]visualEntry, 0, len(seen.shots))
			for _, shot := range seen.shots {
				approved, err := seen.store.Load(command.Context(), seen.target.Name, shot.Name)
				entry := visualEntry{Check: shot.Name, Baseline: approved}
				if err != nil {
					entry.Problem = err.Error()
				}
				entries = append(entries, entry)
			}
			return a.printEntries(entries)
		},
	}
}

func (a *app) printEntries(entries []visualEntry) error {
	if a.json {
		return a.printJSON(entries)
	}
	for _, entry := range entries {
		if entry.Problem != "" {
			fmt.Fprintf(a.stdout, "%s  %s\n", entry.Check, entry.Problem)
			continue
		}
		b := entry.Baseline
		fmt.Fprintf(a.stdout, "%s  approved by %s on %s  %s  %s  run %s\n",
			entry.Check, b.ApprovedBy, b.ApprovedAt.Format(time.DateTime), b.Environment.Chromium, b.URL, b.RunID)
	}
	return nil
}
