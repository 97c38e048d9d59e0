package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/journal"
	"tocsin/visual"
	"tocsin/visual/baseline"
	"tocsin/visual/decide"
)

// baselineDir is where approved pictures are.
func (a *app) baselineDir() string {
	if a.baselines != "" {
		return a.baselines
	}
	return visual.BaselineDir(a.stateDir)
}

// remembered is how many of the latest checks are remembered.
const remembered = 500

// earlierChecks reads what earlier checks of a page saw. Checks that compared
// nothing say nothing about the page.
func earlierChecks(ctx context.Context, events *journal.Journal, targetName, page string) ([]decide.Sighting, error) {
	recorded, err := events.Read(ctx, journal.Query{Kind: journal.KindVisualCheck, Newest: true, Limit: remembered})
	if err != nil {
		return nil, err
	}
	var seen []decide.Sighting
	for _, event := range recorded {
		var result visual.Result
		if err := json.Unmarshal(event.Payload, &result); err != nil {
			return nil, fmt.Errorf("read earlier check %s: %w", event.RunID, err)
		}
		if result.Target == targetName && result.Page == page && (result.Verdict.Good() || result.Fingerprint != "") {
			seen = append(seen, decide.Sighting{At: result.Started, Fingerprint: result.Fingerprint})
		}
	}
	return seen, nil
}

func (a *app) visualRejectCommand() *cobra.Command {
	var from string
	var by person
	command := &cobra.Command{
		Use:   "reject PAGE --from RUN --reason TEXT",
		Short: "Note that a picture shows a defect",
		Long: "Notes in the history of the page that what a check saw is a defect. The baseline stays, and the\n" +
			"page goes on failing until it looks as approved: nothing is hidden.",
		Example: "  tocsin visual reject login --from 3f2a… --reason 'the logo is missing, reported to the web team'",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			pages, err := visualPages(arguments)
			if err != nil {
				return err
			}
			if from == "" {
				return usageError(errors.New("name with --from what was seen: the id of the run of a check"))
			}
			return a.reject(command.Context(), pages[0], from, by)
		},
	}
	command.Flags().StringVar(&from, "from", "", "what a check saw: the id of its `RUN`, or a file that it left")
	by.flags(command)
	return command
}

// reject records the rejection in the journal, then in the history of the page.
func (a *app) reject(ctx context.Context, page, from string, by person) error {
	to, err := a.loadTarget()
	if err != nil {
		return err
	}
	proposal, err := visual.ProposalFrom(a.stateDir, from, to.Name, page)
	if err != nil {
		return usageError(err)
	}
	rejection, err := proposal.Rejection(by.name, by.reason, time.Now())
	if err != nil {
		return usageError(err)
	}
	if err := a.decided(ctx, journal.KindVisualRejected, rejection.RunID, proposal.Result.TraceID, rejection, func() error {
		return proposal.Reject(a.baselineDir(), rejection)
	}); err != nil {
		return err
	}
	if a.json {
		return a.printVisualJSON(rejection)
	}
	fmt.Fprintf(a.stdout, "%s  rejected by %s: %s\n", page, rejection.RejectedBy, rejection.Reason)
	return nil
}

func (a *app) visualHistoryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "history [PAGE…]",
		Short: "Say who approved or rejected which picture of a page, and why",
		RunE: func(_ *cobra.Command, arguments []string) error {
			pages, err := visualPages(arguments)
			if err != nil {
				return err
			}
			to, err := a.loadTarget()
			if err != nil {
				return err
			}
			histories := make(map[string][]baseline.Decision, len(pages))
			for _, page := range pages {
				decisions, err := baseline.NewStore(a.baselineDir()).History(to.Name, page)
				if err != nil {
					return unknownError(err)
				}
				histories[page] = decisions
			}
			return a.printHistory(pages, histories)
		},
	}
}

func (a *app) printHistory(pages []string, histories map[string][]baseline.Decision) error {
	if a.json {
		return a.printVisualJSON(histories)
	}
	for _, page := range pages {
		if len(histories[page]) == 0 {
			fmt.Fprintf(a.stdout, "%s  nobody has decided anything yet\n", page)
		}
		for _, d := range histories[page] {
			fmt.Fprintf(a.stdout, "%s  %s  %s by %s: %s  run %s  picture %.12s\n",
				page, d.At.Format(time.DateTime), d.Action, d.By, d.Reason, d.RunID, d.SHA256)
		}
	}
	return nil
}
