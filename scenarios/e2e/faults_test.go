//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestEveryFaultComesAndGoes puts each kind of fault on each kind of target and
// sees what people see: logins go on wherever another copy is left, a login that
// cannot work says so honestly, and everything heals when the fault ends.
func TestEveryFaultComesAndGoes(t *testing.T) {
	const works, fails = 0, 1
	cases := []struct {
		name  string
		args  []string
		login int // exit code of a login while the fault is in force
	}{
		{"a copy of a component is killed", []string{"kill", "--component=identity", "--zone=a"}, works},
		{"a copy of a component freezes", []string{"freeze", "--component=hsm", "--zone=b"}, works},
		{"a copy of a component is cut off", []string{"cut", "--component=ui", "--zone=c"}, works},
		{"every copy of a component is killed", []string{"kill", "--component=identity"}, fails},
		{"a zone freezes", []string{"freeze", "--zone=" + "b"}, works},
		{"a zone is cut off", []string{"cut", "--zone=c"}, works},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			shared.takeLab(t)
			made := shared.run("lab", append([]string{"fault"}, append(tc.args, "--lease=60s")...)...)
			if made.code != 0 {
				t.Fatalf("exits %d: %s", made.code, made.stderr)
			}
			id, _, _ := strings.Cut(made.stdout, ":")
			again := shared.run("lab", append([]string{"fault"}, tc.args...)...)
			if again.code == 0 || !strings.Contains(again.stderr, id) {
				t.Errorf("a second fault on the same target exits %d: %s", again.code, again.stderr)
			}
			// A primary may have to move first: that is what the wait is for.
			shared.until(t, 30*time.Second, "a login ends as it should", func() bool {
				said := shared.run("tocsin", "probe", "run", "login")
				if said.code == 1 {
					for _, lie := range []string{"invalid_grant", "invalid_client", "invalid_token"} {
						if strings.Contains(said.stdout, lie) {
							t.Errorf("a lie: %s", said.stdout)
						}
					}
				}
				return said.code == tc.login
			})
			if said := shared.run("lab", "fault", "revert", id); said.code != 0 {
				t.Fatalf("revert exits %d: %s", said.code, said.stderr)
			}
			shared.awaitWhole(t)
		})
	}
}

// TestAKilledLabLeavesNothing starts a second lab and kills its process without
// a chance to clean up.
func TestAKilledLabLeavesNothing(t *testing.T) {
	shared.takeLab(t)
	before := machine(t)
	state := t.TempDir()
	cmd := shared.command("lab", "up", "--state", state, "--port=38443", "--zone-port=38451",
		"--prometheus-port=39090", "--alertmanager-port=39093", "--harness-port=39464")
	var words bytes.Buffer
	cmd.Stderr = &words
	// What outlives the lab holds its standard error open; below it is found.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	kill := sync.OnceValue(func() error { return errors.Join(cmd.Process.Kill(), <-ended) })
	t.Cleanup(func() {
		if err := kill(); t.Failed() {
			t.Logf("the second lab: %v\n%s", err, words.String())
		}
	})
	var children []int
	shared.until(t, 60*time.Second, "the lab runs many processes", func() bool {
		children = descendants(t, cmd.Process.Pid)
		return len(children) > 30
	})
	if err := kill(); err == nil {
		t.Error("a killed lab ended well")
	}
	shared.until(t, 5*time.Second, "every process has ended", func() bool {
		for _, pid := range children {
			if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil {
				return false
			}
		}
		return true
	})
	if after := machine(t); after != before {
		t.Errorf("the machine was\n%s\nand is\n%s", before, after)
	}
}

// machine is what a lab must not change: interfaces, mounts and routes.
func machine(t *testing.T) string {
	t.Helper()
	var all []string
	interfaces, err := os.ReadDir("/sys/class/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range interfaces {
		all = append(all, entry.Name())
	}
	for _, file := range []string{"/proc/self/mounts", "/proc/net/route"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return strings.Join(all, "\n")
}

// descendants lists the processes below one.
func descendants(t *testing.T, of int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		// The fields after the name in parentheses: state, parent.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		pid, pidErr := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, parentErr := strconv.Atoi(fields[1])
		if pidErr == nil && parentErr == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	var all []int
	for queue := children[of]; len(queue) > 0; queue = queue[1:] {
		all = append(all, queue[0])
		queue = append(queue, children[queue[0]]...)
	}
	return all
}

// TestAStandbyThatLacksWhatTheOtherHasTakesOver loses the zone of the PostgreSQL
// primary while the standby that commits wait for has received less than the
// other one. It has all that was acknowledged; unless it fetches the rest before
// it leads, the other one cannot follow, and no commit is in two zones.
func TestAStandbyThatLacksWhatTheOtherHasTakesOver(t *testing.T) {
	shared.takeLab(t)
	primary, standby := shared.zoneOf(t, "postgres", "primary"), shared.zoneOf(t, "postgres", "sync replica")
	load := shared.command("tocsin", "load", "run", "--rate=8", "--duration=40s", "--json")
	var said, problems bytes.Buffer
	load.Stdout, load.Stderr = &said, &problems
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	inject := func(args ...string) (id string) {
		t.Helper()
		made := shared.run("lab", append([]string{"fault"}, args...)...)
		if made.code != 0 {
			t.Errorf("lab fault %v exits %d: %s", args, made.code, made.stderr)
		}
		id, _, _ = strings.Cut(made.stdout, ":")
		return id
	}
	revert := func(id string) {
		t.Helper()
		if said := shared.run("lab", "fault", "revert", id); said.code != 0 {
			t.Errorf("revert %s exits %d: %s", id, said.code, said.stderr)
		}
	}
	<-time.After(6 * time.Second) // people are logging in
	// The primary gives a silent standby 2 s before it takes the other one instead.
	behind := inject("cut", "--component=postgres", "--zone="+standby)
	dark := inject("kill", "--zone="+primary)
	revert(behind)
	if err := load.Wait(); err != nil {
		t.Errorf("not every login succeeded: %v", err)
	}
	shared.found = fmt.Sprintf("primary in %s, standby in %s\n%s%s", primary, standby, said.String(), problems.String())
	t.Log(shared.found)
	if logs := shared.run("lab", "logs", "-n=2000", "postgres"); !strings.Contains(logs.stdout, "catch-up: WAL ends at") {
		t.Error("the standby had nothing to fetch, or did not")
	}
	revert(dark)
	shared.awaitWhole(t)
}
