package engine

import (
	"context"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/scenarios/assess"
	"tocsin/scenarios/spec"
)

// recover waits until the probes are good again, as often in a row as asked,
// and does nothing else: recovery with help does not count.
func (r *run) recover(ctx context.Context) {
	r.phase("recover")
	want, ok := r.recovered()
	if !ok || r.facts.Fault.Reverted == nil {
		return
	}
	names := r.matching(want.Probes, nil)
	if len(names) == 0 {
		r.facts.Recovery = assess.Recovery{Unknown: true, Last: "the target lacks the probes that the scenario names"}
		return
	}
	deadline := r.facts.Fault.RevertAsked.Add(want.Within)
	var since time.Time
	for good := 0; good < want.InARow; {
		looked := time.Now()
		state := r.recoveryState(ctx, names)
		if ctx.Err() != nil {
			return
		}
		r.facts.Recovery = state
		if state.Last != "" {
			good = 0
		} else {
			if good == 0 {
				since = looked
			}
			good++
		}
		if good < want.InARow && (time.Now().After(deadline) || !sleep(ctx, time.Second)) {
			return
		}
	}
	r.facts.Recovery.Good = &since
	r.facts.Fault.Recovered = &since
	r.say("recovered %s after the revert", since.Sub(*r.facts.Fault.RevertAsked).Round(100*time.Millisecond))
}

// recoveryState has an empty Last when every probe is good.
func (r *run) recoveryState(ctx context.Context, names []string) assess.Recovery {
	var bad []string
	failed := false
	for _, result := range r.runAll(ctx, names) {
		if !result.Verdict.Good() {
			bad = append(bad, sentence(result.Probe, result.FailedStep, result.Detail))
			failed = failed || result.Verdict == verdict.Fail
		}
	}
	return assess.Recovery{Last: strings.Join(bad, "; "), Unknown: !failed}
}

func (r *run) recovered() (spec.Recovered, bool) {
	for _, expectation := range r.scenario.Expect {
		if expectation.Recovered != nil {
			return *expectation.Recovered, true
		}
	}
	return spec.Recovered{}, false
}

// collectAlerts takes what the pager received since the fault. It waits while a
// wanted alert is missing and still in time.
func (r *run) collectAlerts(ctx context.Context) {
	if r.facts.PagerProblem != "" {
		return
	}
	for {
		received, err := r.Pager.Received(ctx, r.facts.Fault.Asked)
		if err != nil {
			r.facts.PagerProblem = err.Error()
			return
		}
		r.facts.Alerts = received
		if !r.alertMayStillCome() || !sleep(ctx, time.Second) {
			return
		}
	}
}

func (r *run) alertMayStillCome() bool {
	for _, expectation := range r.scenario.Expect {
		if expectation.Alert == nil {
			continue
		}
		_, found := assess.FirstAlert(r.facts.Alerts, *expectation.Alert, *r.facts.Fault)
		if !found && time.Now().Before(r.facts.Fault.Asked.Add(expectation.Alert.Within)) {
			return true
		}
	}
	return false
}
