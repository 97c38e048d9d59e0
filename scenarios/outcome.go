package scenarios

import (
	"time"

	"tocsin/alerts/pager"
	"tocsin/internal/verdict"
	"tocsin/scenarios/ledger"
	"tocsin/scenarios/load"
)

// Outcome is all that a scenario found. Its JSON form is stable: fields are
// added, never renamed.
type Outcome struct {
	Version      int               `json:"version"`
	Scenario     string            `json:"scenario"`
	Claim        string            `json:"claim"`
	Parameters   map[string]string `json:"parameters"`
	Target       string            `json:"target"`
	RunID        string            `json:"run_id"`
	Started      time.Time         `json:"started"`
	Ended        time.Time         `json:"ended"`
	Verdict      verdict.Verdict   `json:"verdict"`
	Reason       string            `json:"reason"`
	Expectations []Expectation     `json:"expectations"`
	Faults       []Fault           `json:"faults"`
	Load         *load.Figures     `json:"load"`
	Ledger       *ledger.Audit     `json:"ledger"`
	Alerts       []pager.Receipt   `json:"alerts"`
	Timings      Timings           `json:"timings"`
	Phases       []Phase           `json:"phases"`
	Series       []load.Second     `json:"series"`
}

// OutcomeVersion is the version of the JSON form.
const OutcomeVersion = 1

// Part is where an expectation comes from.
type Part string

// The parts of a verdict, in the order in which people read them.
const (
	PartSteadyState Part = "steady state"
	PartExpect      Part = "expectation"
	PartStop        Part = "stop condition"
)

// Expectation is one line of the verdict.
type Expectation struct {
	Name     string          `json:"name"`
	Part     Part            `json:"part"`
	Verdict  verdict.Verdict `json:"verdict"`
	Reason   string          `json:"reason"`
	Expected string          `json:"expected"`
	Measured string          `json:"measured"`
	Evidence []Evidence      `json:"evidence,omitempty"`
}

// Evidence is a file that shows why a line is as it is.
type Evidence struct {
	Title string `json:"title"`
	Path  string `json:"path"`
}

// Fault is one injected failure, with what was seen of it.
type Fault struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Zone      string   `json:"zone,omitempty"`
	Component string   `json:"component,omitempty"`
	Targets   []string `json:"targets"`
	// Asked is when the injection was asked for; the system may have been
	// broken from then on.
	Asked    time.Time `json:"asked"`
	Injected time.Time `json:"injected"`
	// SeenByProbe is when probes first saw it from outside.
	SeenByProbe *time.Time `json:"seen_by_probe"`
	RevertAsked *time.Time `json:"revert_asked"`
	Reverted    *time.Time `json:"reverted"`
	EndedBy     string     `json:"ended_by"`
	// Recovered is when probes were good again after the revert.
	Recovered *time.Time `json:"recovered"`
	Problem   string     `json:"problem,omitempty"`
}

// Timings are the durations that people ask for first, in milliseconds; nil
// where nothing was measured.
type Timings struct {
	LongestWait    *float64 `json:"longest_wait_ms"`
	WriteGap       *float64 `json:"write_gap_ms"`
	ErrorFreeAfter *float64 `json:"error_free_after_ms"`
	SeenAfter      *float64 `json:"seen_by_probe_after_ms"`
	AlertAfter     *float64 `json:"alert_after_ms"`
	RevertTook     *float64 `json:"revert_took_ms"`
	RecoveredAfter *float64 `json:"recovered_after_ms"`
}

// Phase is one part of the run.
type Phase struct {
	Name    string    `json:"name"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
}
