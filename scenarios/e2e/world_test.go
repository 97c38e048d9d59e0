//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Ports of the lab under test, apart from those of a lab that somebody uses.
const (
	publicPort  = "18443"
	harnessAddr = "127.0.0.1:19464"
)

// world is a lab and a serving Tocsin, shared by all tests.
type world struct {
	dir    string // holds everything the tests leave
	bin    string
	serve  *exec.Cmd
	upTook time.Duration
	found  string // the verdict of the test that has the lab, to be said last where it fails
}

var shared *world

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "tocsin-e2e-")
	if err != nil {
		return 1, err
	}
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		return 1, err
	}
	shared = &world{dir: dir, bin: bin}
	defer func() {
		err = errors.Join(err, shared.tearDown())
		if err == nil && code == 0 {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(os.Stderr, "e2e: what the run left is in", dir)
		}
	}()
	if err := shared.bringUp(); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// bringUp does what `make demo` does, on ports of its own.
func (w *world) bringUp() error {
	started := time.Now()
	up := w.command("lab", "up", "--detach", "--port="+publicPort, "--zone-port=18451",
		"--prometheus-port=29090", "--alertmanager-port=29093", "--harness-port=19464")
	up.Stdout, up.Stderr = os.Stderr, os.Stderr
	if err := up.Run(); err != nil {
		return fmt.Errorf("lab up: %w", err)
	}
	w.serve = w.command("tocsin", "serve", "--listen", harnessAddr)
	log, err := os.Create(filepath.Join(w.dir, "serve.log"))
	if err != nil {
		return err
	}
	w.serve.Stdout, w.serve.Stderr = log, log
	if err := w.serve.Start(); err != nil {
		return err
	}
	if err := w.firstLogin(); err != nil {
		return err
	}
	w.upTook = time.Since(started)
	for _, args := range [][]string{{"alerts", "apply"}, {"visual", "approve"}} {
		if said := w.run("tocsin", args...); said.code != 0 {
			return fmt.Errorf("tocsin %v exits %d: %s%s", args, said.code, said.stdout, said.stderr)
		}
	}
	return nil
}

func (w *world) firstLogin() error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		said := w.run("tocsin", "probe", "run", "login", "--json")
		if said.code == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no login in 30 s: %s%s", said.stdout, said.stderr)
		}
	}
}

func (w *world) tearDown() error {
	var failed []error
	if w.serve != nil && w.serve.Process != nil {
		failed = append(failed, w.serve.Process.Signal(syscall.SIGTERM), w.serve.Wait())
	}
	if said := w.run("lab", "down"); said.code != 0 {
		failed = append(failed, fmt.Errorf("lab down exits %d: %s", said.code, said.stderr))
	}
	return errors.Join(failed...)
}

// outcome is how a program ended and what it said.
type outcome struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

func (w *world) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(w.bin, program), args...)
	lab := filepath.Join(w.dir, "lab")
	cmd.Env = append(os.Environ(), "TOCSIN_LAB_STATE="+lab, "TOCSIN_TARGET="+filepath.Join(lab, "target.yaml"), "TOCSIN_STATE="+filepath.Join(w.dir, "state"))
	return cmd
}

func (w *world) run(program string, args ...string) outcome {
	cmd := w.command(program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	started := time.Now()
	err := cmd.Run()
	said := outcome{stdout: stdout.String(), stderr: stderr.String(), took: time.Since(started)}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		said.code = exit.ExitCode()
	case err != nil:
		said.code, said.stderr = -1, err.Error()
	}
	return said
}

// object reads the one JSON object that a program printed.
func object[T any](t *testing.T, said outcome) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(said.stdout), &value); err != nil {
		t.Fatalf("not one JSON object: %v\n%s\n%s", err, said.stdout, said.stderr)
	}
	return value
}

// labStatus is what the tests need of `lab status --json`.
type labStatus struct {
	Ready      bool `json:"ready"`
	Components []struct {
		Zone, Component, Role, Fault string
		Ready                        bool
		Restarts                     int
	} `json:"components"`
}

func (w *world) status(t *testing.T) labStatus {
	t.Helper()
	return object[labStatus](t, w.run("lab", "status", "--json"))
}

// zoneOf is where the copy of a component is that has a role.
func (w *world) zoneOf(t *testing.T, component, role string) string {
	t.Helper()
	for _, c := range w.status(t).Components {
		if c.Component == component && c.Role == role && c.Ready {
			return c.Zone
		}
	}
	t.Fatalf("%s has no %s", component, role)
	return ""
}

// whole reports whether every part of the lab is ready, nothing is broken, and a
// standby would take over: before that, a second fault is one too many.
func (s labStatus) whole() bool {
	standby := false
	for _, c := range s.Components {
		if c.Fault != "" {
			return false
		}
		standby = standby || c.Role == "sync replica"
	}
	return standby && s.Ready
}

func (w *world) awaitWhole(t *testing.T) {
	t.Helper()
	w.until(t, 60*time.Second, "the lab is whole", func() bool { return w.status(t).whole() })
}

// takeLab waits until the lab is whole and lends it to the test. A test that
// fails says how it left the lab, and leaves it whole to the next.
func (w *world) takeLab(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		w.describe(t)
		w.mend(t)
		t.Log(w.found)
	})
	w.found = ""
	w.awaitWhole(t)
}

// describe writes to the test's log what somebody needs who sees nothing else.
// Of identity, whose refusals are a load's and an audit's daily bread, it is what
// went wrong.
func (w *world) describe(t *testing.T) {
	for _, args := range [][]string{
		{"status"}, {"fault", "list"}, {"sabotage"},
		{"logs", "-n=40", "lab"}, {"logs", "-n=150", "postgres"}, {"logs", "-n=40", "etcd"}, {"logs", "-n=400", "identity"},
	} {
		said := w.run("lab", args...)
		var worth []string
		for line := range strings.Lines(said.stdout) {
			if !strings.Contains(line, `"msg":"request refused"`) {
				worth = append(worth, line)
			}
		}
		t.Logf("lab %s\n%s%s", strings.Join(args, " "), strings.Join(worth, ""), said.stderr)
	}
}

// mend ends every fault and sabotage, and waits until the lab has recovered.
// The test has failed already: what cannot be mended is said, and no more.
func (w *world) mend(t *testing.T) {
	var faults []struct{ ID, State string }
	listed := w.run("lab", "fault", "list", "--json")
	if err := json.Unmarshal([]byte(listed.stdout), &faults); err != nil {
		t.Logf("list faults: %v: %s", err, listed.stderr)
	}
	revert := append([]string{"sabotage", "--revert"}, sabotages()...)
	if said := w.run("lab", revert...); said.code != 0 {
		t.Logf("revert sabotages: %s", said.stderr)
	}
	for _, fault := range faults {
		if fault.State != "in-force" {
			continue
		}
		if said := w.run("lab", "fault", "revert", fault.ID); said.code != 0 {
			t.Logf("revert %s: %s", fault.ID, said.stderr)
		}
	}
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		var status labStatus
		if said := w.run("lab", "status", "--json"); json.Unmarshal([]byte(said.stdout), &status) == nil && status.whole() {
			return
		}
	}
	t.Log("the lab does not become whole")
}

func (w *world) until(t *testing.T, within time.Duration, what string, reached func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for !reached() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", within, what)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// mentions fails unless text holds every word.
func mentions(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("it does not say %q:\n%s", word, text)
		}
	}
}
