package console

import (
	"time"

	"tocsin/internal/verdict"
)

// The structures below are what the console reads of the payloads of events.

// probeRun is one run of a probe.
type probeRun struct {
	Probe      string          `json:"probe"`
	Target     string          `json:"target"`
	RunID      string          `json:"run_id"`
	TraceID    string          `json:"trace_id"`
	Verdict    verdict.Verdict `json:"verdict"`
	Reason     string          `json:"reason"`
	Detail     string          `json:"detail"`
	Evidence   string          `json:"evidence"`
	FailedStep string          `json:"failed_step"`
	Started    time.Time       `json:"started"`
	MS         float64         `json:"ms"`
	LatencyMS  float64         `json:"latency_ms"`
}

// ended is when the run ended, which is when its verdict became known.
func (r probeRun) ended() time.Time {
	return r.Started.Add(time.Duration(r.MS * float64(time.Millisecond)))
}

// latency in milliseconds, from the intended start where there is one.
func (r probeRun) latency() float64 { return max(r.MS, r.LatencyMS) }

// scenarioVerdict is how a scenario ended.
type scenarioVerdict struct {
	Scenario   string            `json:"scenario"`
	Parameters map[string]string `json:"parameters"`
	Verdict    verdict.Verdict   `json:"verdict"`
	Reason     string            `json:"reason"`
	Started    time.Time         `json:"started"`
	Ended      time.Time         `json:"ended"`
}

// scenarioStarted is that a scenario began.
type scenarioStarted struct {
	Scenario struct {
		Name string `json:"name"`
	} `json:"scenario"`
	Parameters map[string]string `json:"parameters"`
}

// receipt is an alert that reached the pager.
type receipt struct {
	Name        string            `json:"name"`
	Status      string            `json:"status"`
	Severity    string            `json:"severity"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	RunbookURL  string            `json:"runbook_url"`
	StartsAt    time.Time         `json:"starts_at"`
	ReceivedAt  time.Time         `json:"received_at"`
}

// faultInjected is a fault that an experiment put in force.
type faultInjected struct {
	ID    string `json:"id"`
	Fault struct {
		Kind      string `json:"kind"`
		Zone      string `json:"zone"`
		Component string `json:"component"`
	} `json:"fault"`
	Targets  []string  `json:"targets"`
	Injected time.Time `json:"injected"`
}

// configured is that a configuration was put in force, or refused.
type configured struct {
	Cause    string    `json:"cause"`
	At       time.Time `json:"at"`
	Applied  bool      `json:"applied"`
	Added    []string  `json:"added"`
	Removed  []string  `json:"removed"`
	Changed  []string  `json:"changed"`
	Problems []string  `json:"problems"`
}

// agreed is a change of what checkpoints agree on.
type agreed struct {
	Kind     string    `json:"kind"`
	Probe    string    `json:"probe"`
	At       time.Time `json:"at"`
	Sentence string    `json:"sentence"`
}
