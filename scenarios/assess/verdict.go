package assess

import (
	"fmt"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/spec"
)

// Conclude joins the lines into the verdict of the whole and its reason.
func Conclude(lines []scenarios.Expectation) (verdict.Verdict, string) {
	parts := make([]verdict.Verdict, 0, len(lines))
	var broken, open []string
	for _, line := range lines {
		parts = append(parts, line.Verdict)
		switch line.Verdict {
		case verdict.Fail:
			broken = append(broken, fmt.Sprintf("%s (%s)", line.Name, line.Reason))
		case verdict.Unknown:
			open = append(open, fmt.Sprintf("%s (%s)", line.Name, line.Reason))
		}
	}
	whole := verdict.Combine(parts...)
	switch {
	case len(lines) == 0:
		return whole, "nothing was checked"
	case len(broken)+len(open) > 0:
		var reasons []string
		if len(broken) > 0 {
			reasons = append(reasons, fmt.Sprintf("%d of %d lines broken: %s", len(broken), len(lines), several(broken)))
		}
		if len(open) > 0 {
			reasons = append(reasons, fmt.Sprintf("%d of %d lines could not be judged: %s", len(open), len(lines), several(open)))
		}
		return whole, strings.Join(reasons, ". ")
	}
	return whole, fmt.Sprintf("all %d lines hold", len(lines))
}

// told is how many lines the reason of the whole quotes.
const told = 3

// several joins the first lines and counts the rest: the reason of the whole
// must be readable at a glance, and every line has its own.
func several(lines []string) string {
	if len(lines) <= told {
		return strings.Join(lines, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(lines[:told], "; "), len(lines)-told)
}

// Timings are the durations that people ask for first.
func Timings(facts Facts, expected []spec.Expectation) scenarios.Timings {
	var timings scenarios.Timings
	if len(facts.Logins) > 0 {
		longest := time.Duration(0)
		for _, login := range facts.Logins {
			longest = max(longest, login.Took())
		}
		timings.LongestWait = ms(longest)
	}
	if gap, _, samples := WriteGap(facts.Logins); samples > 1 {
		timings.WriteGap = ms(gap)
	}
	if facts.Fault == nil {
		return timings
	}
	fault := *facts.Fault
	if len(facts.Logins) > 0 {
		after, _ := ErrorFreeAfter(facts.Logins, fault)
		timings.ErrorFreeAfter = ms(after)
	}
	timings.SeenAfter = between(&fault.Asked, fault.SeenByProbe)
	timings.RevertTook = between(fault.RevertAsked, fault.Reverted)
	timings.RecoveredAfter = between(fault.RevertAsked, fault.Recovered)
	for _, expectation := range expected {
		if expectation.Alert == nil {
			continue
		}
		if first, ok := FirstAlert(facts.Alerts, *expectation.Alert, fault); ok {
			timings.AlertAfter = between(&fault.Asked, &first.ReceivedAt)
		}
	}
	return timings
}

func between(from, to *time.Time) *float64 {
	if from == nil || to == nil {
		return nil
	}
	return ms(to.Sub(*from))
}

func ms(d time.Duration) *float64 {
	value := float64(d) / float64(time.Millisecond)
	return &value
}
