//go:build long

package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes"
)

const (
	yearProbes   = 200
	yearInterval = 30 * time.Second
	yearHours    = 365 * 24
	// Of a thousand runs, so many did not pass at once. They come in outages.
	yearNotPassed = 0.9
	// A month is looked at within, and with the start of the program and all that
	// it opens, within.
	mostView    = 100 * time.Millisecond
	mostProcess = time.Second
)

// A year of 200 probes every 30 seconds is 210 million runs. Segments are
// written straight into the file: through Append it would take a day. What they
// hold is what Compact makes of such runs.
func TestAYearOf200ProbesIsSmallAndQuick(t *testing.T) {
	ctx := t.Context()
	folder := t.TempDir()
	path := filepath.Join(folder, "journal.db")
	begins := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	ends := begins.Add(yearHours * time.Hour)
	year := writeYear(t, path, begins)
	events, err := journal.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := events.Close(); err != nil {
			t.Error(err)
		}
	}()
	wholePasses(t, events, ends)
	past, err := Open(ctx, events, filepath.Join(folder, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := past.Close(); err != nil {
			t.Error(err)
		}
	}()
	started := time.Now()
	if err := past.CatchUp(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("the projection of a year is made anew in %s", time.Since(started).Round(time.Second))
	total := int64(0)
	for _, name := range []string{"journal.db", "journal.db-wal", "history.db", "history.db-wal"} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
		t.Logf("%-15s %4d MiB", name, info.Size()>>20)
	}
	t.Logf("%d runs, %d of them whole: %.2f bytes each", year.runs, year.whole, float64(total)/float64(year.runs))
	if total >= 1<<30 {
		t.Errorf("a year takes %d MiB", total>>20)
	}
	viewMonth(t, past, ends)
	findRuns(t, past, begins)
	viewMonthAsAProcess(t, folder)
}

// viewMonthAsAProcess is the month view as a person asks for it: the program is
// started, opens the journal, brings history up to date, and prints.
func viewMonthAsAProcess(t *testing.T, folder string) {
	program := filepath.Join("..", "..", "bin", "tocsin")
	best := time.Hour
	for range 15 {
		started := time.Now()
		out, err := exec.CommandContext(t.Context(), program, "--state", folder, "history", "uptime", "--month", "2026-07", "--json").Output()
		took := time.Since(started)
		if err != nil {
			t.Fatalf("tocsin history uptime: %v (make build makes it)", err)
		}
		var uptimes []struct{ Probe string }
		if err := json.Unmarshal(out, &uptimes); err != nil || len(uptimes) != yearProbes {
			t.Fatalf("%d probes: %v", len(uptimes), err)
		}
		t.Logf("tocsin history uptime: %s", took.Round(time.Millisecond))
		best = min(best, took)
	}
	if best > mostProcess {
		t.Errorf("tocsin history uptime takes %s", best)
	}
}

// viewMonth measures the view of a month in the middle of the year: what else
// runs on the machine makes single views slower, never faster.
func viewMonth(t *testing.T, past *History, now time.Time) {
	from, until := Month(2026, time.July)
	best := time.Hour
	for range 15 {
		started := time.Now()
		uptimes, err := past.Uptimes(t.Context(), Selection{From: from, Until: until}, false, now)
		if err != nil || len(uptimes) != yearProbes {
			t.Fatalf("%d probes: %v", len(uptimes), err)
		}
		took := time.Since(started)
		t.Logf("month view of %d probes: %s", len(uptimes), took.Round(time.Millisecond))
		best = min(best, took)
		outages := 0
		for _, one := range uptimes {
			runs := one.Runs() + one.Maintenance.Runs()
			if runs != 31*2880 || one.Uptime == nil || *one.Uptime < 0.99 || one.P99MS == nil || len(one.Days) != 31 {
				t.Fatalf("%s: %d runs: %+v", one.Probe, runs, one.Uptime)
			}
			if *one.Uptime < 1 {
				outages++
			}
		}
		// A few probes are lucky.
		if outages < yearProbes*9/10 {
			t.Fatalf("only %d probes had an outage", outages)
		}
	}
	if best > mostView {
		t.Errorf("a month takes %s", best)
	}
}

func findRuns(t *testing.T, past *History, begins time.Time) {
	for name, filter := range map[string]Filter{
		"failed":           {Verdicts: []verdict.Verdict{verdict.Fail}},
		"of a probe":       {Probe: "probe-017", Limit: 200},
		"an hour in March": {Probe: "probe-017", Since: begins.AddDate(0, 2, 3), Until: begins.AddDate(0, 2, 3).Add(time.Hour), Limit: 200},
	} {
		started := time.Now()
		runs, err := past.Runs(t.Context(), filter)
		if err != nil || len(runs) == 0 {
			t.Fatalf("runs %s: %d, %v", name, len(runs), err)
		}
		t.Logf("runs %s: %d in %s", name, len(runs), time.Since(started).Round(time.Millisecond))
	}
}

type written struct{ runs, whole int64 }

// writeYear writes segments of all passes and events of everything else.
func writeYear(t *testing.T, path string, begins time.Time) written {
	ctx := t.Context()
	opened, err := journal.Open(ctx, path)
	if err := errors.Join(err, opened.Close()); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", path+"?_pragma=synchronous(OFF)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetMaxOpenConns(1)
	random := rand.New(rand.NewPCG(2026, 1))
	latencies := make([]float64, 1<<20)
	for index := range latencies {
		latencies[index] = math.Exp(random.NormFloat64() / 4)
	}
	var year written
	for probe := range yearProbes {
		if err := writeProbe(ctx, raw, random, latencies, probe, begins, &year); err != nil {
			t.Fatal(err)
		}
	}
	_, err = raw.ExecContext(ctx, "INSERT INTO compactions SELECT max(seq) + 1, 0, ? FROM events", year.runs-year.whole)
	if err != nil {
		t.Fatal(err)
	}
	return year
}

func writeProbe(ctx context.Context, raw *sql.DB, random *rand.Rand, latencies []float64, probe int, begins time.Time, year *written) error {
	series := Series{Target: "lab", Probe: fmt.Sprintf("probe-%03d", probe), Checkpoint: "local"}
	name, err := series.key()
	if err != nil {
		return err
	}
	transaction, err := raw.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := transaction.ExecContext(ctx, "INSERT INTO series VALUES (?, ?)", probe+1, name); err != nil {
		return err
	}
	typical := 20 + 400*random.Float64()
	outage := 0
	runs := make([]Run, 0, 120)
	for hour := range yearHours {
		runs = runs[:0]
		offset := random.IntN(len(latencies) - 120)
		for index := range 120 {
			at := begins.Add(time.Duration(hour)*time.Hour + time.Duration(index)*yearInterval + time.Duration(probe)*150*time.Millisecond + time.Duration(random.IntN(2))*time.Millisecond)
			year.runs++
			// An outage lasts twenty runs on average.
			if outage == 0 && random.Float64() < yearNotPassed/1000/20 {
				outage = 1 + random.IntN(40)
			}
			if outage > 0 {
				outage--
				year.whole++
				if err := writeWhole(ctx, transaction, failed(series, at)); err != nil {
					return err
				}
				continue
			}
			runs = append(runs, Run{At: at, MS: typical * latencies[offset+index], Interval: yearInterval})
		}
		if len(runs) == 0 {
			continue
		}
		_, err := transaction.ExecContext(ctx, "INSERT INTO segments VALUES (?, ?, ?, ?, ?)", probe+1, runs[0].hour(), hour+1, len(runs), encodeSegment(runs))
		if err != nil {
			return err
		}
	}
	return transaction.Commit()
}

func writeWhole(ctx context.Context, transaction *sql.Tx, result probes.Result) error {
	payload, err := json.Marshal(result)
	if err != nil {
		return err
	}
	_, err = transaction.ExecContext(ctx, "INSERT INTO events (time_ns, mono_ns, kind, run_id, trace_id, payload) VALUES (?, 0, ?, ?, ?, ?)",
		result.Started.UnixNano(), journal.KindProbeRun, result.RunID, result.TraceID, string(payload))
	return err
}

func seconds(value float64) *float64 { return &value }

// failed is a login that broke at its third step, with what a monitor records of
// it.
func failed(series Series, at time.Time) probes.Result {
	phases := probes.Phases{DNS: seconds(0.0012), Connect: seconds(0.0007), TLS: seconds(0.0041), FirstByte: seconds(0.0223), Transfer: seconds(0.0003)}
	result := probes.Result{
		Probe: series.Probe, Target: series.Target, Checkpoint: series.Checkpoint, RunID: at.Format("20060102-150405") + "-0a1b2c3d",
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", FailedStep: "login form", Started: at, Intended: at, MS: 5032.4, LatencyMS: 5034.1,
		IntervalMS: yearInterval.Milliseconds(), Attempts: 2,
	}
	for _, step := range []string{"discovery", "authorize", "login form"} {
		result.Steps = append(result.Steps, probes.Step{Name: step, MS: 28.6, Phases: phases, Status: 200, Hops: []probes.Hop{
			{Method: "GET", URL: "https://id.staging.example.org/.well-known/openid-configuration", Status: 200, MS: 28.6, Phases: phases},
		}})
	}
	result.End(verdict.Timeout, "GET https://id.staging.example.org/login: no answer within 5 s")
	return result
}

// wholePasses appends as many passes as the journal keeps whole.
func wholePasses(t *testing.T, events *journal.Journal, ends time.Time) {
	phases := probes.Phases{DNS: seconds(0.0012), Connect: seconds(0.0007), TLS: seconds(0.0041), FirstByte: seconds(0.0223), Transfer: seconds(0.0003)}
	for batch := range 100 {
		all := make([]journal.Event, 1000)
		for index := range all {
			at := ends.Add(time.Duration(batch*1000+index) * 150 * time.Millisecond)
			result := failed(Series{Target: "lab", Probe: fmt.Sprintf("probe-%03d", index%yearProbes), Checkpoint: "local"}, at)
			result.End(verdict.OK, "logged in")
			result.Steps = nil
			for _, step := range []string{"discovery", "authorize", "login form", "consent", "token", "userinfo"} {
				result.Steps = append(result.Steps, probes.Step{Name: step, MS: 28.6, Phases: phases, Status: 200})
			}
			payload, err := json.Marshal(result)
			if err != nil {
				t.Fatal(err)
			}
			all[index] = journal.Event{Kind: journal.KindProbeRun, RunID: result.RunID, TraceID: result.TraceID, Payload: payload, Compactable: true}
		}
		if _, err := events.AppendAll(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
}
