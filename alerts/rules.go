// Package alerts owns what wakes people: which conditions do, and the bell they
// ring. This package joins the rules of the SLOs (alerts/slo) with those that
// belong to none; alerts/route says who hears them, alerts/install puts both in
// force, alerts/pager is the receipt that the bell was heard.
package alerts

import (
	"time"

	"tocsin/alerts/rule"
	"tocsin/alerts/slo"
)

// Names of the alerts that belong to no SLO.
const (
	ZoneDown = "ZoneDown"
	Watchdog = "Watchdog"
)

const (
	interval = 2 * time.Second
	// zoneFor outlasts one lost scrape. From the kill of a zone to the page:
	// scrape interval and timeout (2 s each), this, one evaluation (2 s) and
	// Alertmanager's group wait (1 s) make 11 s of the 30 s allowed.
	zoneFor = 4 * time.Second
)

// Rules returns everything that Prometheus is to evaluate for spec.
func Rules(spec slo.Spec) rule.File {
	zone := rule.Alert{
		Name:        ZoneDown,
		Severity:    rule.Critical,
		Expr:        `max by (zone) (up{zone!=""}) == 0`,
		For:         zoneFor,
		Summary:     "Nothing in a zone answers.",
		Description: "Not one component of zone {{ $labels.zone }} answers Prometheus. Logins should go on through the other zones; another loss would end them.",
	}
	watchdog := rule.Alert{
		Name:        Watchdog,
		Severity:    rule.None,
		Expr:        "vector(1)",
		Summary:     "The bell works.",
		Description: "This alert always fires. When it stops arriving, the path from Prometheus to the pager is broken and no other alert can arrive either.",
	}
	standing := rule.Group{
		Name:     "tocsin-standing",
		Interval: rule.Duration(interval),
		Rules:    []rule.Rule{zone.Rule(spec.RunbookBase), watchdog.Rule(spec.RunbookBase)},
	}
	return rule.File{Groups: append([]rule.Group{standing, watching(spec.RunbookBase)}, spec.Groups()...)}
}
