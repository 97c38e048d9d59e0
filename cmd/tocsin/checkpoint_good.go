package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"tocsin/internal/journal"
	"tocsin/probes"
	"tocsin/probes/monitor"
)

// lastGoods remembers the last good run of each probe, which the evidence of a
// failed one is laid beside. A checkpoint has no journal that goes back: what
// is delivered leaves its buffer.
type lastGoods struct {
	recorder monitor.Recorder

	mu      sync.Mutex
	results map[string]*probes.Result
}

// AppendValue implements monitor.Recorder.
func (l *lastGoods) AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error) {
	event, err := l.recorder.AppendValue(ctx, kind, runID, traceID, value)
	if err != nil {
		return event, err
	}
	return event, l.remember(event)
}

// AppendAll implements monitor.Recorder.
func (l *lastGoods) AppendAll(ctx context.Context, events []journal.Event) ([]journal.Event, error) {
	recorded, err := l.recorder.AppendAll(ctx, events)
	if err != nil {
		return recorded, err
	}
	for _, event := range recorded {
		if err := l.remember(event); err != nil {
			return recorded, err
		}
	}
	return recorded, nil
}

func (l *lastGoods) remember(event journal.Event) error {
	var result probes.Result
	if err := json.Unmarshal(event.Payload, &result); err != nil {
		return fmt.Errorf("read the result of run %s: %w", event.RunID, err)
	}
	if !result.Verdict.Good() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.results == nil {
		l.results = make(map[string]*probes.Result)
	}
	l.results[result.Probe] = &result
	return nil
}

func (l *lastGoods) of(_ context.Context, probe string) (*probes.Result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.results[probe], nil
}
