package report_test

import (
	"math"
	"time"

	"tocsin/alerts/pager"
	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/ledger"
	"tocsin/scenarios/load"
)

// sample is the outcome of a zone loss as it might have been: a failover of
// eight seconds, an alert after twelve, and one red line.
func sample() scenarios.Outcome {
	started := time.Date(2026, 3, 4, 3, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return started.Add(time.Duration(seconds * float64(time.Second))) }
	moment := func(seconds float64) *time.Time { t := at(seconds); return &t }
	outcome := scenarios.Outcome{
		Version: 1, Scenario: "zone-loss", Claim: "When a whole zone loses power, every login still succeeds, nothing acknowledged is lost, and the right person is woken.",
		Parameters: map[string]string{"zone": "b", "rate": "20"}, Target: "lab", RunID: "20260304-030000-1a2b3c4d",
		Started: started, Ended: at(101), Verdict: verdict.Fail,
		Reason: "1 of 5 lines broken: a commit waits for another zone (before the load: it is 1, not at least 2)",
		Expectations: []scenarios.Expectation{
			{Name: "a login works", Part: scenarios.PartSteadyState, Verdict: verdict.Pass, Reason: "3 runs of login good (before the load, under load, after recovery)", Expected: "login good 3 times", Measured: "3 of 3 runs good"},
			{Name: "a commit waits for another zone", Part: scenarios.PartSteadyState, Verdict: verdict.Fail, Reason: "before the load: it is 1, not at least 2", Expected: "at least 2", Measured: "1"},
			{Name: "no login fails", Part: scenarios.PartExpect, Verdict: verdict.Pass, Reason: "0 of 1600 failed", Expected: "at most 0 failed", Measured: "0 of 1600 failed"},
			{Name: "the right person is woken within 30 s", Part: scenarios.PartExpect, Verdict: verdict.Unknown, Reason: "nobody listened for the pager: connection refused <&>", Expected: `ZoneDown{zone="b"} within 30.0 s`},
			{Name: "the scenario goes to its end", Part: scenarios.PartStop, Verdict: verdict.PassAfterRetry, Reason: "no stop condition was met", Expected: "no stop condition met, no interruption"},
		},
		Faults: []scenarios.Fault{{
			ID: "f1", Kind: "kill", Zone: "b", Targets: []string{"b/etcd", "b/postgres", "b/redis", "b/identity"}, Asked: at(14), Injected: at(14.3),
			SeenByProbe: moment(15.1), RevertAsked: moment(49), Reverted: moment(51.5), EndedBy: "holder", Recovered: moment(58.2),
		}},
		Alerts: []pager.Receipt{{Name: "ZoneDown", Status: "firing", Severity: "critical", Labels: map[string]string{"zone": "b"}, RunbookURL: "https://example.org/ZoneDown.md", StartsAt: at(22), ReceivedAt: at(26.4)}},
		Ledger: &ledger.Audit{Written: 3200, Grants: 1600, Codes: 1600, Kept: 3200},
		Load: &load.Figures{AskedRate: 20, DeliveredRate: 19.9, Asked: 1600, Logins: 1592, OK: 1592, Waited: 190, LongestMS: 9100, P50MS: 140, P95MS: 6100, P99MS: 8200,
			Problems: map[load.ProblemKind]int{load.Status5: 410, load.Refused: 12}},
	}
	longest, gap, calm, ring := 9100.0, 8400.0, 8900.0, 12400.0
	outcome.Timings = scenarios.Timings{LongestWait: &longest, WriteGap: &gap, ErrorFreeAfter: &calm, AlertAfter: &ring}
	for i := range 82 {
		second := load.Second{At: at(2 + float64(i)), Started: 20 + i%2, P50MS: 130 + 20*math.Sin(float64(i)), P95MS: 240 + 40*math.Sin(float64(i)*1.7), MaxMS: 330 + 90*math.Sin(float64(i)*2.3)}
		if into := float64(i) - 12; into >= 0 && into < 9 {
			second.P50MS, second.P95MS, second.MaxMS = (9-into)*900, (9-into)*1000, (9-into)*1020
			second.Problems = 30 + int(into)*4
			second.Started = 18
		}
		if i == 50 {
			second.Problems, second.Lies, second.Failed = 3, 1, 1
		}
		outcome.Series = append(outcome.Series, second)
	}
	return outcome
}
