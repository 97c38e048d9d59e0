package slo

import (
	"fmt"
	"strings"
	"time"

	"tocsin/alerts/rule"
)

// LabelSLO is on every series and alert of an SLO.
const LabelSLO = "slo"

// Evaluation intervals. An outage is looked for as often as the lab is
// scraped; a window of hours need not be.
const (
	fastInterval  = 2 * time.Second
	burnInterval  = 15 * time.Second
	longInterval  = time.Minute
	longFrom      = rule.Duration(6 * time.Hour)
	blindFor      = time.Minute
	unknownWithin = rule.Duration(5 * time.Minute)
	unknownRuns   = 3
)

// The verdicts as PromQL matchers. Unknown is in none of them: it says nothing
// about the target.
const (
	good     = `verdict=~"pass|pass-after-retry"`
	bad      = `verdict="fail"`
	measured = `verdict=~"pass|pass-after-retry|fail"`
	unknown  = `verdict="unknown"`
)

// Groups returns the recording and alerting rules of s.
func (s Spec) Groups() []rule.Group {
	group := func(part string, interval time.Duration, rules []rule.Rule) rule.Group {
		return rule.Group{Name: "tocsin-slo-" + s.Name + "-" + part, Interval: rule.Duration(interval), Rules: rules}
	}
	var short, long []rule.Rule
	for _, window := range s.windows() {
		if window < longFrom {
			short = append(short, s.recordings(window)...)
		} else {
			long = append(long, s.recordings(window)...)
		}
	}
	return []rule.Group{
		group("now", fastInterval, s.rendered(s.failing(), s.unknown(), s.unmeasured())),
		group("short-windows", burnInterval, short),
		group("long-windows", longInterval, long),
		group("budget", burnInterval, append(s.meta(), s.rendered(s.burning(rule.Critical), s.burning(rule.Warning))...)),
	}
}

// recordings counts runs in one window. The ratio is made of these counts: a
// mean of shorter ratios would weigh busy and idle hours alike.
func (s Spec) recordings(window rule.Duration) []rule.Rule {
	record := func(kind, expr string) rule.Rule {
		return rule.Rule{Record: kind + window.String(), Expr: expr, Labels: map[string]string{LabelSLO: s.Name}}
	}
	return []rule.Rule{
		record("slo:bad:increase", fmt.Sprintf("sum(increase(%s[%s]))", s.runs(bad), window)),
		record("slo:measured:increase", fmt.Sprintf("sum(increase(%s[%s]))", s.runs(measured), window)),
		record("slo:sli_error:ratio_rate", fmt.Sprintf("%s / (%s > 0)", s.recorded("slo:bad:increase", window), s.recorded("slo:measured:increase", window))),
	}
}

// meta records what dashboards show of the budget, by the names sloth uses.
func (s Spec) meta() []rule.Rule {
	budget := rule.Decimal(s.Objective.Budget())
	record := func(name, expr string) rule.Rule {
		return rule.Rule{Record: name, Expr: expr, Labels: map[string]string{LabelSLO: s.Name}}
	}
	return []rule.Rule{
		record("slo:objective:ratio", "vector("+rule.Decimal(s.Objective.Share())+")"),
		record("slo:error_budget:ratio", "vector("+budget+")"),
		record("slo:time_period:days", fmt.Sprintf("vector(%d)", time.Duration(s.Period)/day)),
		record("slo:current_burn_rate:ratio", s.recorded("slo:sli_error:ratio_rate", s.windows()[0])+" / "+budget),
		record("slo:period_error_budget_remaining:ratio", "1 - "+s.recorded("slo:sli_error:ratio_rate", rule.Duration(s.Period))+" / "+budget),
	}
}

// burning also asks for the number of failed runs that the burn rate means over
// a whole window. When Tocsin has been measuring for minutes only, a ratio over
// an hour is a ratio over those minutes, and three failed runs would look as if
// a fiftieth of the month's budget were gone.
func (s Spec) burning(severity rule.Severity) rule.Alert {
	var pairs []string
	for _, pair := range Pairs() {
		if pair.Severity != severity {
			continue
		}
		threshold := rule.Decimal(pair.Threshold(s))
		pairs = append(pairs, fmt.Sprintf("(\n  %s > %s\n  and %s > %s\n  and %s >= %d\n)",
			s.recorded("slo:sli_error:ratio_rate", pair.Long), threshold,
			s.recorded("slo:sli_error:ratio_rate", pair.Short), threshold,
			s.recorded("slo:bad:increase", pair.Long), s.failuresToFire(pair).guarded))
	}
	speed, consequence := "Fast", "At this rate the budget is gone within days."
	if severity == rule.Warning {
		speed, consequence = "Slow", "At this rate the budget is gone before the period ends, or soon after."
	}
	return rule.Alert{
		Name:        s.alertName("ErrorBudgetBurn" + speed),
		Severity:    severity,
		Expr:        strings.Join(pairs, "\nor\n"),
		Labels:      map[string]string{LabelSLO: s.Name},
		Summary:     "The " + s.Name + " error budget is burning " + strings.ToLower(speed) + ".",
		Description: "{{ $value | humanizePercentage }} of the runs of probe " + s.Probe + " failed over the long window. " + consequence,
	}
}

// failing compares counters with themselves a moment ago rather than using
// increase(), which extrapolates: over five samples, one failed run would look
// like one and a quarter.
func (s Spec) failing() rule.Alert {
	within, quiet := rule.Duration(s.Fast.Within), rule.Duration(s.Fast.Quiet)
	return rule.Alert{
		Name:     s.alertName("Failing"),
		Severity: rule.Critical,
		Expr: fmt.Sprintf("(sum(%[1]s) - sum(%[1]s offset %[2]s)) >= %[3]d\nunless\n(sum(%[4]s) - sum(%[4]s offset %[5]s)) > 0",
			s.runs(bad), within, s.Fast.Failures, s.runs(good), quiet),
		Labels:      map[string]string{LabelSLO: s.Name},
		Summary:     "Probe " + s.Probe + " fails.",
		Description: "{{ $value }} runs of probe " + s.Probe + " failed within " + within.String() + " and none succeeded for " + quiet.String() + ".",
	}
}

func (s Spec) unknown() rule.Alert {
	return rule.Alert{
		Name:        s.alertName("Unknown"),
		Severity:    rule.Warning,
		Expr:        fmt.Sprintf("(sum(%[1]s) - sum(%[1]s offset %[2]s)) >= %[3]d", s.runs(unknown), unknownWithin, unknownRuns),
		Labels:      map[string]string{LabelSLO: s.Name},
		Summary:     "Probe " + s.Probe + " cannot tell.",
		Description: "{{ $value }} runs of probe " + s.Probe + " ended unknown within " + unknownWithin.String() + ": the fault is on Tocsin's side, and nothing is known about the target meanwhile.",
	}
}

// unmeasured fires when there are no runs at all, or only unknown ones. Every
// other alert of the SLO is silent then, which must not look like health.
func (s Spec) unmeasured() rule.Alert {
	window := rule.Duration(max(blindFor, 10*time.Duration(s.Interval)))
	return rule.Alert{
		Name:     s.alertName("NotMeasured"),
		Severity: rule.Critical,
		Expr: fmt.Sprintf("absent(%[1]s)\nor\n(sum(%[1]s) - sum(%[1]s offset %[2]s)) == 0",
			s.runs(measured), window),
		For:         blindFor,
		Labels:      map[string]string{LabelSLO: s.Name},
		Summary:     "Nobody knows whether probe " + s.Probe + " would succeed.",
		Description: "No run of probe " + s.Probe + " has measured anything for " + window.String() + ". Until it does, no alert about it can fire.",
	}
}

func (s Spec) rendered(alerts ...rule.Alert) []rule.Rule {
	rules := make([]rule.Rule, 0, len(alerts))
	for _, alert := range alerts {
		rules = append(rules, alert.Rule(s.RunbookBase))
	}
	return rules
}

func (s Spec) runs(verdicts string) string {
	return fmt.Sprintf("tocsin_probe_runs_total{probe=%q,%s}", s.Probe, verdicts)
}

func (s Spec) recorded(kind string, window rule.Duration) string {
	return fmt.Sprintf("%s%s{%s=%q}", kind, window, LabelSLO, s.Name)
}

// alertName is CamelCase: the SLO's name in front, so that its alerts sort
// together.
func (s Spec) alertName(kind string) string {
	var camel strings.Builder
	for _, word := range strings.Split(s.Name, "_") {
		if word != "" {
			camel.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return camel.String() + kind
}
