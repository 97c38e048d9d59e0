package outage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tocsin/internal/journal"
	"tocsin/probes"
)

// Recorder is a journal that hands every result of the local schedule on, once
// it is recorded: that schedule is a checkpoint like the others.
type Recorder struct {
	Journal interface {
		AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error)
		AppendAll(ctx context.Context, events []journal.Event) ([]journal.Event, error)
	}
	// Interval between two runs of a probe.
	Interval func(probe string) time.Duration
	Watch    *Watch
}

// AppendValue implements monitor.Recorder.
func (r Recorder) AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error) {
	event, err := r.Journal.AppendValue(ctx, kind, runID, traceID, value)
	if err != nil {
		return event, err
	}
	return event, r.cast(event)
}

// AppendAll implements monitor.Recorder.
func (r Recorder) AppendAll(ctx context.Context, events []journal.Event) ([]journal.Event, error) {
	recorded, err := r.Journal.AppendAll(ctx, events)
	if err != nil {
		return recorded, err
	}
	for _, event := range recorded {
		if err := r.cast(event); err != nil {
			return recorded, err
		}
	}
	return recorded, nil
}

func (r Recorder) cast(event journal.Event) error {
	if event.Kind != journal.KindProbeRun || !r.Watch.asked() {
		return nil
	}
	var result probes.Result
	if err := json.Unmarshal(event.Payload, &result); err != nil {
		return fmt.Errorf("read the result of run %s: %w", event.RunID, err)
	}
	known := result.Started.Add(time.Duration(result.MS * float64(time.Millisecond)))
	r.Watch.Cast(r.Watch.cfg.Local, result, result.Started, known, r.Interval(result.Probe))
	return nil
}
