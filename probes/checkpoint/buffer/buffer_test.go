package buffer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tocsin/internal/journal"
	"tocsin/probes/checkpoint/buffer"
)

const childEnv = "BUFFER_TEST_CHILD"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childEnv); folder != "" {
		os.Exit(child(folder))
	}
	goleak.VerifyTestMain(m)
}

// child records until it is killed, and says what is on disk.
func child(folder string) int {
	b, err := buffer.Open(context.Background(), buffer.Config{Folder: folder, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	for count := 0; ; count++ {
		token := fmt.Sprintf("%d-%d", os.Getpid(), count)
		if _, err := b.AppendValue(context.Background(), "probe.run", token, "", token); err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println(token)
	}
}

func open(t *testing.T, folder string, limit int64) *buffer.Buffer {
	t.Helper()
	b, err := buffer.Open(t.Context(), buffer.Config{Folder: folder, MaxBytes: limit, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func shut(t *testing.T, b *buffer.Buffer) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, b *buffer.Buffer, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		if _, err := b.AppendValue(t.Context(), "probe.run", token, "", token); err != nil {
			t.Fatal(err)
		}
	}
}

// take returns the run ids of a portion.
func take(t *testing.T, b *buffer.Buffer, lane buffer.Lane, most int) (buffer.Portion, string) {
	t.Helper()
	portion, err := b.Take(t.Context(), lane, most, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, event := range portion.Events {
		ids = append(ids, event.RunID)
	}
	return portion, strings.Join(ids, " ")
}

func acknowledge(t *testing.T, b *buffer.Buffer, portion buffer.Portion, count int) {
	t.Helper()
	if err := b.Acknowledge(t.Context(), portion.Log, portion.Events[count-1].Seq); err != nil {
		t.Fatal(err)
	}
}

func logs(t *testing.T, folder string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*.log.db"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestWhatIsAcknowledgedIsNotTakenAgain(t *testing.T) {
	folder := t.TempDir()
	b := open(t, folder, 0)
	add(t, b, "1", "2", "3")
	portion, got := take(t, b, buffer.Live, 2)
	if got != "1 2" {
		t.Fatalf("took %s", got)
	}
	if _, again := take(t, b, buffer.Live, 2); again != got {
		t.Fatalf("what was not acknowledged became %s", again)
	}
	acknowledge(t, b, portion, 1)
	if _, got := take(t, b, buffer.Live, 9); got != "2 3" {
		t.Fatalf("took %s", got)
	}
	if state := b.State(); state.Waiting != 2 || state.LiveWaiting != 2 || len(state.Logs) != 1 || state.Oldest.IsZero() {
		t.Errorf("%+v", state)
	}
	shut(t, b)
	// The next start finds it in the backlog, and numbers begin anew in a log of
	// another name.
	b = open(t, folder, 0)
	defer shut(t, b)
	add(t, b, "4")
	old, got := take(t, b, buffer.Backlog, 9)
	live, now := take(t, b, buffer.Live, 9)
	if got != "2 3" || now != "4" || old.Log == live.Log || live.Events[0].Seq != 1 {
		t.Fatalf("took %s of %s, %s of %s", got, old.Log, now, live.Log)
	}
	acknowledge(t, b, old, 2)
	if _, got := take(t, b, buffer.Backlog, 9); got != "" || logs(t, folder) != 1 {
		t.Errorf("left in the backlog: %s; %d logs", got, logs(t, folder))
	}
	if err := b.Acknowledge(t.Context(), old.Log, 3); err != nil {
		t.Errorf("an acknowledgement of what is gone: %v", err)
	}
}

func TestTheLiveLaneDoesNotWaitForTheBacklog(t *testing.T) {
	b := open(t, t.TempDir(), 0)
	defer shut(t, b)
	add(t, b, "1", "2")
	if err := b.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(t, b, "3")
	if err := b.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(t, b, "4")
	if _, got := take(t, b, buffer.Live, 9); got != "4" {
		t.Errorf("live: %s", got)
	}
	for _, want := range []string{"1 2", "3", ""} {
		portion, got := take(t, b, buffer.Backlog, 9)
		if got != want {
			t.Fatalf("backlog: %s, want %s", got, want)
		}
		if len(portion.Events) > 0 {
			acknowledge(t, b, portion, len(portion.Events))
		}
	}
	if err := b.Rotate(t.Context()); err != nil || b.State().Waiting != 1 {
		t.Errorf("%+v, %v", b.State(), err)
	}
}

func TestPortionsAreBounded(t *testing.T) {
	b := open(t, t.TempDir(), 0)
	defer shut(t, b)
	add(t, b, strings.Repeat("x", 600), strings.Repeat("y", 600), "z")
	for bytes, want := range map[int]int{1: 1, 700: 1, 1206: 2, 5000: 3} {
		portion, err := b.Take(t.Context(), buffer.Live, 9, bytes)
		if err != nil || len(portion.Events) != want {
			t.Errorf("%d bytes: %d events, %v", bytes, len(portion.Events), err)
		}
	}
}

func TestAFullBufferDropsTheOldestAndCounts(t *testing.T) {
	const limit = 1 << 20
	folder := t.TempDir()
	b := open(t, folder, limit)
	payload := strings.Repeat("x", 8000)
	const results = 320
	for first := 0; first < results; first += 16 {
		events := make([]journal.Event, 16)
		for index := range events {
			events[index] = journal.Event{Kind: "probe.run", RunID: fmt.Sprint(first + index), Payload: json.RawMessage(`"` + payload + `"`)}
		}
		if _, err := b.AppendAll(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	state := b.State()
	if state.Dropped == 0 || state.Waiting == 0 || state.Dropped+state.Waiting != results {
		t.Fatalf("%+v", state)
	}
	oldest, _ := take(t, b, buffer.Backlog, 1)
	if got := oldest.Events[0].RunID; got != fmt.Sprint(state.Dropped) {
		t.Errorf("%d were dropped, the oldest left is %s", state.Dropped, got)
	}
	shut(t, b)
	size := int64(0)
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if info, err := file.Info(); err == nil {
			size += info.Size()
		}
	}
	if size > limit*5/4 {
		t.Errorf("%d bytes on disk, the limit is %d", size, limit)
	}
	again := open(t, folder, limit)
	defer shut(t, again)
	if got := again.State(); got.Dropped != state.Dropped || got.Waiting != state.Waiting {
		t.Errorf("%+v became %+v", state, got)
	}
}

func TestAFolderHasOneOwner(t *testing.T) {
	folder := t.TempDir()
	b := open(t, folder, 0)
	defer shut(t, b)
	if _, err := buffer.Open(t.Context(), buffer.Config{Folder: folder}); !errors.Is(err, buffer.ErrTaken) {
		t.Errorf("got %v", err)
	}
}

func TestADamagedCursorOnlyMeansToSendAgain(t *testing.T) {
	folder := t.TempDir()
	b := open(t, folder, 0)
	add(t, b, "1", "2")
	portion, _ := take(t, b, buffer.Live, 9)
	acknowledge(t, b, portion, 1)
	shut(t, b)
	if err := os.WriteFile(filepath.Join(folder, "cursor.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b = open(t, folder, 0)
	defer shut(t, b)
	if _, got := take(t, b, buffer.Backlog, 9); got != "1 2" {
		t.Errorf("took %s", got)
	}
}

// Ten processes in turn record until they are killed; what each said to be
// recorded is there, once, and in order.
func TestWhatIsRecordedSurvivesKill9(t *testing.T) {
	folder := t.TempDir()
	var said []string
	for range 10 {
		process := exec.CommandContext(t.Context(), os.Args[0])
		process.Env = append(os.Environ(), childEnv+"="+folder)
		output, err := process.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		said = append(said, listen(t, process, output)...)
	}
	b := open(t, folder, 0)
	defer shut(t, b)
	there := map[string]int{}
	for {
		portion, _ := take(t, b, buffer.Backlog, 500)
		if len(portion.Events) == 0 {
			break
		}
		for _, event := range portion.Events {
			there[event.RunID]++
		}
		acknowledge(t, b, portion, len(portion.Events))
	}
	for _, token := range said {
		if there[token] != 1 {
			t.Errorf("%s is there %d times", token, there[token])
		}
	}
	t.Logf("%d results were said to be recorded", len(said))
}
