package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"tocsin/internal/target"
	"tocsin/probes/memory"
)

// savePace is how often a daemon writes down what its probes remember.
const savePace = time.Minute

// remember opens the memory of the probes of a target. Runs by hand and the
// daemon each have their own: they must not use up each other's tokens.
func (a *app) remember(t *target.Target, who string) error {
	book, err := memory.Open(filepath.Join(a.stateDir, "memory", t.Name+"-"+who+".json"))
	if err != nil {
		return unknownError(err)
	}
	a.memory = book
	return nil
}

// saveMemory writes the memory down after a run by hand.
func (a *app) saveMemory() error {
	if a.memory == nil {
		return nil
	}
	if err := a.memory.Save(); err != nil {
		return unknownError(err)
	}
	return nil
}

// savingMemory runs work, and writes the memory down now and then, and in the
// end.
func (a *app) savingMemory(ctx context.Context, work func() error) error {
	saving, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(savePace)
		defer ticker.Stop()
		for {
			select {
			case <-saving.Done():
				return
			case <-ticker.C:
				if err := a.memory.Save(); err != nil {
					a.log.Error("memory of the probes is not saved", "error", err)
				}
			}
		}
	}()
	err := work()
	stop()
	<-done
	return errors.Join(err, a.saveMemory())
}
