// Package probes owns what a check is: its steps, its result and its evidence.
// The journeys themselves live below it, one package per family; when they run
// is decided by probes/schedule.
package probes

import (
	"context"
	"time"

	"tocsin/internal/verdict"
)

// Probe is one check or journey against a target. Run never returns an error:
// whatever happens becomes a Result, and a fault of our own becomes unknown.
type Probe interface {
	Name() string
	Run(ctx context.Context) Result
}

// Phases are the parts of one HTTP exchange, in seconds. A phase that was not
// reached is nil, never zero: a zero would claim that it took no time.
type Phases struct {
	DNS       *float64 `json:"dns,omitempty"`
	Connect   *float64 `json:"connect,omitempty"`
	TLS       *float64 `json:"tls,omitempty"`
	FirstByte *float64 `json:"first_byte,omitempty"`
	Transfer  *float64 `json:"transfer,omitempty"`
}

// Step is one named, timed part of a run.
type Step struct {
	Name   string  `json:"name"`
	MS     float64 `json:"ms"`
	Phases Phases  `json:"phases"`
	Status int     `json:"status,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// Result is what one run of a probe found.
type Result struct {
	Probe      string          `json:"probe"`
	Target     string          `json:"target"`
	RunID      string          `json:"run_id"`
	TraceID    string          `json:"trace_id"`
	Verdict    verdict.Verdict `json:"verdict"`
	Reason     string          `json:"reason"`
	FailedStep string          `json:"failed_step"`
	Started    time.Time       `json:"started"`
	MS         float64         `json:"ms"`
	Steps      []Step          `json:"steps"`
}
