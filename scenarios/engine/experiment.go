package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"tocsin/chaos"
	"tocsin/chaos/lease"
	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/scenarios"
	"tocsin/scenarios/assess"
	"tocsin/scenarios/spec"
)

// experiment breaks the system under load, holds the fault, reverts it and
// waits for recovery. Everything in it ends when a stop condition is met.
func (r *run) experiment(ctx context.Context, l *loading) {
	guarded, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { r.watch(guarded, l, stop) })
	defer watching.Wait()
	defer stop(nil)
	if !r.warmUp(guarded, l) {
		return
	}
	action := r.scenario.Method[0]
	keeper := r.inject(guarded, action)
	if keeper == nil {
		return
	}
	r.hold(guarded, keeper, action)
	r.revert(ctx, keeper)
	if guarded.Err() != nil {
		r.stopped = context.Cause(guarded)
	}
	r.recover(ctx)
	if guarded.Err() == nil {
		r.phase("load to its end")
		select {
		case <-l.done:
		case <-guarded.Done():
		}
	}
	if r.stopped == nil && guarded.Err() != nil {
		r.stopped = context.Cause(guarded)
	}
}

// warmUp waits until the load is there, looks at the steady state under it, and
// reports whether the fault may be injected.
func (r *run) warmUp(ctx context.Context, l *loading) bool {
	if err := r.waitForLoad(ctx, l); err != nil {
		r.facts.FaultProblem = err.Error()
		r.stopped = err
		return false
	}
	at := r.scenario.Method[0].At
	begun := r.record.begun()
	sleep(ctx, time.Until(begun.Add(at/2)))
	r.checkSteadyState(ctx, underLoad)
	if closed := r.gateClosed(); closed != "" {
		r.facts.FaultProblem = closed
		r.stopped = fmt.Errorf("%w: %s", errStop, closed)
		return false
	}
	if !sleep(ctx, time.Until(begun.Add(at))) {
		r.facts.FaultProblem = context.Cause(ctx).Error()
		r.stopped = context.Cause(ctx)
		return false
	}
	return true
}

// inject returns nil when nothing is in force.
func (r *run) inject(ctx context.Context, action spec.Action) *lease.Keeper {
	fault := chaos.Fault{Kind: chaos.Kind(action.Fault.Kind), Zone: action.Fault.Zone, Component: action.Fault.Component}
	r.phase("inject")
	if !r.note(ctx, KindFaultAsked, fault) {
		r.facts.FaultProblem = r.stopped.Error()
		return nil
	}
	asked := time.Now()
	keeper, err := lease.Hold(ctx, r.Injector, fault, lease.Terms{
		TTL: r.scenario.Rollback.Lease, Holder: r.id, RevertWithin: r.scenario.Rollback.Within,
	})
	if err != nil {
		r.facts.FaultProblem = err.Error()
		r.stopped = err
		return nil
	}
	made := keeper.Injection()
	r.facts.Fault = &scenarios.Fault{
		ID: made.ID, Kind: string(fault.Kind), Zone: fault.Zone, Component: fault.Component,
		Targets: made.Targets, Asked: asked, Injected: made.Injected,
	}
	r.say("%s in force at %s", fault, strings.Join(made.Targets, ", "))
	r.note(ctx, journal.KindFaultInjected, made)
	return keeper
}

// hold watches the fault from outside and from the injector until its time is
// up, the lease is lost, or ctx ends.
func (r *run) hold(ctx context.Context, keeper *lease.Keeper, action spec.Action) {
	r.phase("hold")
	if r.stopped != nil {
		return
	}
	holding, done := context.WithDeadline(ctx, r.facts.Fault.Asked.Add(action.For))
	defer done()
	var looking sync.WaitGroup
	looking.Go(func() { r.lookForFault(holding) })
	select {
	case <-holding.Done():
	case err := <-keeper.Lost():
		r.facts.Fault.Problem = err.Error()
		done()
	}
	looking.Wait()
	if r.facts.Fault.Problem != "" || ctx.Err() != nil {
		return
	}
	status, err := r.Injector.Status(ctx, keeper.Injection().ID)
	switch {
	case err != nil:
		r.facts.Fault.Problem = err.Error()
	case status.State != chaos.InForce:
		r.facts.Fault.Problem = fmt.Sprintf("it was %s before its time, by %s", status.State, status.EndedBy)
	}
}

// lookForFault asks the probes until they see the fault as it was meant: some
// dark, the others not.
func (r *run) lookForFault(ctx context.Context) {
	want, ok := r.faultInForce()
	if !ok {
		return
	}
	passing := r.matching(want.Passing, want.Failing)
	for {
		dark := r.runAll(ctx, want.Failing)
		lit := r.runAll(ctx, passing)
		if ctx.Err() != nil {
			return
		}
		sight := sightOf(dark, lit)
		if sight.Dark != nil {
			r.facts.Sight = sight
			r.facts.Fault.SeenByProbe = sight.Dark
			r.say("seen from outside: %s", sight.Last)
			return
		}
		r.facts.Sight = sight
		if !sleep(ctx, 500*time.Millisecond) {
			return
		}
	}
}

// sightOf judges one look. A fault without effect is no fault of the target;
// a dark zone that should be lit is.
func sightOf(dark, lit []probes.Result) assess.Sight {
	if len(dark) == 0 || len(lit) == 0 {
		return assess.Sight{Unknown: true, Last: "the target lacks the probes that the scenario names"}
	}
	said := make([]string, 0, len(dark)+len(lit))
	seen, blame := true, false
	for _, result := range dark {
		seen = seen && result.Verdict == verdict.Fail
		said = append(said, sentence(result.Probe, result.FailedStep, string(result.Verdict)))
	}
	for _, result := range lit {
		seen = seen && result.Verdict.Good()
		blame = blame || result.Verdict == verdict.Fail
		said = append(said, sentence(result.Probe, result.FailedStep, string(result.Verdict)))
	}
	sight := assess.Sight{Last: strings.Join(said, ", "), Unknown: !blame}
	if seen {
		now := time.Now()
		sight.Dark = &now
	}
	return sight
}

func (r *run) faultInForce() (spec.FaultInForce, bool) {
	for _, expectation := range r.scenario.Expect {
		if expectation.FaultInForce != nil {
			return *expectation.FaultInForce, true
		}
	}
	return spec.FaultInForce{}, false
}

// runAll runs probes at the same time, so that one that times out does not make
// the others late.
func (r *run) runAll(ctx context.Context, names []string) []probes.Result {
	results := make([]probes.Result, len(names))
	var running sync.WaitGroup
	for i, name := range names {
		running.Go(func() { results[i] = r.Prober.Run(ctx, name) })
	}
	running.Wait()
	return results
}

// revert ends the fault, also when everything else is being cancelled.
func (r *run) revert(ctx context.Context, keeper *lease.Keeper) {
	r.phase("revert")
	asked := time.Now()
	reverted, err := keeper.Release()
	r.facts.Fault.RevertAsked = &asked
	r.facts.Fault.EndedBy = reverted.EndedBy
	if err != nil {
		r.facts.Fault.Problem = err.Error()
		r.say("the fault could not be reverted: %v; it ends with its lease", err)
	} else {
		done := time.Now()
		r.facts.Fault.Reverted = &done
		r.say("reverted by the %s", reverted.EndedBy)
	}
	r.note(ctx, journal.KindFaultReverted, r.facts.Fault)
}

// sleep reports whether the whole pause passed.
func sleep(ctx context.Context, pause time.Duration) bool {
	if pause <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
