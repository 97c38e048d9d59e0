package journal_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/internal/journal"
)

// acknowledged is what a child said of its appends.
type acknowledged struct {
	events     map[int64]string
	complaints []string
}

// listen reads what a child says until it ends; told is called after each
// acknowledgement.
func listen(t *testing.T, lines *bufio.Scanner, told func(count int)) acknowledged {
	t.Helper()
	heard := acknowledged{events: make(map[int64]string)}
	for lines.Scan() {
		if complaint, ok := strings.CutPrefix(lines.Text(), "error "); ok {
			heard.complaints = append(heard.complaints, complaint)
			continue
		}
		number, token, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "ok "), " ")
		seq, err := strconv.ParseInt(number, 10, 64)
		if err != nil || !ok {
			// The kill may cut the last line; its event was not acknowledged.
			continue
		}
		heard.events[seq] = token
		told(len(heard.events))
	}
	return heard
}

// lost counts the acknowledged events that the journal does not hold as they
// were.
func lost(t *testing.T, j *journal.Journal, heard map[int64]string) int {
	t.Helper()
	missing := len(heard)
	if missing == 0 {
		return 0
	}
	first := slices.Min(slices.Collect(maps.Keys(heard)))
	for _, event := range read(t, j, journal.Query{Kind: "child", AfterSeq: first - 1}) {
		if token, ok := heard[event.Seq]; ok && token == event.RunID && len(event.Payload) == 502 {
			missing--
		}
	}
	return missing
}

func sound(t *testing.T, path string) {
	t.Helper()
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	var answer string
	err = raw.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&answer)
	if err := errors.Join(err, raw.Close()); err != nil || answer != "ok" {
		t.Fatalf("the file is damaged: %s, %v", answer, err)
	}
}

// Eight goroutines append while the process is killed at a random moment, a
// hundred times over the same file.
func TestWhatWasAcknowledgedSurvivesKill9AHundredTimes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	all := make(map[int64]string)
	for round := range 100 {
		process, lines := start(t, path, "")
		killed := make(chan struct{})
		heard := listen(t, lines, func(count int) {
			if count > 1 {
				return
			}
			time.AfterFunc(time.Duration(rand.Int64N(int64(50*time.Millisecond))), func() {
				defer close(killed)
				if err := process.Process.Kill(); err != nil {
					t.Error(err)
				}
			})
		})
		<-killed
		if err := process.Wait(); err == nil || len(heard.complaints) > 0 {
			t.Fatalf("round %d: the child ended by itself: %v", round, heard.complaints)
		}
		j, err := journal.Open(t.Context(), path)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if missing := lost(t, j, heard.events); missing > 0 {
			t.Fatalf("round %d: %d of %d acknowledged events are lost", round, missing, len(heard.events))
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		for seq, token := range heard.events {
			if other, ok := all[seq]; ok {
				t.Fatalf("round %d: event %d was acknowledged twice: %s, %s", round, seq, other, token)
			}
			all[seq] = token
		}
	}
	sound(t, path)
	j := open(t, path)
	if missing := lost(t, j, all); missing > 0 || len(all) < 100 {
		t.Fatalf("%d of %d acknowledged events are lost in the end", missing, len(all))
	}
	t.Logf("%d events were acknowledged", len(all))
}

func TestAFullDiskIsSaidAndLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	process, lines := start(t, path, strconv.Itoa(256<<10))
	heard := listen(t, lines, func(int) {})
	var exit *exec.ExitError
	if err := process.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the child ended with %v", err)
	}
	if len(heard.complaints) != 8 {
		t.Fatalf("%d of 8 writers were refused: %v", len(heard.complaints), heard.complaints)
	}
	for _, want := range []string{path, "everything recorded before is kept", "space"} {
		if !strings.Contains(heard.complaints[0], want) {
			t.Errorf("the complaint lacks %q: %s", want, heard.complaints[0])
		}
	}
	again := false
	for _, token := range heard.events {
		again = again || token == "room again"
	}
	if !again {
		t.Error("the journal refused an event after there was room again")
	}
	sound(t, path)
	j := open(t, path)
	if got := len(read(t, j, journal.Query{})); got != len(heard.events) || lost(t, j, heard.events) > 0 || got < 10 {
		t.Fatalf("%d events on disk, %d acknowledged", got, len(heard.events))
	}
	add(t, j, "after", "")
}

func TestAnAppendWhoseContextEndsIsNeverInDoubt(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	recorded := 0
	for attempt := range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.Int64N(int64(2*time.Millisecond))))
		_, err := j.AppendValue(ctx, "a", strconv.Itoa(attempt), "", nil)
		cancel()
		if err == nil {
			recorded++
		}
		got := len(read(t, j, journal.Query{RunID: strconv.Itoa(attempt)}))
		if err == nil && got != 1 || err != nil && (got != 0 || !errors.Is(err, context.DeadlineExceeded)) {
			t.Fatalf("attempt %d: %d events recorded, error %v", attempt, got, err)
		}
	}
	t.Log(fmt.Sprint(recorded, " of 200 were in time"))
}

func TestEventsAppendedTogetherAreRecordedTogether(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	events, err := j.AppendAll(t.Context(), []journal.Event{{Kind: "a"}, {Kind: "b"}, {Kind: "c"}})
	if err != nil || len(events) != 3 {
		t.Fatal(events, err)
	}
	for index, event := range read(t, j, journal.Query{}) {
		if event.Seq != events[index].Seq || event.Kind != events[index].Kind || !event.Time.Equal(events[index].Time) {
			t.Errorf("recorded %+v, acknowledged %+v", event, events[index])
		}
	}
	if _, err := j.AppendAll(t.Context(), []journal.Event{{Kind: "a"}, {}}); err == nil {
		t.Error("an event without kind was recorded")
	}
	if _, err := j.AppendAll(t.Context(), nil); err != nil || len(read(t, j, journal.Query{})) != 3 {
		t.Errorf("not all or none: %v", err)
	}
}

func TestAClosedJournalRefuses(t *testing.T) {
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.AppendValue(t.Context(), "a", "", "", nil); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v", err)
	}
}
