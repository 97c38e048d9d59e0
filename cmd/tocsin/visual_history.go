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

// remembered is how many of the latest checks are remembered.
const remembered = 5000

// earlierChecks reads what the latest runs of a check saw. Runs that compared
// nothing say nothing about the page.
func earlierChecks(events *journal.Journal, targetName, check string) func(context.Context) ([]decide.Sighting, error) {
	return func(ctx context.Context) ([]decide.Sighting, error) {
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
			if result.Target == targetName && result.Check == check && result.Compared {
				seen = append(seen, decide.Sighting{At: result.Started, Fingerprint: result.Fingerprint})
			}
		}
		return seen, nil
	}
}

func (a *app) visualRejectCommand() *cobra.Command {
	var from string
	var by person
	command := &cobra.Command{
		Use:   "reject NAME --from RUN --reason TEXT",
		Short: "Note that a picture shows a defect",
		Long: "Notes in the history of the check that what it saw is a defect. The baseline stays, and the\n" +
			"check goes on failing until the page looks as approved: nothing is hidden.",
		Example: "  tocsin visual reject login --from 3f2a… --reason 'the logo is missing, reported to the web team'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			if from == "" {
				return usageError(errors.New("name with --from what was seen: the id of the run of a check"))
			}
			seen, err := a.loadViews(names)
			if err != nil {
				return err
			}
			for _, shot := range seen.shots {
				if err := a.reject(command.Context(), seen, shot.Name, from, by); err != nil {
					return err
				}
			}
			return nil
		},
	}
	command.Flags().StringVar(&from, "from", "", "what a check saw: the id of its `RUN`, or a file that it left")
	by.flags(command)
	return command
}

// reject records the rejection in the journal, then in the history of the check.
func (a *app) reject(ctx context.Context, seen *views, name, from string, by person) error {
	proposal, err := visual.ProposalFrom(a.stateDir, from, seen.target.Name, name)
	if err != nil {
		return usageError(err)
	}
	rejection, err := proposal.Rejection(by.name, by.reason, time.Now())
	if err != nil {
		return usageError(err)
	}
	if err := a.decided(ctx, journal.KindVisualRejected, proposal, rejection, func() error {
		return proposal.Reject(ctx, seen.store, rejection)
	}); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(rejection)
	}
	fmt.Fprintf(a.stdout, "%s  rejected by %s: %s\n", name, rejection.RejectedBy, rejection.Reason)
	return nil
}

func (a *app) visualHistoryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "history [NAME…]",
		Short: "Say who approved or rejected which picture of a check, and why",
		RunE: func(command *cobra.Command, names []string) error {
			seen, err := a.loadViews(names)
			if err != nil {
				return err
			}
			histories := make([]visualHistory, 0, len(seen.shots))
			for _, shot := range seen.shots {
				decisions, err := seen.store.History(command.Context(), seen.target.Name, shot.Name)
				if err != nil {
					return unknownError(err)
				}
				histories = append(histories, visualHistory{shot.Name, decisions})
			}
			return a.printHistory(histories)
		},
	}
}

// visualHistory is what was decided about one check.
type visualHistory struct {
	Check     string              `json:"check"`
	Decisions []baseline.Decision `json:"decisions"`
}

func (a *app) printHistory(histories []visualHistory) error {
	if a.json {
		return a.printJSON(histories)
	}
	for _, one := range histories {
		if len(one.Decisions) == 0 {
			fmt.Fprintf(a.stdout, "%s  nobody has decided anything yet\n", one.Check)
		}
		for _, d := range one.Decisions {
			fmt.Fprintf(a.stdout, "%s  %s  %s by %s: %s  run %s  picture %.12s\n",
				one.Check, d.At.Format(time.DateTime), d.Action, d.By, d.Reason, d.RunID, d.SHA256)
		}
	}
	return nil
}
