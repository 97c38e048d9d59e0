package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/checkpoint/receiver"
	"tocsin/probes/quorum"
)

const placesPlan = `version: 1
journeys:
  discovery: {interval: 2500ms}
  login: {off: true}
  login-cached: {off: true}
  jwks: {off: true}
quorum: {agree: 2, checkpoints: [a, b, c]}
`

const placesInterval = 2500 * time.Millisecond

// Three processes watch one target: the central, which is checkpoint a, and the
// checkpoints b and c. This is what an operator sees of them.
func TestThreeCheckpointsAgreeOnWhatIsAnOutage(t *testing.T) {
	w := newPlaces(t)
	w.enrol("b", "c")
	central := w.serve()
	w.checkpoint("b")
	third := w.checkpoint("c")
	for _, name := range []string{"a", "b", "c"} {
		w.await("a good run at "+name, func() bool { return w.runs(name, verdict.Pass) > 0 })
	}

	// One checkpoint is cut off from the target.
	w.routes["b"].cut(true)
	var alone quorum.Change
	w.await("b to be named", func() bool { return w.change(journal.KindCheckpointAlone, &alone) })
	if !slices.Equal(alone.Checkpoints, []string{"b"}) || !strings.HasPrefix(alone.Sentence, "checkpoint b alone sees discovery failing at discovery (") {
		t.Errorf("told: %v %s", alone.Checkpoints, alone.Sentence)
	}
	failed := w.runs("b", verdict.Fail)
	w.await("b to fail once more", func() bool { return w.runs("b", verdict.Fail) > failed })
	if declared := w.events(journal.KindOutageDeclared); len(declared) > 0 {
		t.Fatalf("one checkpoint alone made an outage: %s", declared[0].Payload)
	}
	w.routes["b"].cut(false)
	w.await("b to see the target again", func() bool { return len(w.events(journal.KindCheckpointJoined)) > 0 })

	// A real outage.
	broken := time.Now()
	w.down(true)
	var declared, ended quorum.Change
	w.await("the outage", func() bool { return w.change(journal.KindOutageDeclared, &declared) })
	took := declared.At.Sub(broken)
	t.Logf("declared after %s: %s", took.Round(time.Millisecond), declared.Sentence)
	if took > 2*placesInterval {
		t.Errorf("the outage was declared after %s, two intervals are %s", took, 2*placesInterval)
	}
	w.down(false)
	w.await("its end", func() bool { return w.change(journal.KindOutageEnded, &ended) })
	if ended.Outage == nil || ended.Outage.ID != declared.Outage.ID {
		t.Errorf("%+v ended, %+v was declared", ended.Outage, declared.Outage)
	}

	// The central dies, and then a checkpoint as well.
	central.kill()
	w.awaitRoutes(1, "b", "c")
	third.kill()
	buffered := append(w.buffered("b"), w.buffered("c")...)
	if len(w.buffered("b")) == 0 || len(w.buffered("c")) == 0 {
		t.Fatalf("too little is buffered: %v", buffered)
	}
	w.checkpoint("c")
	w.awaitRoutes(1, "c")
	w.serve()
	w.await("everything that was buffered", func() bool {
		there := w.runIDs()
		return !slices.ContainsFunc(buffered, func(id string) bool { return there[id] == 0 })
	})
	w.await("nothing to be left in the buffers", func() bool { return w.listed("b").Buffered == 0 && w.listed("c").Buffered == 0 })
	for id, times := range w.runIDs() {
		if times != 1 {
			t.Errorf("run %s is recorded %d times", id, times)
		}
	}
	if row := w.listed("b"); row.State != receiver.StateReporting || row.Drift || row.ClockOffsetSeconds == nil || row.ResultsPerMinute == 0 {
		t.Errorf("%+v", row)
	}
}

func (w *places) change(kind string, into *quorum.Change) bool {
	found := w.events(kind)
	if len(found) == 0 {
		return false
	}
	if err := json.Unmarshal(found[len(found)-1].Payload, into); err != nil {
		w.t.Fatal(err)
	}
	return true
}

func (w *places) results() []probes.Result {
	var all []probes.Result
	for _, event := range w.events(journal.KindProbeRun) {
		var result probes.Result
		if err := json.Unmarshal(event.Payload, &result); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, result)
	}
	return all
}

func (w *places) runs(name string, v verdict.Verdict) int {
	count := 0
	for _, result := range w.results() {
		if result.Checkpoint == name && result.Verdict == v {
			count++
		}
	}
	return count
}

func (w *places) runIDs() map[string]int {
	times := make(map[string]int)
	for _, result := range w.results() {
		times[result.RunID]++
	}
	return times
}

// buffered are the runs in the logs of a checkpoint, whether or not it runs.
func (w *places) buffered(name string) []string {
	w.t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.folder, name, "checkpoint-"+name, "*.log.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, path := range paths {
		for _, event := range readJournal(w.t, path, journal.Query{}) {
			ids = append(ids, event.RunID)
		}
	}
	return ids
}

func (w *places) listed(name string) receiver.Row {
	w.t.Helper()
	code, out, problems := runCommand(w.t, "checkpoint", "list", "--json", "--state", filepath.Join(w.folder, "a"))
	var rows []receiver.Row
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != verdict.ExitPass {
		w.t.Fatalf("exit %d, %v: %s", code, err, problems)
	}
	index := slices.IndexFunc(rows, func(row receiver.Row) bool { return row.Checkpoint == name })
	if index < 0 {
		w.t.Fatalf("%s is not listed: %s", name, out)
	}
	return rows[index]
}

func TestCheckpointCommands(t *testing.T) {
	folder := t.TempDir()
	state := filepath.Join(folder, "state")
	file := filepath.Join(folder, "b.yaml")
	target := unreachable(t)
	steps := []struct {
		arguments []string
		code      int
		stdout    string
		stderr    string
	}{
		{[]string{"checkpoint", "enrol", "b", "--url", "https://localhost:9465"}, verdict.ExitUsage, "", "run tocsin checkpoint init"},
		{[]string{"checkpoint", "init"}, verdict.ExitUsage, "", "needs a name"},
		{[]string{"checkpoint", "init", "--name", "localhost"}, verdict.ExitPass, "checkpoint enrol NAME", ""},
		{[]string{"checkpoint", "list"}, verdict.ExitPass, "No checkpoint is enrolled", ""},
		{[]string{"checkpoint", "enrol", "b", "--url", "https://elsewhere:9465"}, verdict.ExitUsage, "", "init --name elsewhere"},
		{[]string{"checkpoint", "enrol", "b", "--url", "https://localhost:9465", "--output", file}, verdict.ExitPass, "it is a secret", ""},
		{[]string{"checkpoint", "list"}, verdict.ExitPass, "never-seen", ""},
		{append([]string{"checkpoint"}, target...), verdict.ExitUsage, "", "no enrolment"},
		{append([]string{"checkpoint", "--enrolment", file, "--name", "c"}, target...), verdict.ExitUsage, "", "is the enrolment of checkpoint b, not of c"},
		{append([]string{"checkpoint", "--enrolment", file, "--interval", "1ms"}, target...), verdict.ExitUsage, "", "would be load"},
		{[]string{"checkpoint", "remove", "b"}, verdict.ExitPass, "not admitted any more", ""},
		{[]string{"checkpoint", "remove", "b"}, verdict.ExitUsage, "", "is not enrolled"},
	}
	for _, step := range steps {
		code, stdout, stderr := runCommand(t, append([]string{"--state", state}, step.arguments...)...)
		if code != step.code || !strings.Contains(stdout, step.stdout) || !strings.Contains(stderr, step.stderr) {
			t.Errorf("%v: exit %d\n%s%s", step.arguments, code, stdout, stderr)
		}
	}
	plan := filepath.Join(folder, "plan.yaml")
	if err := os.WriteFile(plan, []byte(placesPlan), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := runCommand(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--plan", plan}, target...)...)
	if code != verdict.ExitUsage || !strings.Contains(stderr, "add --checkpoints ADDRESS") {
		t.Errorf("a quorum that nobody can join: exit %d, %s", code, stderr)
	}
	if err := os.WriteFile(plan, []byte("version: 1\nquorum: {agree: 4, checkpoints: [a, b]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = runCommand(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--plan", plan}, target...)...)
	if code != verdict.ExitUsage || !strings.Contains(stderr, "plan.yaml:2:") || !strings.Contains(stderr, "4 of 2 checkpoints can never agree") {
		t.Errorf("a quorum that is too large: exit %d, %s", code, stderr)
	}
}
