package assess_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"tocsin/alerts/pager"
	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/assess"
	"tocsin/scenarios/ledger"
	"tocsin/scenarios/load"
	"tocsin/scenarios/spec"
)

var began = time.Date(2026, 3, 4, 3, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return began.Add(time.Duration(seconds * float64(time.Second)))
}

func moment(seconds float64) *time.Time {
	t := at(seconds)
	return &t
}

// facts are those of a good run: 20 logins per second for 60 s, the fault from
// 10 s to 40 s, and errors in its first 5 s.
func facts() assess.Facts {
	f := assess.Facts{
		Plan: load.Plan{Rate: 20, Duration: 60 * time.Second}, End: &load.End{Iterations: 1200},
		Fault: &scenarios.Fault{
			Kind: "kill", Zone: "a", Targets: []string{"a/etcd"}, Asked: at(10), Injected: at(10.2), SeenByProbe: moment(11),
			RevertAsked: moment(40), Reverted: moment(42), Recovered: moment(50),
		},
		Sight:    assess.Sight{Dark: moment(11), Last: "dark"},
		Recovery: assess.Recovery{Good: moment(50)},
		Ledger:   &ledger.Audit{Written: 2400, Grants: 1200, Codes: 1200, Kept: 2400},
		Alerts:   []pager.Receipt{zoneDown("a", 20)},
	}
	for n := range 1200 {
		start := at(float64(n) / 20)
		login := load.Login{N: n, OK: true, Start: start, End: start.Add(200 * time.Millisecond), GrantAcked: start.Add(150 * time.Millisecond)}
		if start.After(at(10)) && start.Before(at(15)) {
			login.Problems = []load.Problem{{At: start, Kind: load.Status5, Step: "consent"}}
		}
		f.Logins = append(f.Logins, login)
	}
	return f
}

func zoneDown(zone string, received float64) pager.Receipt {
	return pager.Receipt{
		Name: "ZoneDown", Status: "firing", Severity: "critical", Labels: map[string]string{"zone": zone},
		RunbookURL: "https://example.org", StartsAt: at(received - 1), ReceivedAt: at(received),
	}
}

var (
	wantNoFailure = spec.Expectation{FailedLogins: &spec.Count{AtMost: 0, Samples: 400}}
	wantNoLie     = spec.Expectation{Lies: &spec.Count{AtMost: 0, Samples: 400}}
	wantPatience  = spec.Expectation{LongestWait: &spec.Wait{AtMost: 15 * time.Second, Samples: 400}}
	wantCalm      = spec.Expectation{ErrorFree: &spec.ErrorFree{Within: 15 * time.Second, Samples: 50}}
	wantRate      = spec.Expectation{DeliveredRate: &spec.DeliveredRate{AtLeast: 0.95}}
	wantWrites    = spec.Expectation{WriteGap: &spec.Wait{AtMost: 12 * time.Second, Samples: 400}}
	wantLedger    = spec.Expectation{Ledger: &spec.Ledger{Entries: 800}}
	wantAlert     = spec.Expectation{Alert: &spec.Alert{
		Name: "ZoneDown", Severity: "critical", Labels: map[string]string{"zone": "a"}, Runbook: true, Within: 30 * time.Second, Only: "zone",
	}}
	wantFault    = spec.Expectation{FaultInForce: &spec.FaultInForce{Failing: []string{"zone-a"}, Passing: []string{"zone-*"}, Within: 10 * time.Second}}
	wantRecovery = spec.Expectation{Recovered: &spec.Recovered{Probes: []string{"login"}, InARow: 2, Within: time.Minute}}
)

func TestExpect(t *testing.T) {
	nothing := func(*assess.Facts) {}
	cases := []struct {
		name   string
		want   spec.Expectation
		change func(*assess.Facts)
		v      verdict.Verdict
		reason string
	}{
		{"no login failed", wantNoFailure, nothing, verdict.Pass, "0 of 1200"},
		{"one login failed", wantNoFailure, func(f *assess.Facts) { f.Logins[3].OK, f.Logins[3].GaveUp = false, "no success" }, verdict.Fail, "no success"},
		{"a failure is seen among few samples too", wantNoFailure, func(f *assess.Facts) { f.Logins = f.Logins[:2]; f.Logins[0].OK = false }, verdict.Fail, "1 of 2"},
		{"too few logins to say that none failed", wantNoFailure, func(f *assess.Facts) { f.Logins = f.Logins[:10] }, verdict.Unknown, "10 samples, 400"},
		{"logins that were cut off may have failed", wantNoFailure, func(f *assess.Facts) { f.End.Interrupted = 1 }, verdict.Unknown, "1 logins ended without"},
		{"a line that cannot be read may have been a failure", wantNoFailure, func(f *assess.Facts) { f.End.Unreadable = 1 }, verdict.Unknown, "readable"},
		{"nobody failed because nothing was broken", wantNoFailure, func(f *assess.Facts) { f.Fault = nil; f.FaultProblem = "held" }, verdict.Unknown, "never in force: held"},

		{"no lies", wantNoLie, nothing, verdict.Pass, "0 lies"},
		{"one lie", wantNoLie, func(f *assess.Facts) {
			f.Logins[9].Problems = []load.Problem{{At: at(12), Kind: load.Lie, Step: "token", Status: 400, Detail: "invalid_grant"}}
		}, verdict.Fail, "token answered 400 invalid_grant"},
		{"a verdict that may be honest is no lie", wantNoLie, func(f *assess.Facts) {
			f.Logins[9].Problems = []load.Problem{{At: at(12), Kind: load.Verdict}}
		}, verdict.Pass, "0 lies"},

		{"waits within bounds", wantPatience, nothing, verdict.Pass, "0.2 s"},
		{"one wait too long", wantPatience, func(f *assess.Facts) { f.Logins[300].End = f.Logins[300].Start.Add(16 * time.Second) }, verdict.Fail, "16.0 s"},

		{"errors end in time", wantCalm, nothing, verdict.Pass, "the last error came"},
		{"errors go on", wantCalm, func(f *assess.Facts) {
			f.Logins[600].Problems = []load.Problem{{At: at(30), Kind: load.Reset, Step: "token"}}
		}, verdict.Fail, "until 20.0 s after the fault"},
		{"errors before the fault are not of the fault", wantCalm, func(f *assess.Facts) { f.Logins[0].Problems = []load.Problem{{At: at(1), Kind: load.Reset}} }, verdict.Pass, ""},
		{"nobody logged in after the deadline", wantCalm, func(f *assess.Facts) { f.Logins = f.Logins[:400] }, verdict.Unknown, "0 samples, 50"},

		{"all of the load was there", wantRate, nothing, verdict.Pass, "20.0/s"},
		{"half of the load is our own fault", wantRate, func(f *assess.Facts) { f.Logins = f.Logins[:600] }, verdict.Unknown, "10.0/s"},
		{"the load did not end", wantRate, func(f *assess.Facts) { f.End = nil; f.LoadProblem = "k6 was killed" }, verdict.Unknown, "k6 was killed"},

		{"writes go on", wantWrites, nothing, verdict.Pass, "0.1 s"},
		{"writes stop for 20 s", wantWrites, func(f *assess.Facts) { f.Logins = append(f.Logins[:300:300], f.Logins[700:]...) }, verdict.Fail, "20.1 s"},
		{"writes never come back", wantWrites, func(f *assess.Facts) {
			for i := 500; i < len(f.Logins); i++ {
				f.Logins[i].GrantAcked = time.Time{}
			}
		}, verdict.Fail, "from 03:00:25"},

		{"all was read back", wantLedger, nothing, verdict.Pass, "all 2400"},
		{"one consent is lost", wantLedger, func(f *assess.Facts) { f.Ledger.Lost = []ledger.Breach{{ID: "g7"}} }, verdict.Fail, "g7"},
		{"one code worked twice", wantLedger, func(f *assess.Facts) { f.Ledger.Doubled = []ledger.Breach{{ID: "abcdefabcdefabcdef"}} }, verdict.Fail, "abcdefabcdef…"},
		{"one entry could not be read", wantLedger, func(f *assess.Facts) { f.Ledger.Unknown, f.Ledger.Unread = 1, []ledger.Breach{{Reason: "status 503"}} }, verdict.Unknown, "status 503"},
		{"only codes were audited", wantLedger, func(f *assess.Facts) { f.Ledger.Grants = 0 }, verdict.Unknown, "both kinds"},
		{"nothing was read back", wantLedger, func(f *assess.Facts) { f.Ledger = nil; f.LedgerProblem = "discovery failed" }, verdict.Unknown, "discovery failed"},
		{"an empty ledger proves nothing", wantLedger, func(f *assess.Facts) { f.Ledger = &ledger.Audit{} }, verdict.Unknown, "0 consents"},

		{"the alert came", wantAlert, nothing, verdict.Pass, "10.0 s after"},
		{"the alert came too late", wantAlert, func(f *assess.Facts) { f.Alerts[0] = zoneDown("a", 45) }, verdict.Fail, "35.0 s after"},
		{"no alert came", wantAlert, func(f *assess.Facts) { f.Alerts = nil }, verdict.Fail, "nothing else did either"},
		{"another alert came", wantAlert, func(f *assess.Facts) { f.Alerts[0].Name = "LoginFailing" }, verdict.Fail, "received were LoginFailing"},
		{"the alert was of another zone", wantAlert, func(f *assess.Facts) { f.Alerts[0] = zoneDown("b", 20) }, verdict.Fail, "did not reach"},
		{"a second zone was reported too", wantAlert, func(f *assess.Facts) { f.Alerts = append(f.Alerts, zoneDown("b", 25)) }, verdict.Fail, "for zone b too"},
		{"the alert is of an earlier fault", wantAlert, func(f *assess.Facts) { f.Alerts[0].StartsAt = at(2) }, verdict.Fail, "did not reach"},
		{"the end of an alert is not an alert", wantAlert, func(f *assess.Facts) { f.Alerts[0].Status = "resolved" }, verdict.Fail, "did not reach"},
		{"the alert has the wrong severity", wantAlert, func(f *assess.Facts) { f.Alerts[0].Severity = "info" }, verdict.Fail, `"info"`},
		{"the alert names no runbook", wantAlert, func(f *assess.Facts) { f.Alerts[0].RunbookURL = "" }, verdict.Fail, "no runbook"},
		{"nobody listened", wantAlert, func(f *assess.Facts) { f.PagerProblem = "nobody listens"; f.Alerts = nil }, verdict.Unknown, "nobody listens"},

		{"the fault was seen", wantFault, nothing, verdict.Pass, "1.0 s after"},
		{"the fault was seen late", wantFault, func(f *assess.Facts) { f.Sight.Dark = moment(25) }, verdict.Fail, "15.0 s after"},
		{"the fault had no effect", wantFault, func(f *assess.Facts) { f.Sight = assess.Sight{Last: "zone-a: pass", Unknown: true} }, verdict.Unknown, "zone-a: pass"},
		{"another zone was dark too", wantFault, func(f *assess.Facts) { f.Sight = assess.Sight{Last: "zone-b: fail"} }, verdict.Fail, "zone-b: fail"},
		{"nobody looked", wantFault, func(f *assess.Facts) { f.Sight = assess.Sight{} }, verdict.Unknown, "no probe was asked"},
		{"the lease was lost", wantFault, func(f *assess.Facts) { f.Fault.Problem = "ended early" }, verdict.Unknown, "ended early"},

		{"it recovered", wantRecovery, nothing, verdict.Pass, "10.0 s after"},
		{"it recovered late", wantRecovery, func(f *assess.Facts) { f.Recovery.Good = moment(120) }, verdict.Fail, "80.0 s after"},
		{"it did not recover", wantRecovery, func(f *assess.Facts) { f.Recovery = assess.Recovery{Last: "login: 503"} }, verdict.Fail, "login: 503"},
		{"the probe could not tell", wantRecovery, func(f *assess.Facts) { f.Recovery = assess.Recovery{Last: "clock off", Unknown: true} }, verdict.Unknown, "clock off"},
		{"the fault was not reverted", wantRecovery, func(f *assess.Facts) { f.Fault.Reverted, f.Fault.Problem = nil, "socket gone" }, verdict.Unknown, "socket gone"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := facts()
			c.change(&f)
			c.want.Name = c.name
			line := assess.Expect(c.want, f)
			if line.Verdict != c.v || !strings.Contains(line.Reason, c.reason) || line.Reason == "" || line.Expected == "" {
				t.Errorf("%s: %q, want %s: %q", line.Verdict, line.Reason, c.v, c.reason)
			}
		})
	}
}

func TestNoFactsAreNeverAPass(t *testing.T) {
	for i, want := range []spec.Expectation{
		wantNoFailure, wantNoLie, wantPatience, wantCalm, wantRate, wantWrites, wantLedger, wantAlert, wantFault, wantRecovery, {},
	} {
		if line := assess.Expect(want, assess.Facts{}); line.Verdict != verdict.Unknown {
			t.Errorf("expectation %d is %s without facts: %s", i, line.Verdict, line.Reason)
		}
	}
}

func TestBounds(t *testing.T) {
	two := 2.0
	for name, c := range map[string]struct {
		values []float64
		v      verdict.Verdict
	}{
		"no data":         {nil, verdict.Unknown},
		"enough":          {[]float64{2, 3}, verdict.Pass},
		"one series less": {[]float64{3, 1}, verdict.Fail},
		"no number":       {[]float64{math.NaN()}, verdict.Unknown},
	} {
		if v, _, reason := assess.Bounds(c.values, &two, nil); v != c.v {
			t.Errorf("%s: %s (%s), want %s", name, v, reason, c.v)
		}
	}
	if v, _, _ := assess.Bounds([]float64{3}, nil, &two); v != verdict.Fail {
		t.Errorf("3 is at most 2: %s", v)
	}
}

func TestConcludeNamesWhatIsBrokenAndWhatIsOpen(t *testing.T) {
	whole, reason := assess.Conclude([]scenarios.Expectation{
		{Name: "one", Verdict: verdict.Pass}, {Name: "two", Verdict: verdict.Fail, Reason: "because"}, {Name: "three", Verdict: verdict.Unknown, Reason: "no data"},
	})
	if whole != verdict.Fail || reason != "1 of 3 lines broken: two (because). 1 of 3 lines could not be judged: three (no data)" {
		t.Errorf("%s: %s", whole, reason)
	}
	if whole, _ := assess.Conclude(nil); whole != verdict.Unknown {
		t.Errorf("nothing is %s", whole)
	}
}

func TestTimingsAreMissingWhereNothingWasMeasured(t *testing.T) {
	timings := assess.Timings(facts(), []spec.Expectation{wantAlert})
	for name, got := range map[string]*float64{
		"200": timings.LongestWait, "10000": timings.AlertAfter, "1000": timings.SeenAfter, "2000": timings.RevertTook,
		"4950": timings.ErrorFreeAfter, "10000.": timings.RecoveredAfter,
	} {
		if got == nil || fmt.Sprintf("%.0f", *got) != strings.TrimSuffix(name, ".") {
			t.Errorf("timing is %v, want %s", got, name)
		}
	}
	if empty := assess.Timings(assess.Facts{}, nil); empty != (scenarios.Timings{}) {
		t.Errorf("timings of nothing: %+v", empty)
	}
}

func BenchmarkExpect(b *testing.B) {
	f := facts()
	all := []spec.Expectation{wantNoFailure, wantNoLie, wantPatience, wantCalm, wantRate, wantWrites, wantLedger, wantAlert, wantFault, wantRecovery}
	for b.Loop() {
		for _, want := range all {
			assess.Expect(want, f)
		}
	}
}
