package console

import (
	"context"
	"time"

	"tocsin/internal/verdict"
)

// Live is what the parts of the daemon say of now, where the journal would have
// to be read from its start. Functions may be nil where a part is not in use.
type Live struct {
	Checkpoints func(ctx context.Context) ([]CheckpointSummary, error)
	Votes       func() []VoteSummary
	Heartbeats  func() []HeartbeatSummary
}

// CheckpointSummary is a place that reports.
type CheckpointSummary struct {
	Name string `json:"name"`
	// State is reporting, silent or never-seen.
	State      string    `json:"state"`
	LastSeen   time.Time `json:"last_seen,omitzero"`
	Buffered   int64     `json:"buffered"`
	Dropped    int64     `json:"dropped"`
	OtherPlan  bool      `json:"other_plan"`
	Version    string    `json:"version"`
	PerMinute  int       `json:"results_per_minute"`
	LagSeconds float64   `json:"lag_seconds"`
}

// VoteSummary is what checkpoints say together of a probe.
type VoteSummary struct {
	Probe  string   `json:"probe"`
	Up     []string `json:"up"`
	Down   []string `json:"down"`
	Silent []string `json:"silent"`
	// Outage is since when an outage is open; nil where none is.
	Outage *time.Time `json:"outage,omitempty"`
	Alone  []string   `json:"alone,omitempty"`
	// Decided is false while too few votes are there to tell.
	Decided bool `json:"decided"`
}

// HeartbeatSummary is a job that must report.
type HeartbeatSummary struct {
	Name     string          `json:"name"`
	State    string          `json:"state"`
	Verdict  verdict.Verdict `json:"verdict"`
	Detail   string          `json:"detail"`
	Every    time.Duration   `json:"-"`
	Grace    time.Duration   `json:"-"`
	Last     *time.Time      `json:"last,omitempty"`
	Seconds  float64         `json:"job_seconds,omitempty"`
	Deadline time.Time       `json:"deadline"`
	Running  *time.Time      `json:"running,omitempty"`
}

// ChangeSummary is a change of what checkpoints agree on.
type ChangeSummary struct {
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"`
	Probe    string    `json:"probe"`
	Sentence string    `json:"sentence"`
}

// live adds what the parts say of now.
func (c *Console) live(ctx context.Context, s *Summary) error {
	if c.cfg.Live.Checkpoints != nil {
		places, err := c.cfg.Live.Checkpoints(ctx)
		if err != nil {
			return err
		}
		s.Checkpoints = places
	}
	if c.cfg.Live.Votes != nil {
		s.Votes = c.cfg.Live.Votes()
	}
	if c.cfg.Live.Heartbeats != nil {
		s.Heartbeats = c.cfg.Live.Heartbeats()
	}
	return nil
}
