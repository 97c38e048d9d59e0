package receiver

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tocsin/internal/journal"
	"tocsin/probes/checkpoint"
)

// Report is the event of one batch. The newest of a checkpoint says where it
// stands, also after a restart of the central.
type Report struct {
	Checkpoint string `json:"checkpoint"`
	Boot       string `json:"boot"`
	Address    string `json:"address"`
	Log        string `json:"log,omitempty"`
	// Recorded results are new, Repeated were recorded before, Late are too old
	// to have a vote, Refused could not be read.
	Recorded int `json:"recorded"`
	Repeated int `json:"repeated,omitempty"`
	Late     int `json:"late,omitempty"`
	Refused  int `json:"refused,omitempty"`
	// Marks are the last numbers recorded of the logs that are not done.
	Marks map[string]int64 `json:"marks"`
	// Superseded are earlier boots that may not speak any more.
	Superseded []string          `json:"superseded,omitempty"`
	Received   time.Time         `json:"received"`
	Status     checkpoint.Status `json:"status"`
	// Drift is true while the checkpoint runs another plan than the central.
	Drift bool `json:"drift"`
}

// Refused is the event of a result that could not be taken.
type Refused struct {
	Checkpoint string `json:"checkpoint"`
	Log        string `json:"log"`
	Seq        int64  `json:"seq"`
	Why        string `json:"why"`
}

// Reader is what is needed of the journal to know where checkpoints stand.
type Reader interface {
	Read(ctx context.Context, query journal.Query) ([]journal.Event, error)
}

// Last returns the newest report of a checkpoint, and false before the first.
func Last(ctx context.Context, events Reader, name string) (Report, bool, error) {
	newest, err := events.Read(ctx, journal.Query{Kind: journal.KindCheckpointReport, RunID: name, Limit: 1, Newest: true})
	if err != nil || len(newest) == 0 {
		return Report{}, false, err
	}
	var report Report
	if err := json.Unmarshal(newest[0].Payload, &report); err != nil {
		return Report{}, false, fmt.Errorf("read the last report of checkpoint %s: %w", name, err)
	}
	return report, true, nil
}

// Row is one line of the list of checkpoints.
type Row struct {
	Checkpoint string `json:"checkpoint"`
	// State is reporting, silent or never-seen.
	State    string    `json:"state"`
	LastSeen time.Time `json:"last_seen,omitzero"`
	// LagSeconds is the age of the oldest result that is not delivered.
	LagSeconds         float64   `json:"lag_seconds"`
	Buffered           int64     `json:"buffered"`
	Dropped            int64     `json:"dropped"`
	ClockOffsetSeconds *float64  `json:"clock_offset_seconds"`
	Plan               string    `json:"plan"`
	Drift              bool      `json:"plan_drift"`
	Version            string    `json:"version"`
	ResultsPerMinute   int       `json:"results_per_minute"`
	Address            string    `json:"address"`
	CertificateExpires time.Time `json:"certificate_expires,omitzero"`
}

// States of a Row. Silent is who has said nothing for SilentAfter.
const (
	StateReporting = "reporting"
	StateSilent    = "silent"
	StateNeverSeen = "never-seen"
	SilentAfter    = time.Minute
)

// List says where checkpoints stand, from the journal alone.
func List(ctx context.Context, events Reader, names []string, now time.Time) ([]Row, error) {
	recent, err := events.Read(ctx, journal.Query{Kind: journal.KindCheckpointReport, Since: now.Add(-time.Minute)})
	if err != nil {
		return nil, err
	}
	perMinute := make(map[string]int)
	for _, event := range recent {
		var report Report
		if err := json.Unmarshal(event.Payload, &report); err != nil {
			return nil, fmt.Errorf("read report %d: %w", event.Seq, err)
		}
		perMinute[report.Checkpoint] += report.Recorded
	}
	rows := make([]Row, 0, len(names))
	for _, name := range names {
		report, seen, err := Last(ctx, events, name)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row(name, report, seen, perMinute[name], now))
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Checkpoint, b.Checkpoint) })
	return rows, nil
}

func row(name string, report Report, seen bool, perMinute int, now time.Time) Row {
	if !seen {
		return Row{Checkpoint: name, State: StateNeverSeen}
	}
	line := Row{
		Checkpoint: name, State: StateReporting, LastSeen: report.Received, LagSeconds: float64(report.Status.OldestMS) / 1000,
		Buffered: report.Status.Buffered, Dropped: report.Status.Dropped, Plan: report.Status.Plan, Drift: report.Drift,
		Version: report.Status.Program, ResultsPerMinute: perMinute, Address: report.Address,
	}
	if now.Sub(report.Received) > SilentAfter {
		line.State = StateSilent
	}
	if report.Status.ClockOffsetMS != nil {
		seconds := *report.Status.ClockOffsetMS / 1000
		line.ClockOffsetSeconds = &seconds
	}
	return line
}
