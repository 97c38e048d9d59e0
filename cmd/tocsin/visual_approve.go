package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/visual"
	"tocsin/visual/baseline"
)

func (a *app) visualApproveCommand() *cobra.Command {
	var from string
	var masks []string
	var by person
	command := &cobra.Command{
		Use:   "approve [PAGE…]",
		Short: "Make a picture of each page its baseline",
		Long: "Pictures each page and makes the picture its baseline, in your name.\n" +
			"With --from, it approves exactly what a check saw. A page that has a baseline needs a reason.",
		Example: "  tocsin visual approve\n" +
			"  tocsin visual approve login --from 3f2a… --reason 'new logo, as agreed' --as 'Kari Nordmann'",
		RunE: func(command *cobra.Command, arguments []string) error {
			pages, err := visualPages(arguments)
			if err != nil {
				return err
			}
			if from != "" && len(masks) > 0 {
				return usageError(errors.New("--mask has no effect on a picture that --from names"))
			}
			to, err := a.loadTarget()
			if err != nil {
				return err
			}
			return a.approvePages(command, to, pages, masks, from, by)
		},
	}
	command.Flags().StringVar(&from, "from", "", "approve what a check saw: the id of its `RUN`, or a file that it left")
	command.Flags().StringArrayVar(&masks, "mask", nil, "cover what this CSS `SELECTOR` matches; may be repeated")
	by.flags(command)
	return command
}

// person is who decides about a picture, and why.
type person struct{ name, reason string }

func (p *person) flags(command *cobra.Command) {
	command.Flags().StringVar(&p.name, "as", approver(), "who decides, in pipelines the person who started them: a `NAME`")
	command.Flags().StringVar(&p.reason, "reason", "", "why, for whoever reads the history: a `TEXT`")
}

func (a *app) approvePages(command *cobra.Command, to *target.Target, pages, masks []string, from string, by person) error {
	if from == "" {
		results, err := a.checkPages(command, to, pages, masks)
		if err != nil {
			return err
		}
		for _, result := range results {
			if !result.Approvable {
				return &exitError{code: result.Verdict.ExitCode(), err: fmt.Errorf("page %s is not approved: %s", result.Page, result.Reason)}
			}
			if err := a.approve(command.Context(), to, result.Page, result.RunID, by); err != nil {
				return err
			}
		}
		return nil
	}
	for _, page := range pages {
		if err := a.approve(command.Context(), to, page, from, by); err != nil {
			return err
		}
	}
	return nil
}

// approve records the approval in the journal, then acts on it.
func (a *app) approve(ctx context.Context, to *target.Target, page, from string, by person) error {
	proposal, err := visual.ProposalFrom(a.stateDir, from, to.Name, page)
	if err != nil {
		return usageError(err)
	}
	approval, err := proposal.Approval(a.baselineDir(), by.name, by.reason, time.Now())
	if err != nil {
		return usageError(err)
	}
	if err := a.decided(ctx, journal.KindVisualApproved, approval.RunID, proposal.Result.TraceID, approval, func() error {
		return proposal.Approve(a.baselineDir(), approval)
	}); err != nil {
		return err
	}
	if a.json {
		return a.printVisualJSON(approval)
	}
	fmt.Fprintf(a.stdout, "%s  approved by %s  %s\n", page, approval.ApprovedBy, approval.File)
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

// visualEntry is one page in visual list.
type visualEntry struct {
	Page     string             `json:"page"`
	Baseline *baseline.Baseline `json:"baseline"`
	Problem  string             `json:"problem,omitempty"`
}

func (a *app) visualListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the pages and who approved their baselines",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			to, err := a.loadTarget()
			if err != nil {
				return err
			}
			entries := make([]visualEntry, 0, len(visual.Pages()))
			for _, page := range visual.Pages() {
				approved, err := baseline.NewStore(a.baselineDir()).Load(to.Name, page)
				entry := visualEntry{Page: page, Baseline: approved}
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
		return a.printVisualJSON(entries)
	}
	for _, entry := range entries {
		if entry.Problem != "" {
			fmt.Fprintf(a.stdout, "%s  %s\n", entry.Page, entry.Problem)
			continue
		}
		b := entry.Baseline
		fmt.Fprintf(a.stdout, "%s  approved by %s on %s  %s  %s  run %s\n",
			entry.Page, b.ApprovedBy, b.ApprovedAt.Format(time.DateTime), b.Environment.Chromium, b.URL, b.RunID)
	}
	return nil
}

func (a *app) printVisualJSON(value any) error {
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return &exitError{code: verdict.ExitUnknown, err: fmt.Errorf("print JSON: %w", err)}
	}
	return nil
}
