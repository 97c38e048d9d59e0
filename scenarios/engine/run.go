package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tocsin/alerts/pager"
	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/assess"
	"tocsin/scenarios/ledger"
	"tocsin/scenarios/load"
	"tocsin/scenarios/spec"
)

// errStop is the cause with which a stop condition ends an experiment.
var errStop = errors.New("stop condition met")

// errInterrupted is what a person's Ctrl-C leaves.
var errInterrupted = errors.New("interrupted")

// run is one performance of a scenario.
type run struct {
	Config
	scenario *spec.Scenario
	id       string
	steady   []steadyLine
	facts    assess.Facts
	record   *recorder
	ledger   *ledger.Ledger
	phases   []scenarios.Phase
	// stopped is why the scenario did not go to its end; nil if it did.
	stopped error
}

func newRun(config Config, s *spec.Scenario, id string) *run {
	r := &run{Config: config, scenario: s, id: id, record: newRecorder(), ledger: ledger.New()}
	r.facts.Plan = load.Plan{Rate: s.Load.Rate, Duration: s.Load.Duration, RunID: id, Returning: s.Load.Returning}
	for _, check := range s.SteadyState {
		r.steady = append(r.steady, steadyLine{check: check})
	}
	return r
}

// phase ends the current phase and starts the next.
func (r *run) phase(name string) {
	r.endPhase()
	r.phases = append(r.phases, scenarios.Phase{Name: name, Started: time.Now()})
	r.record.phase(name)
	r.say("%s", name)
}

func (r *run) endPhase() {
	if last := len(r.phases) - 1; last >= 0 && r.phases[last].Ended.IsZero() {
		r.phases[last].Ended = time.Now()
	}
}

func (r *run) say(format string, values ...any) {
	r.Progress(Progress{Phase: r.record.phaseName(), Text: fmt.Sprintf(format, values...)})
}

// perform goes through the phases. It returns early when going on would prove
// nothing; what was not measured stays unknown.
func (r *run) perform(ctx context.Context) {
	r.phase("steady state")
	if err := r.Pager.Ready(ctx); err != nil {
		r.facts.PagerProblem = "nobody listens for the pager: " + err.Error()
	}
	r.checkSteadyState(ctx, before)
	if closed := r.gateClosed(); closed != "" {
		r.facts.FaultProblem = closed
		return
	}
	if r.interrupted(ctx) {
		return
	}
	if problem := r.gatherConsents(ctx); problem != "" {
		r.facts.FaultProblem = problem
		return
	}
	if r.interrupted(ctx) {
		return
	}
	r.phase("load")
	loading := r.startLoad(ctx)
	r.experiment(ctx, loading)
	if r.stopped != nil {
		loading.cancel()
	}
	r.finishLoad(loading)
	if r.interrupted(ctx) || r.facts.Fault == nil {
		r.facts.PagerProblem = "the scenario ended before the alerts were collected"
		return
	}
	r.phase("audit")
	r.audit(ctx)
	r.collectAlerts(ctx)
	r.checkAfter(ctx)
	r.interrupted(ctx)
}

// interrupted reports whether the person has had enough.
func (r *run) interrupted(ctx context.Context) bool {
	if ctx.Err() == nil {
		return false
	}
	if r.stopped == nil || errors.Is(r.stopped, context.Canceled) {
		r.stopped = errInterrupted
	}
	return true
}

// note writes an event down and reports whether that worked. When it does not,
// the scenario ends: what nobody records must not be done.
func (r *run) note(ctx context.Context, kind string, value any) bool {
	if _, err := r.Journal.AppendValue(context.WithoutCancel(ctx), kind, r.id, "", value); err != nil {
		r.stopped = fmt.Errorf("the journal does not take %s: %w", kind, err)
		return false
	}
	return true
}

func (r *run) audit(ctx context.Context) {
	within := time.Minute
	for _, expectation := range r.scenario.Expect {
		if expectation.Ledger != nil && expectation.Ledger.Within > 0 {
			within = expectation.Ledger.Within
		}
	}
	entries := r.ledger.Entries()
	r.say("reading %d acknowledged writes back", len(entries))
	audit, err := r.Auditor.Audit(ctx, entries, within)
	if err != nil {
		r.facts.LedgerProblem = err.Error()
		return
	}
	r.facts.Ledger = &audit
}

// conclude assesses what was measured.
func (r *run) conclude(ctx context.Context) scenarios.Outcome {
	r.endPhase()
	r.facts.Logins = r.record.all()
	lines := make([]scenarios.Expectation, 0, len(r.steady)+len(r.scenario.Expect)+1)
	for _, line := range r.steady {
		lines = append(lines, line.expectation())
	}
	for _, expectation := range r.scenario.Expect {
		lines = append(lines, assess.Expect(expectation, r.facts))
	}
	lines = append(lines, r.stopLine())
	outcome := scenarios.Outcome{
		Version: scenarios.OutcomeVersion, Expectations: lines, Phases: r.phases,
		Faults: []scenarios.Fault{}, Alerts: r.facts.Alerts, Ledger: r.facts.Ledger,
		Timings: assess.Timings(r.facts, r.scenario.Expect),
	}
	if outcome.Alerts == nil {
		outcome.Alerts = []pager.Receipt{}
	}
	outcome.Verdict, outcome.Reason = assess.Conclude(lines)
	if r.facts.Fault != nil {
		outcome.Faults = append(outcome.Faults, *r.facts.Fault)
	}
	if r.facts.End != nil || len(r.facts.Logins) > 0 {
		outcome.Load, outcome.Series = r.loadFigures()
		r.note(ctx, journal.KindLoadRun, outcome.Load)
	}
	return outcome
}

func (r *run) loadFigures() (*load.Figures, []load.Second) {
	var end load.End
	if r.facts.End != nil {
		end = *r.facts.End
	}
	figures := load.Sum(r.facts.Plan, r.facts.Logins, end)
	if len(r.facts.Logins) == 0 {
		return &figures, nil
	}
	first, last := r.facts.Logins[0].Start, r.facts.Logins[0].End
	for _, login := range r.facts.Logins {
		if login.Start.Before(first) {
			first = login.Start
		}
		if login.End.After(last) {
			last = login.End
		}
	}
	return &figures, load.Series(first, last, r.facts.Logins)
}

// stopLine tells whether the scenario went to its end. A stop condition that
// was met is the target's failure; an interruption is nobody's.
func (r *run) stopLine() scenarios.Expectation {
	line := scenarios.Expectation{
		Name: "the scenario goes to its end", Part: scenarios.PartStop,
		Expected: "no stop condition met, no interruption", Verdict: verdict.Pass,
	}
	switch {
	case r.stopped == nil && r.facts.Fault == nil:
		line.Verdict, line.Reason = verdict.Unknown, "it ended before the fault: "+r.facts.FaultProblem
	case r.stopped == nil:
		line.Reason = "no stop condition was met"
	case errors.Is(r.stopped, errStop):
		line.Verdict, line.Reason = verdict.Fail, r.stopped.Error()
	default:
		line.Verdict, line.Reason = verdict.Unknown, r.stopped.Error()
	}
	if r.stopped != nil {
		line.Reason += r.whatBecameOfTheFault()
	}
	line.Measured = line.Reason
	return line
}

func (r *run) whatBecameOfTheFault() string {
	fault := r.facts.Fault
	switch {
	case fault == nil:
		return "; nothing had been broken"
	case fault.Reverted != nil:
		return "; the fault was reverted at " + fault.Reverted.Format("15:04:05")
	default:
		return "; the fault could NOT be reverted (" + fault.Problem + ") and ends with its lease"
	}
}
