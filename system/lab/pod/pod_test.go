package pod

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/system/lab/netns"
)

const inside = "TOCSIN_TEST_INSIDE"

// TestMain runs the tests in namespaces of their own, and is the shim of the
// pods they start, as the lab's program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ShimCommand {
		if err := Shim(os.Args[2:]); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
		}
		os.Exit(1)
	}
	if os.Getenv(inside) != "" {
		if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			panic(err)
		}
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=yes")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	if err := cmd.Run(); err != nil {
		os.Exit(1)
	}
}

// family is a pod of a shell and its child.
func family(t *testing.T) (*Supervisor, string) {
	t.Helper()
	namespace, err := netns.New("pod")
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "pod.log")
	supervisor := Supervise(Spec{
		Name: "a/family", Path: "/bin/sh", Args: []string{"-c", `sleep 1000 & echo "user $(id -u) child $!"; wait`},
		Env: []string{"PATH=/usr/bin:/bin"}, User: "nobody", Namespace: namespace, Log: log, Rootless: true,
	}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		supervisor.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	until(t, "the family runs", func() bool { return said(log) > 0 && len(members(supervisor)) == 2 })
	return supervisor, log
}

func said(log string) int {
	text, _ := os.ReadFile(log)
	return strings.Count(string(text), "child")
}

func members(s *Supervisor) []int {
	running := s.process()
	if running == nil {
		return nil
	}
	pids, _ := running.members()
	return pids
}

func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !reached() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestAPodRunsAsItsUserAndSeesItselfAlone(t *testing.T) {
	_, log := family(t)
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	// The first process of its own PID namespace, its child has a small number.
	if !strings.HasPrefix(string(text), "user 65534 child ") || len(strings.TrimSpace(string(text))) > len("user 65534 child 99") {
		t.Fatalf("the pod said %q", text)
	}
}

func TestADeadPodIsStartedAgainAndAHeldOneIsNot(t *testing.T) {
	supervisor, log := family(t)
	pids := members(supervisor)
	supervisor.Kill()
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			if state, err := runState(pid); err == nil && state != 'Z' {
				t.Errorf("process %d outlived its pod", pid)
			}
		}
	}
	until(t, "it is started again", func() bool { return said(log) == 2 && supervisor.Status().Restarts == 1 })

	supervisor.Hold("one")
	supervisor.Hold("two")
	if err := supervisor.Release(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * firstBackoff)
	if status := supervisor.Status(); status.Running || !status.Held {
		t.Fatalf("a held pod: %+v", status)
	}
	if err := supervisor.Release(t.Context(), "two"); err != nil {
		t.Fatal(err)
	}
	if !supervisor.Status().Running {
		t.Fatal("released, and not running")
	}
}

func TestAFrozenPodStopsWithAllItsChildren(t *testing.T) {
	supervisor, _ := family(t)
	pids := members(supervisor)
	if err := supervisor.Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if state, err := runState(pid); err != nil || state != 'T' {
			t.Errorf("process %d is %c, %v", pid, state, err)
		}
	}
	if err := supervisor.Thaw(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if state, err := runState(pid); err != nil || state == 'T' {
			t.Errorf("process %d of a thawed pod is %c, %v", pid, state, err)
		}
	}
	if got := members(supervisor); len(got) != len(pids) {
		t.Fatalf("%d processes before, %d after", len(pids), len(got))
	}
}
