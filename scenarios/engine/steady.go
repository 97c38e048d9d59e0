package engine

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/assess"
	"tocsin/scenarios/spec"
)

// occasion is when the steady state was looked at.
type occasion string

const (
	before    occasion = "before the load"
	underLoad occasion = "under load"
	after     occasion = "after recovery"
)

// afterDefault is how long the steady state may take to return when no
// expectation of the scenario says so.
const afterDefault = time.Minute

// steadyLine is one check of the steady state and what it said each time.
type steadyLine struct {
	check spec.SteadyState
	seen  []seen
}

type seen struct {
	occasion occasion
	look     Look
}

// checkSteadyState looks at everything once, even after a first red line: each
// is a promise of its own. A page is not looked at under load: the browser
// would compete with the load for the machine that makes both.
func (r *run) checkSteadyState(ctx context.Context, when occasion) {
	for i := range r.steady {
		line := &r.steady[i]
		if when == underLoad && line.check.Visual != nil || ctx.Err() != nil {
			continue
		}
		look := r.look(ctx, line.check)
		line.seen = append(line.seen, seen{when, look})
		r.say("%s: %s (%s)", line.check.Name, look.Verdict, look.Reason)
	}
}

// checkAfter looks until everything holds again, or the deadline for recovery
// passes. Copies that were lost have to be made anew, which takes longer than
// a login takes to succeed.
func (r *run) checkAfter(ctx context.Context) {
	if r.facts.Fault.RevertAsked == nil {
		return
	}
	deadline := r.facts.Fault.RevertAsked.Add(r.recoveryDeadline())
	for i := range r.steady {
		line := &r.steady[i]
		look := r.look(ctx, line.check)
		for !look.Verdict.Good() && time.Now().Before(deadline) && sleep(ctx, time.Second) {
			look = r.look(ctx, line.check)
		}
		if ctx.Err() != nil {
			return
		}
		line.seen = append(line.seen, seen{after, look})
		if !look.Verdict.Good() {
			r.say("%s after recovery: %s (%s)", line.check.Name, look.Verdict, look.Reason)
		}
	}
}

func (r *run) recoveryDeadline() time.Duration {
	for _, expectation := range r.scenario.Expect {
		if expectation.Recovered != nil {
			return expectation.Recovered.Within
		}
	}
	return afterDefault
}

// gateClosed names the check that forbids the fault, or nothing.
func (r *run) gateClosed() string {
	for _, line := range r.steady {
		if !line.check.Gate || len(line.seen) == 0 {
			continue
		}
		last := line.seen[len(line.seen)-1]
		if !last.look.Verdict.Good() {
			return fmt.Sprintf("%s does not hold %s (%s), so nothing was broken further", line.check.Name, last.occasion, last.look.Reason)
		}
	}
	return ""
}

func (r *run) look(ctx context.Context, check spec.SteadyState) Look {
	switch {
	case check.Probe != nil:
		return r.lookByProbe(ctx, *check.Probe)
	case check.PromQL != nil:
		return r.lookByQuery(ctx, *check.PromQL)
	case check.Visual != nil:
		return r.Visual.Check(ctx, check.Visual.Page)
	}
	return Look{Verdict: verdict.Unknown, Reason: "nothing to check"}
}

func (r *run) lookByProbe(ctx context.Context, check spec.ProbeCheck) Look {
	names := r.matching([]string{check.Name}, nil)
	if len(names) == 0 {
		return Look{Verdict: verdict.Unknown, Reason: fmt.Sprintf("the target has no probe %s", check.Name)}
	}
	verdicts := make([]verdict.Verdict, 0, len(names)*check.Runs)
	for range check.Runs {
		for _, name := range names {
			result := r.Prober.Run(ctx, name)
			if !result.Verdict.Good() {
				return Look{Verdict: result.Verdict, Measured: string(result.Verdict), Reason: sentence(name, result.FailedStep, result.Detail)}
			}
			verdicts = append(verdicts, result.Verdict)
		}
	}
	return Look{
		Verdict: verdict.Combine(verdicts...), Measured: fmt.Sprintf("%d of %d runs good", len(verdicts), len(verdicts)),
		Reason: fmt.Sprintf("%d runs of %s good", len(verdicts), strings.Join(names, ", ")),
	}
}

func (r *run) lookByQuery(ctx context.Context, check spec.PromQLCheck) Look {
	samples, err := r.Querier.Query(ctx, check.Query)
	if err != nil {
		return Look{Verdict: verdict.Unknown, Reason: err.Error()}
	}
	values := make([]float64, 0, len(samples))
	for _, sample := range samples {
		values = append(values, sample.Value)
	}
	whole, measured, reason := assess.Bounds(values, check.AtLeast, check.AtMost)
	return Look{Verdict: whole, Measured: measured, Reason: reason}
}

// matching lists the target's probes that match one of the patterns and are
// none of without.
func (r *run) matching(patterns, without []string) []string {
	var found []string
	for _, name := range r.Prober.Names() {
		if matches(patterns, name) && !matches(without, name) {
			found = append(found, name)
		}
	}
	return found
}

func matches(patterns []string, name string) bool {
	for _, pattern := range patterns {
		// Patterns were checked when the scenario was read.
		if ok, err := path.Match(pattern, name); err == nil && ok {
			return true
		}
	}
	return false
}

func sentence(name, step, reason string) string {
	if step == "" {
		return fmt.Sprintf("%s: %s", name, reason)
	}
	return fmt.Sprintf("%s, step %s: %s", name, step, reason)
}

// expectation is the line of the verdict: the worst of what was seen.
func (l steadyLine) expectation() scenarios.Expectation {
	line := scenarios.Expectation{
		Name: l.check.Name, Part: scenarios.PartSteadyState, Verdict: verdict.Unknown,
		Expected: expected(l.check), Reason: "it was not looked at",
	}
	parts := make([]verdict.Verdict, 0, len(l.seen))
	occasions := make([]string, 0, len(l.seen))
	for _, seen := range l.seen {
		parts = append(parts, seen.look.Verdict)
		occasions = append(occasions, string(seen.occasion))
		line.Evidence = append(line.Evidence, seen.look.Evidence...)
	}
	if len(parts) == 0 {
		return line
	}
	line.Verdict = verdict.Combine(parts...)
	for _, seen := range l.seen {
		if seen.look.Verdict == line.Verdict {
			line.Measured = seen.look.Measured
			line.Reason = fmt.Sprintf("%s: %s", seen.occasion, seen.look.Reason)
			break
		}
	}
	if line.Verdict.Good() {
		line.Reason = fmt.Sprintf("%s (%s)", l.seen[0].look.Reason, strings.Join(occasions, ", "))
	}
	return line
}

func expected(check spec.SteadyState) string {
	switch {
	case check.Probe != nil:
		return fmt.Sprintf("%s good %d times", check.Probe.Name, check.Probe.Runs)
	case check.PromQL != nil:
		return assess.BoundsText(check.PromQL.AtLeast, check.PromQL.AtMost)
	case check.Visual != nil:
		return fmt.Sprintf("page %s as approved", check.Visual.Page)
	}
	return ""
}
