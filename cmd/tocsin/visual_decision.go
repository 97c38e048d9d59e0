package main

import "context"

// decided records what a person decided about a picture in the journal, and then
// does it: a decision that cannot be recorded changes nothing.
func (a *app) decided(ctx context.Context, kind, runID, traceID string, decision any, do func() error) (err error) {
	events, err := a.openJournal(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closed := events.Close(); err == nil && closed != nil {
			err = unknownError(closed)
		}
	}()
	if _, err := events.AppendValue(ctx, kind, runID, traceID, decision); err != nil {
		return unknownError(err)
	}
	if err := do(); err != nil {
		return unknownError(err)
	}
	return nil
}
