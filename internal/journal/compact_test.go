package journal_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/journal"
)

// passed appends count events that a segment may replace.
func passed(t *testing.T, j *journal.Journal, count int) []journal.Event {
	t.Helper()
	batch := make([]journal.Event, count)
	for index := range batch {
		batch[index] = journal.Event{Kind: journal.KindProbeRun, RunID: "passed", Compactable: true}
	}
	events, err := j.AppendAll(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func segments(t *testing.T, j *journal.Journal, span journal.Span) []journal.Segment {
	t.Helper()
	var all []journal.Segment
	if err := j.Segments(t.Context(), span, func(s journal.Segment) error { all = append(all, s); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestASegmentReplacesTheEventsItAccountsFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	events := passed(t, j, 2500)
	failed := add(t, j, journal.KindProbeRun, "failed")
	last := passed(t, j, 3)
	upto := last[0].Seq
	made := []journal.Segment{
		{Series: "login", Hour: 10, Events: 2500, Data: []byte("a")}, {Series: "jwks", Hour: 10, Events: 1, Data: []byte("b")},
	}
	if err := j.Compact(t.Context(), journal.Compaction{Upto: upto, Segments: made}); err != nil {
		t.Fatal(err)
	}
	left := read(t, j, journal.Query{})
	if len(left) != 3 || left[0].Seq != failed.Seq || left[1].Seq != last[1].Seq || !left[1].Compactable || left[0].Compactable {
		t.Errorf("left are %+v", left)
	}
	if count, err := j.Compactable(t.Context()); err != nil || count != 2 {
		t.Errorf("%d events could be compacted, want 2: %v", count, err)
	}
	if compacted, err := j.Compacted(t.Context()); err != nil || compacted != upto {
		t.Errorf("compacted up to %d, want %d: %v", compacted, upto, err)
	}
	if got := segments(t, j, journal.Span{Series: "login"}); len(got) != 1 || got[0].Events != 2500 || string(got[0].Data) != "a" || got[0].Upto != upto {
		t.Errorf("segments %+v", got)
	}
	if got := segments(t, j, journal.Span{From: 11}); len(got) != 0 {
		t.Errorf("segments after their hour: %+v", got)
	}
	if after := add(t, j, "a", ""); after.Seq <= events[len(events)-1].Seq {
		t.Error("the number of a replaced event was given again")
	}
}

func TestACompactionThatDoesNotAccountForItsEventsChangesNothing(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	events := passed(t, j, 5)
	add(t, j, journal.KindProbeRun, "failed")
	upto := events[3].Seq
	for name, tc := range map[string]struct {
		compaction journal.Compaction
		is         error
	}{
		"too few":          {journal.Compaction{Upto: upto, Segments: []journal.Segment{{Series: "login", Events: 3}}}, journal.ErrUnaccounted},
		"too many":         {journal.Compaction{Upto: upto, Segments: []journal.Segment{{Series: "login", Events: 5}}}, journal.ErrUnaccounted},
		"none":             {journal.Compaction{Upto: upto}, journal.ErrUnaccounted},
		"not the next one": {journal.Compaction{After: 2, Upto: upto, Segments: []journal.Segment{{Series: "login", Events: 2}}}, nil},
		"twice the same": {journal.Compaction{Upto: upto, Segments: []journal.Segment{
			{Series: "login", Events: 2}, {Series: "login", Events: 2}}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := j.Compact(t.Context(), tc.compaction)
			if err == nil || tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("got %v", err)
			}
			if left := len(read(t, j, journal.Query{})); left != 6 || len(segments(t, j, journal.Span{})) != 0 {
				t.Errorf("%d events left", left)
			}
		})
	}
	if err := j.Compact(t.Context(), journal.Compaction{Upto: upto, Segments: []journal.Segment{{Series: "login", Events: 4, Data: []byte("a")}}}); err != nil {
		t.Error(err)
	}
}

// After a crash between the two, segments stand for events whose rows are still
// there: nobody may read both.
func TestWhatIsCompactedButNotSweptIsNotReadTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	events := passed(t, j, 4)
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.ExecContext(t.Context(), "INSERT INTO compactions (upto, time_ns, events) VALUES (?, 0, 3)", events[2].Seq); err != nil {
		t.Fatal(err)
	}
	if left := read(t, j, journal.Query{}); len(left) != 1 || left[0].Seq != events[3].Seq {
		t.Errorf("read %+v", left)
	}
	if err := j.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := raw.QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows after the sweep: %v", rows, err)
	}
}

func TestNobodyCanForgetMoreThanIsCompacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	events := passed(t, j, 3)
	add(t, j, journal.KindProbeRun, "failed")
	err := j.Compact(t.Context(), journal.Compaction{Upto: events[0].Seq, Segments: []journal.Segment{{Series: "login", Events: 1, Data: []byte("a")}}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for _, statement := range []string{
		"DELETE FROM events WHERE compactable = 1", "DELETE FROM events WHERE compactable = 0", "UPDATE events SET compactable = 1",
		"DELETE FROM segments", "UPDATE segments SET events = 2", "DELETE FROM compactions", "UPDATE compactions SET upto = 99",
		"DELETE FROM series", "UPDATE series SET name = 'jwks'",
	} {
		if _, err := raw.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// The file of the first version has neither segments nor marks.
func TestAJournalOfTheFirstVersionIsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = raw.ExecContext(t.Context(), firstVersion)
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
	j := open(t, path)
	old := read(t, j, journal.Query{})
	if len(old) != 1 || old[0].Compactable || old[0].RunID != "old" {
		t.Fatalf("read %+v", old)
	}
	events := passed(t, j, 1)
	if err := j.Compact(t.Context(), journal.Compaction{Upto: events[0].Seq, Segments: []journal.Segment{{Series: "login", Events: 1, Data: []byte("a")}}}); err != nil {
		t.Fatal(err)
	}
	if left := read(t, j, journal.Query{}); len(left) != 1 {
		t.Errorf("left are %+v", left)
	}
}

const firstVersion = `
CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL, kind TEXT NOT NULL,
	run_id TEXT NOT NULL, trace_id TEXT NOT NULL, payload TEXT NOT NULL);
CREATE INDEX events_by_kind ON events (kind, seq);
CREATE INDEX events_by_run ON events (run_id, seq);
CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
INSERT INTO events (time_ns, mono_ns, kind, run_id, trace_id, payload) VALUES (1, 1, 'probe.run', 'old', '', 'null');
PRAGMA user_version = 1;
`
