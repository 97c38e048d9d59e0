package quorum

import (
	"fmt"
	"time"

	"tocsin/internal/verdict"
)

// freshFor is how many intervals a vote counts.
const freshFor = 2

// Vote is one run at one checkpoint. All times are by the clock of the one who
// decides, whatever the clock of the checkpoint says.
type Vote struct {
	Checkpoint string          `json:"checkpoint"`
	RunID      string          `json:"run_id"`
	Verdict    verdict.Verdict `json:"verdict"`
	Reason     verdict.Reason  `json:"reason"`
	Step       string          `json:"step,omitempty"`
	Detail     string          `json:"detail,omitempty"`
	// Started is when the run began, and Known when its verdict was: what a
	// vote says about the target is as old as its start, but a run that waits
	// for a target that hangs must not be stale before it ends.
	Started time.Time `json:"started"`
	Known   time.Time `json:"known"`
	// Interval between two runs of the probe at that checkpoint.
	Interval time.Duration `json:"interval_ns"`
}

// measured reports whether v says anything about the target.
func (v Vote) measured() bool { return v.Verdict.Good() || v.Verdict == verdict.Fail }

// fresh reports whether v still counts at now.
func (v Vote) fresh(now time.Time) bool { return !now.After(v.Known.Add(freshFor * v.Interval)) }

// newer orders the votes of one checkpoint by when their runs began, so that
// they may arrive in any order. Run ids only break ties, always in the same way.
func (v Vote) newer(than Vote) bool {
	if !v.Started.Equal(than.Started) {
		return v.Started.After(than.Started)
	}
	return v.RunID > than.RunID
}

// where says what v saw, such as "at token (timeout)".
func (v Vote) where() string {
	if v.Step == "" {
		return fmt.Sprintf("(%s)", v.Reason)
	}
	return fmt.Sprintf("at %s (%s)", v.Step, v.Reason)
}
