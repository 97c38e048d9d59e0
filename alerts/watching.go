package alerts

import (
	"slices"
	"time"

	"tocsin/alerts/rule"
)

// Names of the alerts about what Tocsin watches with: its checkpoints and what
// they agree on, its schedule, its configuration, and the jobs that report to it.
const (
	OutageDeclared        = "OutageDeclared"
	CheckpointSilent      = "CheckpointSilent"
	CheckpointAlone       = "CheckpointAlone"
	CheckpointPlanDiffers = "CheckpointPlanDiffers"
	RunsMissed            = "RunsMissed"
	ConfigRefused         = "ConfigRefused"
	HeartbeatFailing      = "HeartbeatFailing"
	PageLooksDifferent    = "PageLooksDifferent"
	PageNotCompared       = "PageNotCompared"
)

// watchingInterval is how often these are evaluated. Votes and silence move by
// intervals of probes, which are seconds.
const watchingInterval = 5 * time.Second

// inMaintenance takes out what is announced.
const inMaintenance = "\nunless on (probe)\ntocsin_maintenance_active == 1"

// watching are the rules that belong to no SLO and to no zone. Where nothing is
// used that they are about, their series do not exist and they are silent.
func watching(runbookBase string) rule.Group {
	group := rule.Group{Name: "tocsin-watching", Interval: rule.Duration(watchingInterval)}
	for _, alert := range slices.Concat(checkpoints(), ourselves(), pages()) {
		group.Rules = append(group.Rules, alert.Rule(runbookBase))
	}
	return group
}

func checkpoints() []rule.Alert {
	return []rule.Alert{{
		Name:        OutageDeclared,
		Severity:    rule.Critical,
		Expr:        "tocsin_outage == 1" + inMaintenance,
		Summary:     "Checkpoints agree on an outage.",
		Description: "As many checkpoints as the plan asks for see probe {{ $labels.probe }} fail. The outage stays open until as many see it work.",
	}, {
		Name:     CheckpointSilent,
		Severity: rule.Warning,
		// A checkpoint speaks at least twice a minute, also when it has no result.
		Expr:        "time() - tocsin_checkpoint_last_seen_timestamp_seconds > 120",
		For:         time.Minute,
		Summary:     "A checkpoint says nothing.",
		Description: "Checkpoint {{ $labels.checkpoint }} has not spoken for {{ $value | humanizeDuration }}. It has no vote meanwhile, and an outage that only it could see is not seen.",
	}, {
		Name:        CheckpointAlone,
		Severity:    rule.Warning,
		Expr:        "tocsin_checkpoint_alone == 1" + inMaintenance,
		For:         5 * time.Minute,
		Summary:     "One checkpoint sees a failure that others do not see.",
		Description: "Checkpoint {{ $labels.checkpoint }} sees probe {{ $labels.probe }} fail, and others, who looked since, see it work: the fault is on the way from there, or at the checkpoint.",
	}, {
		Name:     CheckpointPlanDiffers,
		Severity: rule.Warning,
		Expr:     "tocsin_checkpoint_plan_drift == 1",
		// A change of plans reaches all places within minutes, not at once.
		For:         15 * time.Minute,
		Summary:     "A checkpoint runs another plan.",
		Description: "Checkpoint {{ $labels.checkpoint }} runs another plan than its Tocsin: they do not look at the same things, and their votes are not about the same.",
	}}
}

func ourselves() []rule.Alert {
	return []rule.Alert{{
		Name:     RunsMissed,
		Severity: rule.Warning,
		// increase() extrapolates, but both sides alike.
		Expr:        "sum(increase(tocsin_unknown_runs_total{reason=~\"missed|saturated\"}[10m]))\n/\nsum(increase(tocsin_probe_runs_total[10m]))\n> 0.05",
		For:         2 * time.Minute,
		Summary:     "Tocsin is too busy to probe.",
		Description: "{{ $value | humanizePercentage }} of all runs could not start in time, or could not be measured, within 10m: this machine is too slow for the plan.",
	}, {
		Name:        ConfigRefused,
		Severity:    rule.Warning,
		Expr:        "tocsin_config_last_reload_successful == 0",
		For:         time.Minute,
		Summary:     "A changed target or plan file is refused.",
		Description: "Tocsin goes on with what it read before. A restart now would fail.",
	}, {
		Name:        HeartbeatFailing,
		Severity:    rule.Warning,
		Expr:        "(probe_success == 0 and on (probe) tocsin_heartbeat_deadline_timestamp_seconds)" + inMaintenance,
		Summary:     "A job failed, or did not report.",
		Description: "Job {{ $labels.probe }} is silent past its deadline, or reported that it failed.",
	}}
}

// pages are about what people see. A check has looked twice before it fails.
func pages() []rule.Alert {
	return []rule.Alert{{
		Name:        PageLooksDifferent,
		Severity:    rule.Warning,
		Expr:        "visual_check_success == 0" + inMaintenance,
		Summary:     "A page does not look as approved.",
		Description: "Check {{ $labels.check }} of probe {{ $labels.probe }}: people see something else than a person approved, or an error, or meet a new barrier.",
	}, {
		Name:     PageNotCompared,
		Severity: rule.Warning,
		Expr:     "visual_last_check_timestamp_seconds unless on (probe, check) visual_check_success",
		// Long enough for somebody who approves the pages of a new browser.
		For:         time.Hour,
		Summary:     "A page is looked at, and compared with nothing.",
		Description: "Check {{ $labels.check }} of probe {{ $labels.probe }} comes out unknown: nobody would notice if the page looked wrong.",
	}}
}
