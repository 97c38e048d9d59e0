package history

import (
	"encoding/json"
	"fmt"
	"time"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
)

// Series is the runs of one probe against one target from one checkpoint.
type Series struct {
	Target     string `json:"target"`
	Probe      string `json:"probe"`
	Checkpoint string `json:"checkpoint"`
}

// key is the name of the series in the journal.
func (s Series) key() (string, error) {
	name, err := json.Marshal([]string{s.Target, s.Probe, s.Checkpoint})
	if err != nil {
		return "", fmt.Errorf("name series of %s: %w", s.Probe, err)
	}
	return string(name), nil
}

func seriesOf(key string) (Series, error) {
	var parts []string
	if err := json.Unmarshal([]byte(key), &parts); err != nil || len(parts) != 3 {
		return Series{}, fmt.Errorf("%q names no series of runs", key)
	}
	return Series{Target: parts[0], Probe: parts[1], Checkpoint: parts[2]}, nil
}

// Run is one run of a probe. For one that only a segment stands for, RunID,
// TraceID and FailedStep are empty and Compacted is true.
type Run struct {
	Series
	RunID      string          `json:"run_id,omitempty"`
	TraceID    string          `json:"trace_id,omitempty"`
	Verdict    verdict.Verdict `json:"verdict"`
	Reason     verdict.Reason  `json:"reason"`
	Detail     string          `json:"detail,omitempty"`
	FailedStep string          `json:"failed_step,omitempty"`
	// At is when the schedule wanted the run to start; without a schedule, when
	// it did.
	At time.Time `json:"at"`
	// MS counts from At.
	MS float64 `json:"ms"`
	// Interval is the time for which the run stands; 0 for a run by hand.
	Interval time.Duration `json:"-"`
	// Times is how many starts in a row it stands for, if they could not take
	// place; otherwise 1.
	Times       int    `json:"times"`
	Maintenance string `json:"maintenance,omitempty"`
	Compacted   bool   `json:"compacted,omitempty"`
	// Evidence is the run that shows what went wrong, which may be an earlier one.
	Evidence string `json:"evidence,omitempty"`
	// Seq is the event of the run in the journal; 0 if compacted.
	Seq int64 `json:"seq,omitempty"`
}

// recorded is what history reads of the payload of a run.
type recorded struct {
	Series
	RunID       string          `json:"run_id"`
	TraceID     string          `json:"trace_id"`
	Verdict     verdict.Verdict `json:"verdict"`
	Reason      verdict.Reason  `json:"reason"`
	Detail      string          `json:"detail"`
	FailedStep  string          `json:"failed_step"`
	Started     time.Time       `json:"started"`
	Intended    time.Time       `json:"intended"`
	MS          float64         `json:"ms"`
	LatencyMS   float64         `json:"latency_ms"`
	IntervalMS  int64           `json:"interval_ms"`
	Runs        int             `json:"runs"`
	Maintenance string          `json:"maintenance"`
	Evidence    string          `json:"evidence"`
}

func runOf(event journal.Event) (Run, error) {
	var r recorded
	if err := json.Unmarshal(event.Payload, &r); err != nil {
		return Run{}, fmt.Errorf("read run of event %d: %w", event.Seq, err)
	}
	run := Run{
		Series: r.Series, RunID: r.RunID, TraceID: r.TraceID, Verdict: r.Verdict, Reason: r.Reason, Detail: r.Detail,
		FailedStep: r.FailedStep, At: r.Started.UTC(), MS: r.MS, Interval: time.Duration(r.IntervalMS) * time.Millisecond,
		Times: max(r.Runs, 1), Maintenance: r.Maintenance, Evidence: r.Evidence, Seq: event.Seq,
	}
	if !r.Intended.IsZero() {
		run.At = r.Intended.UTC()
	}
	if r.LatencyMS > 0 {
		run.MS = r.LatencyMS
	}
	return run, nil
}

// weight is the time for which the run stands.
func (r Run) weight() time.Duration { return time.Duration(r.Times) * r.Interval }

// hour in hours, and day in days, since the Unix epoch.
func (r Run) hour() int64 { return floor(r.At.UnixMilli(), 3_600_000) }
func (r Run) day() int64  { return floor(r.At.UnixMilli(), 86_400_000) }

func floor(value, unit int64) int64 {
	quotient := value / unit
	if value%unit < 0 {
		quotient--
	}
	return quotient
}
