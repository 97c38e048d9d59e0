package main

import (
	"context"

	"tocsin/internal/journal"
	"tocsin/visual"
)

// decided records what a person decided about a picture in the journal, and then
// does it: a decision that cannot be recorded changes nothing.
func (a *app) decided(ctx context.Context, kind string, proposal *visual.Proposal, decision any, do func() error) (err error) {
	events, err := a.openJournal(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closed := events.Close(); err == nil && closed != nil {
			err = unknownError(closed)
		}
	}()
	return exitOr3(record(ctx, events, kind, proposal, decision, do))
}

// record records a decision about a picture in the journal, and then does it.
func record(ctx context.Context, events *journal.Journal, kind string, proposal *visual.Proposal, decision any, do func() error) error {
	if _, err := events.AppendValue(ctx, kind, proposal.Result.RunID, proposal.Result.TraceID, decision); err != nil {
		return err
	}
	return do()
}
