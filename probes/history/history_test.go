package history_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/history"
)

// past is a journal with a history beside it.
type past struct {
	t       *testing.T
	folder  string
	journal *journal.Journal
	history *history.History
}

func newPast(t *testing.T) *past {
	t.Helper()
	p := &past{t: t, folder: t.TempDir()}
	opened, err := journal.Open(t.Context(), filepath.Join(p.folder, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	p.journal = opened
	p.history = p.openHistory("history.db")
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *past) openHistory(name string) *history.History {
	p.t.Helper()
	opened, err := history.Open(p.t.Context(), p.journal, filepath.Join(p.folder, name))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			p.t.Error(err)
		}
	})
	return opened
}

// record appends results as the monitor does.
func (p *past) record(results ...probes.Result) {
	p.t.Helper()
	events := make([]journal.Event, 0, len(results))
	for _, result := range results {
		payload, err := json.Marshal(result)
		if err != nil {
			p.t.Fatal(err)
		}
		events = append(events, journal.Event{
			Kind: journal.KindProbeRun, RunID: result.RunID, TraceID: result.TraceID, Payload: payload, Compactable: result.Routine(),
		})
	}
	if _, err := p.journal.AppendAll(p.t.Context(), events); err != nil {
		p.t.Fatal(err)
	}
}

func (p *past) catchUp() {
	p.t.Helper()
	if err := p.history.CatchUp(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

func (p *past) runs(filter history.Filter) []history.Run {
	p.t.Helper()
	p.catchUp()
	runs, err := p.history.Runs(p.t.Context(), filter)
	if err != nil {
		p.t.Fatal(err)
	}
	return runs
}

func (p *past) uptimes(s history.Selection, apart bool, now time.Time) []history.Uptime {
	p.t.Helper()
	p.catchUp()
	uptimes, err := p.history.Uptimes(p.t.Context(), s, apart, now)
	if err != nil {
		p.t.Fatal(err)
	}
	return uptimes
}

// run is a scheduled run that ended for a reason.
func run(probe string, at time.Time, interval time.Duration, reason verdict.Reason) probes.Result {
	result := probes.Result{
		Probe: probe, Target: "lab", Checkpoint: "here", RunID: fmt.Sprintf("%s-%d", probe, at.UnixMilli()), TraceID: "trace",
		Started: at.Add(3 * time.Millisecond), Intended: at, MS: 97, LatencyMS: 100, IntervalMS: interval.Milliseconds(),
		Attempts: 1, Steps: []probes.Step{{Name: "step", MS: 97}},
	}
	result.End(reason, "because")
	return result
}

// november begins a month in which every day has 24 hours.
var november = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

func month() history.Selection {
	from, until := history.Month(2026, time.November)
	return history.Selection{From: from, Until: until}
}

func near(got, want float64) bool { return math.Abs(got-want) < 1e-9 }

func TestUptimeIsTimeThatIsKnownToBeGood(t *testing.T) {
	p := newPast(t)
	// Of ten days, in hours: 200 good, 10 bad, 20 unknown, 10 without any run.
	var batch []probes.Result
	for hour := range 240 {
		reason := verdict.OK
		switch {
		case hour < 10:
			reason = verdict.Timeout
		case hour < 30:
			reason = verdict.OwnNetwork
		case hour < 40:
			continue
		}
		batch = append(batch, run("login", november.Add(time.Duration(hour)*time.Hour), time.Hour, reason))
	}
	p.record(batch...)
	all := p.uptimes(month(), false, november.Add(240*time.Hour))
	if len(all) != 1 {
		t.Fatalf("%d uptimes", len(all))
	}
	u := all[0]
	if u.Uptime == nil || !near(*u.Uptime, 200.0/210) || !near(u.UnknownShare, 20.0/240) || !near(u.MissingShare, 10.0/240) {
		t.Errorf("uptime %v, unknown %v, missing %v", u.Uptime, u.UnknownShare, u.MissingShare)
	}
	if !near(u.AtLeast, 200.0/240) || !near(u.AtMost, 230.0/240) || u.DowntimeSeconds != 36000 {
		t.Errorf("between %v and %v, down for %v s", u.AtLeast, u.AtMost, u.DowntimeSeconds)
	}
	if u.Reasons[verdict.Timeout] != 10 || u.Reasons[verdict.OwnNetwork] != 20 || len(u.Reasons) != 2 {
		t.Errorf("reasons %v", u.Reasons)
	}
	if len(u.Days) != 10 || u.Days[0].Bad != 10 || u.Days[1].MissingShare < 0.4 || u.Days[9].Uptime == nil || *u.Days[9].Uptime != 1 {
		t.Errorf("days %+v", u.Days)
	}
	for objective, want := range map[float64]verdict.Verdict{0.8: verdict.Pass, 0.95: verdict.Unknown, 0.99: verdict.Fail} {
		if got := u.Meets(objective); got != want {
			t.Errorf("objective %v: %s, want %s", objective, got, want)
		}
	}
}

func TestNoDataIsNever100Percent(t *testing.T) {
	p := newPast(t)
	p.record(run("login", november.AddDate(0, -1, 0), time.Minute, verdict.OK))
	u := p.uptimes(month(), false, november.AddDate(0, 1, 0))[0]
	if u.Uptime != nil || u.MissingShare != 1 || u.AtLeast != 0 || u.Meets(0.5) != verdict.Unknown || u.P50MS != nil {
		t.Errorf("a month without a run: %+v", u)
	}
	only := newPast(t)
	only.record(run("login", november, time.Hour, verdict.Missed))
	if u := only.uptimes(month(), false, november.Add(time.Hour))[0]; u.Uptime != nil || u.UnknownShare != 1 {
		t.Errorf("only unknown: %+v", u)
	}
}

func TestMaintenanceIsLeftOutButShown(t *testing.T) {
	p := newPast(t)
	for hour := range 24 {
		result := run("login", november.Add(time.Duration(hour)*time.Hour), time.Hour, verdict.OK)
		if hour >= 2 && hour < 6 {
			result.Maintenance = "patching"
			result.End(verdict.Refused, "down")
		}
		p.record(result)
	}
	u := p.uptimes(month(), false, november.Add(24*time.Hour))[0]
	if *u.Uptime != 1 || u.AtLeast != 1 || u.MissingShare != 0 || u.Bad != 0 || u.DowntimeSeconds != 0 {
		t.Errorf("maintenance is counted: %+v", u)
	}
	if u.Maintenance.Bad != 4 || u.MaintenanceSeconds != 4*3600 || u.Reasons[verdict.Refused] != 4 || u.Days[0].Maintenance.Bad != 4 {
		t.Errorf("maintenance is not shown: %+v", u)
	}
}

func TestMissedRunsStandForEachOfThem(t *testing.T) {
	p := newPast(t)
	gap := run("login", november, time.Hour, verdict.Missed)
	gap.Runs = 12
	p.record(gap, run("login", november.Add(12*time.Hour), 12*time.Hour, verdict.OK))
	u := p.uptimes(month(), false, november.Add(24*time.Hour))[0]
	if u.Unknown != 12 || !near(u.UnknownShare, 0.5) || *u.Uptime != 1 {
		t.Errorf("%+v", u)
	}
}

func TestRunsByHandDoNotCount(t *testing.T) {
	p := newPast(t)
	byHand := run("login", november, 0, verdict.Refused)
	byHand.Intended, byHand.Checkpoint = time.Time{}, ""
	p.record(byHand)
	if u := p.uptimes(month(), false, november.Add(time.Hour))[0]; u.Uptime != nil || u.Runs() != 0 {
		t.Errorf("%+v", u)
	}
	if runs := p.runs(history.Filter{}); len(runs) != 1 {
		t.Errorf("a run by hand is not listed")
	}
}

func TestCheckpointsAddUpOrStandApart(t *testing.T) {
	p := newPast(t)
	for hour := range 24 {
		at := november.Add(time.Duration(hour) * time.Hour)
		here, there := run("login", at, time.Hour, verdict.OK), run("login", at, time.Hour, verdict.Unreachable)
		there.Checkpoint = "there"
		p.record(here, there)
	}
	now := november.Add(24 * time.Hour)
	if all := p.uptimes(month(), false, now); len(all) != 1 || *all[0].Uptime != 0.5 || all[0].MissingShare != 0 {
		t.Errorf("added up: %+v", all)
	}
	if apart := p.uptimes(month(), true, now); len(apart) != 2 || *apart[0].Uptime != 1 || *apart[1].Uptime != 0 || apart[1].Checkpoint != "there" {
		t.Errorf("apart: %+v", apart)
	}
	one := month()
	one.Checkpoint = "there"
	if all := p.uptimes(one, false, now); len(all) != 1 || *all[0].Uptime != 0 || all[0].MissingShare != 0 {
		t.Errorf("one of them: %+v", all)
	}
}

func TestTheLastHoursStandAlone(t *testing.T) {
	p := newPast(t)
	now := november.Add(30*time.Hour + 30*time.Minute)
	for half := range 61 {
		reason := verdict.OK
		if half < 10 || half == 59 {
			reason = verdict.Timeout
		}
		p.record(run("login", november.Add(time.Duration(half)*30*time.Minute), 30*time.Minute, reason))
	}
	p.catchUp()
	u, err := p.history.Recent(t.Context(), "login", 24*time.Hour, now)
	if err != nil || u.Bad != 1 || u.Good != 48 || u.Uptime == nil || u.MissingShare != 0 {
		t.Errorf("%+v: %v", u, err)
	}
	if other, err := p.history.Recent(t.Context(), "logon", 24*time.Hour, now); err != nil || other.Uptime != nil {
		t.Errorf("a probe without runs: %+v, %v", other, err)
	}
}

// fill records two days of three probes with everything that can happen.
func fill(p *past, random *rand.Rand) {
	reasons := []verdict.Reason{verdict.Timeout, verdict.Retried, verdict.OwnNetwork, verdict.Slow}
	var batch []probes.Result
	for minute := range 2 * 24 * 60 {
		for _, probe := range []string{"discovery", "jwks", "login"} {
			reason := verdict.OK
			if random.IntN(50) == 0 {
				reason = reasons[random.IntN(len(reasons))]
			}
			at := november.Add(time.Duration(minute)*time.Minute + time.Duration(random.IntN(5))*time.Millisecond)
			result := run(probe, at, time.Minute, reason)
			result.LatencyMS = 50 * math.Exp(random.NormFloat64()/3)
			if minute%1440 > 120 && minute%1440 < 180 {
				result.Maintenance = "patching"
			}
			batch = append(batch, result)
		}
	}
	for part := range slices.Chunk(batch, 500) {
		p.record(part...)
	}
}

// The figures must be the same whether they were counted as the runs came, after
// the runs were compacted, or from the segments alone.
func TestCompactionChangesNoFigure(t *testing.T) {
	p := newPast(t)
	fill(p, rand.New(rand.NewPCG(1, 2)))
	now := november.Add(48 * time.Hour)
	before := p.uptimes(month(), true, now)
	listed := p.runs(history.Filter{Limit: 100_000})
	if len(before) != 3 || before[0].Runs()+before[0].Maintenance.Runs() != 2880 || len(listed) != 3*2880 {
		t.Fatalf("%d uptimes, %d runs", len(before), len(listed))
	}
	compacted, err := p.history.Compact(t.Context(), history.Retention{Most: 1000}, now)
	if err != nil || compacted < 6000 {
		t.Fatalf("%d compacted: %v", compacted, err)
	}
	if left, err := p.journal.Compactable(t.Context()); err != nil || left > 1000 {
		t.Errorf("%d passes are whole, more than allowed: %v", left, err)
	}
	anew := p.openHistory("anew.db")
	if err := anew.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	fromSegments, err := anew.Uptimes(t.Context(), month(), true, now)
	if err != nil {
		t.Fatal(err)
	}
	for index := range fromSegments {
		// A segment knows latencies to 2 %, also the longest.
		if math.Abs(*fromSegments[index].MaxMS / *before[index].MaxMS - 1) > 0.02 {
			t.Errorf("longest %v, was %v", *fromSegments[index].MaxMS, *before[index].MaxMS)
		}
		fromSegments[index].MaxMS = before[index].MaxMS
	}
	for name, got := range map[string][]history.Uptime{"after": p.uptimes(month(), true, now), "from segments": fromSegments} {
		if !reflect.DeepEqual(got, before) {
			t.Errorf("%s: %+v\nwas %+v", name, got[0], before[0])
		}
	}
	compare(t, p.runs(history.Filter{Limit: 100_000}), listed)
}

// compare checks that runs are what they were, apart from what a segment does
// not keep.
func compare(t *testing.T, got, want []history.Run) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d runs, want %d", len(got), len(want))
	}
	segments := 0
	for index, one := range got {
		was := want[index]
		if one.Compacted {
			segments++
			if math.Abs(one.MS/was.MS-1) > 0.021 || was.Verdict != verdict.Pass {
				t.Fatalf("run %d: %+v, was %+v", index, one, was)
			}
			one.RunID, one.TraceID, one.Detail, one.Seq, one.MS, one.Compacted = was.RunID, was.TraceID, was.Detail, was.Seq, was.MS, false
		}
		if one != was {
			t.Fatalf("run %d: %+v, was %+v", index, one, was)
		}
	}
	if segments == 0 {
		t.Error("no run was compacted: nothing was compared")
	}
}

func TestRunsAreFoundByWhatIsAskedFor(t *testing.T) {
	p := newPast(t)
	fill(p, rand.New(rand.NewPCG(3, 4)))
	all := p.runs(history.Filter{Limit: 100_000})
	if _, err := p.history.Compact(t.Context(), history.Retention{Most: 2000}, november.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	cases := map[string]history.Filter{
		"the newest":              {},
		"of a probe":              {Probe: "jwks", Limit: 10},
		"failed":                  {Verdicts: []verdict.Verdict{verdict.Fail}, Limit: 30},
		"not known or retried":    {Verdicts: []verdict.Verdict{verdict.Unknown, verdict.PassAfterRetry}, Limit: 500},
		"for a reason":            {Reason: verdict.Slow, Limit: 500},
		"passed, long ago":        {Verdicts: []verdict.Verdict{verdict.Pass}, Until: november.Add(3 * time.Hour), Limit: 40},
		"in an hour":              {Since: november.Add(10 * time.Hour), Until: november.Add(11 * time.Hour), Limit: 1000},
		"elsewhere":               {Checkpoint: "there"},
		"of a probe for a reason": {Probe: "login", Reason: verdict.Timeout, Since: november.Add(24 * time.Hour), Limit: 3},
	}
	for name, filter := range cases {
		t.Run(name, func(t *testing.T) {
			var want []time.Time
			limit := filter.Limit
			if limit == 0 {
				limit = 50
			}
			for _, one := range all {
				if matches(filter, one) && len(want) < limit {
					want = append(want, one.At)
				}
			}
			var got []time.Time
			for _, one := range p.runs(filter) {
				if !matches(filter, one) {
					t.Errorf("not asked for: %+v", one)
				}
				got = append(got, one.At)
			}
			if !reflect.DeepEqual(got, want) || len(got) == 0 && name != "elsewhere" {
				t.Errorf("got %d runs %v, want %d", len(got), got, len(want))
			}
		})
	}
}

// matches says the same as a filter, written the other way round.
func matches(f history.Filter, r history.Run) bool {
	if f.Probe != "" && f.Probe != r.Probe || f.Checkpoint != "" && f.Checkpoint != r.Checkpoint || f.Reason != "" && f.Reason != r.Reason {
		return false
	}
	known := len(f.Verdicts) == 0
	for _, one := range f.Verdicts {
		known = known || one == r.Verdict
	}
	return known && !r.At.Before(f.Since) && (f.Until.IsZero() || r.At.Before(f.Until))
}

func TestADamagedProjectionIsMadeAnew(t *testing.T) {
	p := newPast(t)
	p.record(run("login", november, time.Hour, verdict.OK))
	if err := os.WriteFile(filepath.Join(p.folder, "broken.db"), []byte("not a database, but long enough to look like one"), 0o600); err != nil {
		t.Fatal(err)
	}
	anew := p.openHistory("broken.db")
	if err := anew.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if runs, err := anew.Runs(t.Context(), history.Filter{}); err != nil || len(runs) != 1 {
		t.Errorf("%d runs: %v", len(runs), err)
	}
}

// A history that was left behind while another one compacted must not miss what
// it never saw whole.
func TestAHistoryThatWasLeftBehindBeginsAnew(t *testing.T) {
	p := newPast(t)
	behind := p.openHistory("behind.db")
	fill(p, rand.New(rand.NewPCG(5, 6)))
	now := november.Add(48 * time.Hour)
	if _, err := p.history.Compact(t.Context(), history.Retention{Most: 1000}, now); err != nil {
		t.Fatal(err)
	}
	if err := behind.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := behind.Uptimes(t.Context(), month(), true, now)
	if err != nil || len(got) != 3 || got[0].Runs()+got[0].Maintenance.Runs() != 2880 {
		t.Errorf("%+v: %v", got, err)
	}
}

func TestACompactionInTheMiddleOfRecordingLosesNothing(t *testing.T) {
	p := newPast(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := p.history.Compact(ctx, history.Retention{Most: 100}, november); err != nil && ctx.Err() == nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for tens := range 150 {
		var batch []probes.Result
		for minute := range 10 {
			batch = append(batch, run("login", november.Add(time.Duration(tens*10+minute)*time.Minute), time.Minute, verdict.OK))
		}
		p.record(batch...)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if u := p.uptimes(month(), false, november.Add(1500*time.Minute))[0]; u.Good != 1500 {
		t.Errorf("%d of 1500 runs are counted", u.Good)
	}
	if runs := p.runs(history.Filter{Limit: 5000}); len(runs) != 1500 {
		t.Errorf("%d of 1500 runs are listed", len(runs))
	}
}
