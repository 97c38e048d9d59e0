package receiver

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/checkpoint"
)

// mostSuperseded bounds the boots that are remembered.
const mostSuperseded = 16

// record writes what is new in a batch, and where the checkpoint stands then.
func (r *Receiver) record(ctx context.Context, s *station, batch checkpoint.Batch, from string, received time.Time) (Report, []Delivered, error) {
	report := r.stand(s.last, batch, from, received)
	events := make([]journal.Event, 0, len(batch.Items)+1)
	var deliveries []Delivered
	for _, item := range batch.Items {
		if item.Seq <= report.Marks[batch.Log] {
			report.Repeated++
			continue
		}
		report.Marks[batch.Log] = item.Seq
		event, delivered, err := r.take(batch, item, received)
		if err != nil {
			return report, nil, err
		}
		events = append(events, event)
		if delivered == nil {
			report.Refused++
			continue
		}
		report.Recorded++
		if delivered.Interval > 0 && received.Sub(delivered.Known) > 2*delivered.Interval {
			report.Late++
		}
		deliveries = append(deliveries, *delivered)
	}
	s.seen = received
	if len(events) == 0 && received.Sub(s.journalled) < quietFor && s.last.Boot == batch.Boot {
		s.last = report
		return report, nil, nil
	}
	payload, err := json.Marshal(report)
	if err != nil {
		return report, nil, fmt.Errorf("encode report of checkpoint: %w", err)
	}
	events = append(events, journal.Event{Kind: journal.KindCheckpointReport, RunID: batch.Checkpoint, Payload: payload})
	// A checkpoint that hangs up must not undo what is half done: it is written,
	// and it will ask again.
	if _, err := r.cfg.Journal.AppendAll(context.WithoutCancel(ctx), events); err != nil {
		return report, nil, err
	}
	s.last, s.journalled = report, received
	return report, deliveries, nil
}

// stand is where a checkpoint stands before the items of a batch.
func (r *Receiver) stand(last Report, batch checkpoint.Batch, from string, received time.Time) Report {
	report := Report{
		Checkpoint: batch.Checkpoint, Boot: batch.Boot, Address: from, Log: batch.Log, Marks: make(map[string]int64),
		Superseded: slices.Clone(last.Superseded), Received: received.UTC(), Status: batch.Status,
		Drift: batch.Status.Plan != r.cfg.Plan(),
	}
	if last.Boot != "" && last.Boot != batch.Boot {
		report.Superseded = append(report.Superseded, last.Boot)
		report.Superseded = report.Superseded[max(len(report.Superseded)-mostSuperseded, 0):]
	}
	// Logs that are done are forgotten; a log is not done before the checkpoint
	// stops naming it.
	maps.Copy(report.Marks, last.Marks)
	maps.DeleteFunc(report.Marks, func(log string, _ int64) bool {
		return log != batch.Log && !slices.Contains(batch.Status.Logs, log)
	})
	return report
}

// take makes the event of one item. One that cannot be read becomes an event
// that says so: it must not hold up those behind it.
func (r *Receiver) take(batch checkpoint.Batch, item checkpoint.Item, received time.Time) (journal.Event, *Delivered, error) {
	result, why := r.result(batch.Checkpoint, item)
	if why != "" {
		payload, err := json.Marshal(Refused{Checkpoint: batch.Checkpoint, Log: batch.Log, Seq: item.Seq, Why: why})
		if err != nil {
			return journal.Event{}, nil, fmt.Errorf("encode refused result: %w", err)
		}
		return journal.Event{Kind: journal.KindCheckpointRefused, RunID: batch.Checkpoint, Payload: payload}, nil, nil
	}
	payload, err := json.Marshal(result)
	if err != nil {
		return journal.Event{}, nil, fmt.Errorf("encode result of checkpoint: %w", err)
	}
	known := received.Add(-time.Duration(max(item.AgeMS, 0)) * time.Millisecond)
	return journal.Event{Kind: journal.KindProbeRun, RunID: result.RunID, TraceID: result.TraceID, Payload: payload}, &Delivered{
		Checkpoint: batch.Checkpoint, Result: result, Known: known,
		Started: known.Add(-time.Duration(result.MS * float64(time.Millisecond))), Interval: time.Duration(item.IntervalMS) * time.Millisecond,
	}, nil
}

// result reads the result of an item, or says why it cannot be taken.
func (r *Receiver) result(name string, item checkpoint.Item) (probes.Result, string) {
	var result probes.Result
	if len(item.Result) > checkpoint.MaxItem {
		return result, fmt.Sprintf("it has %d bytes, at most %d", len(item.Result), checkpoint.MaxItem)
	}
	if err := json.Unmarshal(item.Result, &result); err != nil {
		return result, err.Error()
	}
	switch {
	case result.Probe == "" || len(result.Probe) > 128 || result.RunID == "" || len(result.RunID) > 64:
		return result, "it names no probe or no run"
	case result.Checkpoint != "" && result.Checkpoint != name:
		return result, fmt.Sprintf("it claims to be of checkpoint %s", result.Checkpoint)
	case result.Target != r.cfg.Target:
		return result, fmt.Sprintf("it is about %s", result.Target)
	case !known(result.Verdict):
		return result, fmt.Sprintf("its verdict %q is none", result.Verdict)
	}
	result.Checkpoint = name
	return result, ""
}

func known(v verdict.Verdict) bool {
	return v.Good() || v == verdict.Fail || v == verdict.Unknown
}
