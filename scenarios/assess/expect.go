package assess

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tocsin/alerts/pager"
	"tocsin/scenarios"
	"tocsin/scenarios/spec"
)

// skew is how far the clocks of the target's Prometheus and of this machine may
// be apart before an alert is taken for one that began before the fault.
const skew = 2 * time.Second

// readBack follows Jepsen: what was not read back is unknown, never kept.
func readBack(line *scenarios.Expectation, want spec.Ledger, facts Facts) {
	line.Expected = fmt.Sprintf("at most %d lost and %d doubled of at least %d", want.Lost, want.Doubled, want.Entries)
	audit := facts.Ledger
	if audit == nil {
		line.Reason = "nothing was read back"
		if facts.LedgerProblem != "" {
			line.Reason += ": " + facts.LedgerProblem
		}
		return
	}
	line.Measured = fmt.Sprintf("%d lost, %d doubled, %d unknown of %d (%d consents, %d codes)",
		len(audit.Lost), len(audit.Doubled), audit.Unknown, audit.Written, audit.Grants, audit.Codes)
	switch {
	case len(audit.Lost) > want.Lost:
		decide(line, false, fmt.Sprintf("%s; the first: consent %s, acknowledged at %s", line.Measured, audit.Lost[0].ID, clock(audit.Lost[0].Acked)))
	case len(audit.Doubled) > want.Doubled:
		decide(line, false, fmt.Sprintf("%s; the first: code with SHA-256 %.12s…, redeemed at %s", line.Measured, audit.Doubled[0].ID, clock(audit.Doubled[0].Acked)))
	case audit.Unknown > 0:
		line.Reason = line.Measured
		if len(audit.Unread) > 0 {
			line.Reason += "; " + audit.Unread[0].Reason
		}
	case audit.Grants == 0 || audit.Codes == 0:
		line.Reason = fmt.Sprintf("%d consents and %d codes were acknowledged; both kinds are needed", audit.Grants, audit.Codes)
	case audit.Kept < want.Entries:
		line.Reason = tooFew(audit.Kept, want.Entries)
	case !withoutFault(line, facts):
		decide(line, true, fmt.Sprintf("all %d acknowledged writes were read back: %d consents there, %d codes refused", audit.Written, audit.Grants, audit.Codes))
	}
}

// FirstAlert is the first notification after the fault that is the wanted one.
func FirstAlert(alerts []pager.Receipt, want spec.Alert, fault scenarios.Fault) (pager.Receipt, bool) {
	for _, received := range sinceFault(alerts, fault) {
		if received.Name == want.Name && carries(received.Labels, want.Labels) {
			return received, true
		}
	}
	return pager.Receipt{}, false
}

// sinceFault returns the firing alerts that began with or after the fault, in
// the order of their receipt.
func sinceFault(alerts []pager.Receipt, fault scenarios.Fault) []pager.Receipt {
	found := make([]pager.Receipt, 0, len(alerts))
	for _, received := range alerts {
		if received.Firing() && !received.ReceivedAt.Before(fault.Asked) && !received.StartsAt.Before(fault.Asked.Add(-skew)) {
			found = append(found, received)
		}
	}
	slices.SortStableFunc(found, func(a, b pager.Receipt) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	return found
}

func carries(labels, wanted map[string]string) bool {
	for name, value := range wanted {
		if labels[name] != value {
			return false
		}
	}
	return true
}

func alert(line *scenarios.Expectation, want spec.Alert, facts Facts) {
	wanted := want.Name + labelText(want.Labels)
	line.Expected = fmt.Sprintf("%s within %s", wanted, seconds(want.Within))
	if withoutFault(line, facts) {
		return
	}
	if facts.PagerProblem != "" {
		line.Reason = facts.PagerProblem
		return
	}
	first, ok := FirstAlert(facts.Alerts, want, *facts.Fault)
	if !ok {
		line.Measured = "not received"
		decide(line, false, wanted+" did not reach the pager"+others(facts))
		return
	}
	after := first.ReceivedAt.Sub(facts.Fault.Asked)
	line.Measured = seconds(after)
	if fault := wrong(first, want, after, facts); fault != "" {
		decide(line, false, fault)
		return
	}
	decide(line, true, fmt.Sprintf("%s reached the pager %s after the fault", wanted, line.Measured))
}

// wrong says what is the matter with an alert that was received, or nothing.
func wrong(first pager.Receipt, want spec.Alert, after time.Duration, facts Facts) string {
	name := want.Name + labelText(want.Labels)
	switch {
	case after > want.Within:
		return fmt.Sprintf("%s reached the pager %s after the fault", name, seconds(after))
	case want.Severity != "" && first.Severity != want.Severity:
		return fmt.Sprintf("%s has severity %q, not %q", name, first.Severity, want.Severity)
	case want.Runbook && first.RunbookURL == "":
		return name + " names no runbook"
	case want.Only == "":
		return ""
	}
	for _, received := range sinceFault(facts.Alerts, *facts.Fault) {
		value, has := received.Labels[want.Only]
		if has && value != "" && value != want.Labels[want.Only] && duringFault(received, *facts.Fault) {
			return fmt.Sprintf("%s woke somebody for %s %s too", received.Name, want.Only, value)
		}
	}
	return ""
}

func duringFault(received pager.Receipt, fault scenarios.Fault) bool {
	return fault.Reverted == nil || !received.StartsAt.After(*fault.Reverted)
}

func others(facts Facts) string {
	names := make(map[string]bool)
	for _, received := range sinceFault(facts.Alerts, *facts.Fault) {
		names[received.Name] = true
	}
	if len(names) == 0 {
		return "; nothing else did either"
	}
	return "; received were " + strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

func labelText(labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	pairs := make([]string, 0, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", name, labels[name]))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// faultInForce needs both witnesses: the injector, and probes from outside that
// could tell the broken part from the others.
func faultInForce(line *scenarios.Expectation, want spec.FaultInForce, facts Facts) {
	line.Expected = fmt.Sprintf("%s failing within %s, the others passing", strings.Join(want.Failing, ", "), seconds(want.Within))
	if withoutFault(line, facts) {
		return
	}
	if facts.Fault.Problem != "" {
		line.Reason = "the injector lost the fault: " + facts.Fault.Problem
		return
	}
	if facts.Sight.Dark == nil {
		// A fault that nobody can see from outside proves nothing about the
		// target: the experiment did not take place.
		line.Measured = "not seen"
		line.Reason = "no probe saw the fault from outside; they said last: " + facts.Sight.Last
		if facts.Sight.Last == "" {
			line.Reason = "no probe was asked while the fault was held"
		} else if !facts.Sight.Unknown {
			decide(line, false, line.Reason)
		}
		return
	}
	after := facts.Sight.Dark.Sub(facts.Fault.Asked)
	line.Measured = seconds(after)
	decide(line, after <= want.Within, fmt.Sprintf("%d targets in force; seen from outside %s after the fault", len(facts.Fault.Targets), line.Measured))
}

func recovered(line *scenarios.Expectation, want spec.Recovered, facts Facts) {
	line.Expected = fmt.Sprintf("%s good %d times in a row within %s of the revert", strings.Join(want.Probes, ", "), want.InARow, seconds(want.Within))
	if withoutFault(line, facts) {
		return
	}
	if facts.Fault.RevertAsked == nil || facts.Fault.Reverted == nil {
		line.Reason = "the fault was not reverted: " + facts.Fault.Problem
		return
	}
	if facts.Recovery.Good == nil {
		line.Measured = "not recovered"
		line.Reason = "the probes said last: " + facts.Recovery.Last
		if facts.Recovery.Last == "" {
			line.Reason = "no probe was asked often enough after the revert"
		} else if !facts.Recovery.Unknown {
			decide(line, false, line.Reason)
		}
		return
	}
	after := facts.Recovery.Good.Sub(*facts.Fault.RevertAsked)
	line.Measured = seconds(after)
	decide(line, after <= want.Within, fmt.Sprintf("probes good again %s after the revert, without anybody's help", line.Measured))
}
