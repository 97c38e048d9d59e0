package assess

import (
	"fmt"
	"slices"
	"time"

	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/load"
	"tocsin/scenarios/spec"
)

func tooFew(have, want int) string {
	return fmt.Sprintf("%d samples, %d are needed to say anything", have, want)
}

// failedLogins fails on too many failures however few the samples: a failure
// that was seen is seen.
func failedLogins(line *scenarios.Expectation, want spec.Count, facts Facts) {
	failed, example := 0, ""
	for _, login := range facts.Logins {
		if !login.OK {
			failed++
			if example == "" {
				example = fmt.Sprintf("; the first at %s: %s", clock(login.Start), login.GaveUp)
			}
		}
	}
	line.Expected = fmt.Sprintf("at most %d failed", want.AtMost)
	line.Measured = fmt.Sprintf("%d of %d failed", failed, len(facts.Logins))
	if failed > want.AtMost {
		decide(line, false, line.Measured+example)
		return
	}
	if !enough(line, facts, len(facts.Logins), want.Samples) || !complete(line, facts) || withoutFault(line, facts) {
		return
	}
	decide(line, true, line.Measured)
}

func lies(line *scenarios.Expectation, want spec.Count, facts Facts) {
	told, example := 0, ""
	for _, login := range facts.Logins {
		for _, problem := range login.Problems {
			if problem.Kind != load.Lie {
				continue
			}
			told++
			if example == "" {
				example = fmt.Sprintf("; the first at %s: %s answered %d %s to valid input", clock(problem.At), problem.Step, problem.Status, problem.Detail)
			}
		}
	}
	line.Expected = fmt.Sprintf("at most %d lies", want.AtMost)
	line.Measured = fmt.Sprintf("%d lies in %d logins", told, len(facts.Logins))
	if told > want.AtMost {
		decide(line, false, line.Measured+example)
		return
	}
	if !enough(line, facts, len(facts.Logins), want.Samples) || !complete(line, facts) || withoutFault(line, facts) {
		return
	}
	decide(line, true, line.Measured)
}

// complete explains why an absence cannot be believed: logins whose end nobody
// saw may have been the bad ones.
func complete(line *scenarios.Expectation, facts Facts) bool {
	if facts.LoadProblem != "" {
		line.Reason = facts.LoadProblem
		return false
	}
	if facts.End == nil {
		line.Reason = "the load did not end in order"
		return false
	}
	if unseen := facts.End.Interrupted + facts.End.Unreadable; unseen > 0 {
		line.Reason = fmt.Sprintf("%d logins ended without a readable line: %s", unseen, facts.End.Note)
		return false
	}
	return true
}

func longestWait(line *scenarios.Expectation, want spec.Wait, facts Facts) {
	var longest load.Login
	for _, login := range facts.Logins {
		if login.Took() > longest.Took() {
			longest = login
		}
	}
	line.Expected = "at most " + seconds(want.AtMost)
	line.Measured = seconds(longest.Took())
	reason := fmt.Sprintf("the longest of %d logins took %s", len(facts.Logins), line.Measured)
	if longest.Took() > want.AtMost {
		decide(line, false, fmt.Sprintf("%s, started at %s, trace %s", reason, clock(longest.Start), longest.TraceID))
		return
	}
	if !enough(line, facts, len(facts.Logins), want.Samples) || !complete(line, facts) || withoutFault(line, facts) {
		return
	}
	decide(line, true, reason)
}

func deliveredRate(line *scenarios.Expectation, want spec.DeliveredRate, facts Facts) {
	line.Expected = fmt.Sprintf("at least %.0f %% of %d/s", want.AtLeast*100, facts.Plan.Rate)
	if facts.End == nil {
		line.Reason = "the load did not end in order"
		if facts.LoadProblem != "" {
			line.Reason = facts.LoadProblem
		}
		return
	}
	figures := load.Sum(facts.Plan, facts.Logins, *facts.End)
	line.Measured = fmt.Sprintf("%.1f/s (%.1f %%), %d dropped", figures.DeliveredRate, figures.DeliveredShare()*100, figures.Dropped)
	if figures.DeliveredShare() < want.AtLeast {
		// Too little load is our own fault, or the machine's: the target was
		// not tested as asked, which is no statement about it.
		line.Reason = "the load generator delivered " + line.Measured
		return
	}
	decide(line, true, "delivered "+line.Measured)
}

// ErrorFreeAfter is the time from the fault to the last error that a login met
// before the revert, and an example; 0 when there was none.
func ErrorFreeAfter(logins []load.Login, fault scenarios.Fault) (after time.Duration, example string) {
	for _, login := range logins {
		for _, problem := range login.Problems {
			if problem.Kind == load.Verdict || !inFault(problem.At, fault) {
				continue
			}
			if since := problem.At.Sub(fault.Asked); since > after {
				after = since
				example = fmt.Sprintf("%s %s %s", problem.Step, problem.Kind, problem.Detail)
			}
		}
	}
	return after, example
}

func inFault(at time.Time, fault scenarios.Fault) bool {
	return !at.Before(fault.Asked) && (fault.RevertAsked == nil || at.Before(*fault.RevertAsked))
}

func errorFree(line *scenarios.Expectation, want spec.ErrorFree, facts Facts) {
	line.Expected = "last error within " + seconds(want.Within)
	if withoutFault(line, facts) {
		return
	}
	after, example := ErrorFreeAfter(facts.Logins, *facts.Fault)
	line.Measured = seconds(after)
	if after > want.Within {
		decide(line, false, fmt.Sprintf("errors went on until %s after the fault; the last: %s", line.Measured, example))
		return
	}
	calm := 0
	for _, login := range facts.Logins {
		if login.Start.After(facts.Fault.Asked.Add(want.Within)) && inFault(login.Start, *facts.Fault) {
			calm++
		}
	}
	if !enough(line, facts, calm, want.Samples) {
		return
	}
	decide(line, true, fmt.Sprintf("the last error came %s after the fault; %d logins followed without any", line.Measured, calm))
}

// WriteGap is the longest time without an acknowledged consent, from the first
// one to the end of the last login, and when it began.
func WriteGap(logins []load.Login) (gap time.Duration, began time.Time, samples int) {
	acks := make([]time.Time, 0, len(logins)+1)
	var ended time.Time
	for _, login := range logins {
		if login.End.After(ended) {
			ended = login.End
		}
		if !login.GrantAcked.IsZero() {
			acks = append(acks, login.GrantAcked)
		}
	}
	samples = len(acks)
	slices.SortFunc(acks, time.Time.Compare)
	if samples > 0 {
		acks = append(acks, ended)
	}
	for i := 1; i < len(acks); i++ {
		if between := acks[i].Sub(acks[i-1]); between > gap {
			gap, began = between, acks[i-1]
		}
	}
	return gap, began, samples
}

func writeGap(line *scenarios.Expectation, want spec.Wait, facts Facts) {
	gap, began, samples := WriteGap(facts.Logins)
	line.Expected = "at most " + seconds(want.AtMost)
	line.Measured = seconds(gap)
	reason := fmt.Sprintf("the longest time without one of %d acknowledged consents was %s, from %s", samples, line.Measured, clock(began))
	if samples > 1 && gap > want.AtMost {
		decide(line, false, reason)
		return
	}
	if !enough(line, facts, samples, want.Samples) || withoutFault(line, facts) {
		return
	}
	line.Verdict, line.Reason = verdict.Pass, reason
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func clock(at time.Time) string {
	return at.Format("15:04:05.0")
}
