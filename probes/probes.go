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

// Hop is one HTTP exchange of a step. URL has no query: queries carry codes.
type Hop struct {
	Method string  `json:"method"`
	URL    string  `json:"url"`
	Status int     `json:"status,omitempty"`
	MS     float64 `json:"ms"`
	Phases Phases  `json:"phases"`
	// SpanID is the span that the target was told, and Started when.
	SpanID  string    `json:"-"`
	Started time.Time `json:"-"`
}

// Step is one named, timed part of a run. Its phases are those of its hops
// added up; a connection that is used again adds nothing to DNS, connect and
// TLS. Status is that of the last hop.
type Step struct {
	Name   string  `json:"name"`
	MS     float64 `json:"ms"`
	Phases Phases  `json:"phases"`
	Status int     `json:"status,omitempty"`
	Error  string  `json:"error,omitempty"`
	// Skipped says why the step was not taken, where it does not apply.
	Skipped string `json:"skipped,omitempty"`
	Hops    []Hop  `json:"hops,omitempty"`
	// Started is for the trace of the run.
	Started time.Time `json:"-"`
	// Notes are what the step saw, a line each: every finding, where Error has
	// room for the sum of them only.
	Notes []string `json:"notes,omitempty"`
}

// Result is what one run of a probe found.
type Result struct {
	Probe   string `json:"probe"`
	Target  string `json:"target"`
	RunID   string `json:"run_id"`
	TraceID string `json:"trace_id"`
	// Checkpoint is the place the probe ran from; empty for a run by hand.
	Checkpoint string          `json:"checkpoint,omitempty"`
	Verdict    verdict.Verdict `json:"verdict"`
	// Reason is one of the closed list of verdict.Reasons; it decides Verdict.
	Reason verdict.Reason `json:"reason"`
	// Detail is the reason as a sentence for people.
	Detail     string    `json:"detail"`
	FailedStep string    `json:"failed_step"`
	Started    time.Time `json:"started"`
	MS         float64   `json:"ms"`
	// Attempts is how many times the whole journey was tried. Steps are those
	// of the last attempt.
	Attempts int    `json:"attempts"`
	Steps    []Step `json:"steps"`
	// CertExpiry is the earliest expiry in the certificate chains seen.
	CertExpiry time.Time `json:"cert_expiry,omitzero"`
	// Figures are what the run measured beside its times, by names that end in
	// their unit, such as clock_skew_seconds.
	Figures map[string]float64 `json:"figures,omitempty"`
	// Evidence is the folder of the run below the folder of runs; empty where
	// nothing was kept.
	Evidence string `json:"evidence,omitempty"`
	// Exchanges of the last attempt and Artifacts are what evidence is made of.
	// They hold secrets and are never written as they are.
	Exchanges []Exchange `json:"-"`
	Artifacts []Artifact `json:"-"`
	// Intended is when the schedule wanted the run to start, and LatencyMS
	// counts from then. A run without a schedule has neither.
	Intended  time.Time `json:"intended,omitzero"`
	LatencyMS float64   `json:"latency_ms,omitempty"`
	// IntervalMS is the interval of the schedule, which is the time that the run
	// stands for in the arithmetic of uptime.
	IntervalMS int64 `json:"interval_ms,omitempty"`
	// Runs is how many runs in a row, the first of them at Intended, this
	// result stands for that could not start; 0 for a result of one run.
	Runs int `json:"runs,omitempty"`
	// Maintenance names the announced windows that were open when the run was
	// due. It ran all the same.
	Maintenance string `json:"maintenance,omitempty"`
}

// Routine reports whether a segment of history may stand for the run after a
// day: it was scheduled and passed at once, so nobody will ask for its steps.
func (r Result) Routine() bool {
	return r.Verdict == verdict.Pass && r.Reason == verdict.OK && r.IntervalMS > 0 && r.Runs <= 1
}

// End sets why the run ended as it did, and with it the verdict.
func (r *Result) End(reason verdict.Reason, detail string) {
	r.Verdict, r.Reason, r.Detail = reason.Verdict(), reason, detail
}

// Add adds the phases of one more hop. What neither reached stays absent.
func (p *Phases) Add(hop Phases) {
	p.DNS = sum(p.DNS, hop.DNS)
	p.Connect = sum(p.Connect, hop.Connect)
	p.TLS = sum(p.TLS, hop.TLS)
	p.FirstByte = sum(p.FirstByte, hop.FirstByte)
	p.Transfer = sum(p.Transfer, hop.Transfer)
}

func sum(a, b *float64) *float64 {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	total := *a + *b
	return &total
}
