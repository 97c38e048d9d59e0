package journal_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"tocsin/internal/journal"
)

// childEnv names the journal of a child process of these tests.
const (
	childEnv = "JOURNAL_TEST_CHILD"
	limitEnv = "JOURNAL_TEST_LIMIT"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		os.Exit(child(path, os.Getenv(limitEnv)))
	}
	goleak.VerifyTestMain(m)
}

// child appends from several goroutines and says the number of each event that
// was acknowledged, until it is killed or the journal refuses. With a limit, it
// then lifts the limit and appends once more.
func child(path, limit string) int {
	const writers = 8
	opened, err := journal.Open(context.Background(), path)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	bytes, err := strconv.ParseUint(limit, 10, 64)
	limited := err == nil
	if limited {
		if err := limitFiles(bytes); err != nil {
			fmt.Println("error", err)
			return 1
		}
	}
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() { appendUntilRefused(opened, writer) })
	}
	group.Wait()
	if limited {
		if err := limitFiles(unix.RLIM_INFINITY); err != nil {
			fmt.Println("error", err)
		}
		appendOne(opened, "room again")
	}
	return 1
}

func limitFiles(bytes uint64) error {
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY})
}

func appendUntilRefused(opened *journal.Journal, writer int) {
	for count := 0; ; count++ {
		if !appendOne(opened, fmt.Sprintf("%d-%d-%d", os.Getpid(), writer, count)) {
			return
		}
	}
}

// appendOne appends an event that token names, and says so only afterwards. A
// line is one write, so those of several goroutines do not mix.
func appendOne(opened *journal.Journal, token string) bool {
	event, err := opened.AppendValue(context.Background(), "child", token, "", strings.Repeat("x", 500))
	if err != nil {
		fmt.Println("error", strings.ReplaceAll(err.Error(), "\n", " "))
		return false
	}
	fmt.Println("ok", event.Seq, token)
	return true
}

func start(t *testing.T, path, limit string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), childEnv+"="+path, limitEnv+"="+limit)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command, bufio.NewScanner(output)
}

func open(t *testing.T, path string) *journal.Journal {
	t.Helper()
	opened, err := journal.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

func add(t *testing.T, j *journal.Journal, kind, run string) journal.Event {
	t.Helper()
	event, err := j.AppendValue(t.Context(), kind, run, "t", map[string]string{"kind": kind})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func read(t *testing.T, j *journal.Journal, query journal.Query) []journal.Event {
	t.Helper()
	events, err := j.Read(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestEventsAreReadAsTheyWereRecorded(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "sub", "journal.db"))
	first := add(t, j, "a", "r1")
	second := add(t, j, "b", "r1")
	third := add(t, j, "a", "r2")
	if first.Seq >= second.Seq || first.Mono > second.Mono || first.Time.IsZero() || first.Time.Location() != time.UTC {
		t.Errorf("not in order: %+v, %+v", first, second)
	}
	cases := map[string]struct {
		query journal.Query
		want  []int64
	}{
		"all, oldest first": {journal.Query{}, []int64{first.Seq, second.Seq, third.Seq}},
		"of a kind":         {journal.Query{Kind: "a"}, []int64{first.Seq, third.Seq}},
		"of a run":          {journal.Query{RunID: "r1"}, []int64{first.Seq, second.Seq}},
		"after another":     {journal.Query{AfterSeq: second.Seq}, []int64{third.Seq}},
		"since a time":      {journal.Query{Since: second.Time}, []int64{second.Seq, third.Seq}},
		"the first two":     {journal.Query{Limit: 2}, []int64{first.Seq, second.Seq}},
		"the newest two":    {journal.Query{Limit: 2, Newest: true}, []int64{third.Seq, second.Seq}},
		"none":              {journal.Query{Kind: "c"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []int64
			for _, event := range read(t, j, tc.query) {
				got = append(got, event.Seq)
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	got := read(t, j, journal.Query{Limit: 1})[0]
	if !got.Time.Equal(first.Time) || got.Mono != first.Mono || got.TraceID != "t" || string(got.Payload) != `{"kind":"a"}` {
		t.Errorf("got %+v, want %+v", got, first)
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	if _, err := j.Append(t.Context(), journal.Event{}); err == nil {
		t.Error("an event without kind was recorded")
	}
	if _, err := j.Append(t.Context(), journal.Event{Kind: "a", Payload: json.RawMessage("{")}); err == nil {
		t.Error("a payload that is not JSON was recorded")
	}
	if err := j.Writable(t.Context()); err != nil || len(read(t, j, journal.Query{})) != 0 {
		t.Errorf("a trial left something behind: %v", err)
	}
}

func TestNobodyCanChangeWhatIsRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	add(t, open(t, path), "a", "")
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for _, statement := range []string{"UPDATE events SET kind = 'b'", "DELETE FROM events"} {
		if _, err := raw.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestSeveralProcessesRecordAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	const writers, each = 4, 25
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			own, err := journal.Open(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			for range each {
				if _, err := own.AppendValue(t.Context(), "a", "", "", nil); err != nil {
					t.Error(err)
				}
			}
			if err := own.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := len(read(t, open(t, path), journal.Query{})); got != writers*each {
		t.Errorf("%d events, want %d", got, writers*each)
	}
}

func TestAFileThatIsNoJournalIsSaid(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "journal.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := journal.Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("got %v", err)
	}
}

func TestAJournalOfANewerVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = raw.ExecContext(t.Context(), "PRAGMA user_version = 99")
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v", err)
	}
}
