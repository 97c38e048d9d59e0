// Package assess turns what a scenario measured into the lines of its verdict.
// It is pure: the same facts give the same lines, and no facts give unknown.
package assess

import (
	"time"

	"tocsin/alerts/pager"
	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/ledger"
	"tocsin/scenarios/load"
	"tocsin/scenarios/spec"
)

// Facts are what a run measured. A nil part was not measured; the Problem
// beside it says why.
type Facts struct {
	Plan          load.Plan
	Logins        []load.Login
	End           *load.End
	LoadProblem   string
	Fault         *scenarios.Fault
	FaultProblem  string
	Sight         Sight
	Recovery      Recovery
	Ledger        *ledger.Audit
	LedgerProblem string
	Alerts        []pager.Receipt
	PagerProblem  string
}

// Sight is what the probes saw of the fault while it was held.
type Sight struct {
	Dark *time.Time
	// Last is what they said when they were asked last.
	Last string
	// Unknown says that the target is not to blame: a probe could not tell, or
	// the fault had no effect, so that the experiment did not take place.
	Unknown bool
}

// Recovery is what the probes saw after the revert.
type Recovery struct {
	Good *time.Time
	Last string
	// Unknown says that a probe could not tell.
	Unknown bool
}

// Expect assesses one expectation.
func Expect(e spec.Expectation, facts Facts) scenarios.Expectation {
	line := scenarios.Expectation{Name: e.Name, Part: scenarios.PartExpect, Verdict: verdict.Unknown}
	switch {
	case e.FailedLogins != nil:
		failedLogins(&line, *e.FailedLogins, facts)
	case e.LongestWait != nil:
		longestWait(&line, *e.LongestWait, facts)
	case e.ErrorFree != nil:
		errorFree(&line, *e.ErrorFree, facts)
	case e.DeliveredRate != nil:
		deliveredRate(&line, *e.DeliveredRate, facts)
	case e.Lies != nil:
		lies(&line, *e.Lies, facts)
	case e.WriteGap != nil:
		writeGap(&line, *e.WriteGap, facts)
	case e.Ledger != nil:
		readBack(&line, *e.Ledger, facts)
	case e.Alert != nil:
		alert(&line, *e.Alert, facts)
	case e.FaultInForce != nil:
		faultInForce(&line, *e.FaultInForce, facts)
	case e.Recovered != nil:
		recovered(&line, *e.Recovered, facts)
	}
	return line
}

// decide sets the verdict of a line that was measured.
func decide(line *scenarios.Expectation, good bool, reason string) {
	line.Verdict, line.Reason = verdict.Pass, reason
	if !good {
		line.Verdict = verdict.Fail
	}
}

// withoutFault explains a line that cannot be judged because nothing was
// broken, and reports whether that is so.
func withoutFault(line *scenarios.Expectation, facts Facts) bool {
	if facts.Fault != nil {
		return false
	}
	line.Reason = "the fault was never in force"
	if facts.FaultProblem != "" {
		line.Reason += ": " + facts.FaultProblem
	}
	return true
}

// enough explains a line that has too few samples to be judged a pass.
func enough(line *scenarios.Expectation, facts Facts, have, want int) bool {
	if have >= want {
		return true
	}
	line.Reason = tooFew(have, want)
	if facts.LoadProblem != "" {
		line.Reason += ": " + facts.LoadProblem
	}
	return false
}
