package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/authenticator/host"
)

// runProvider hosts the plug-in, says which process it is, and waits to be killed.
func runProvider(digest string) int {
	settings := host.Config{Command: []string{os.Args[0], "plugin", "test-id"}, Digest: digest, Name: "test-id"}
	h, err := host.Start(context.Background(), settings, quiet())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	reference, err := h.Authenticate(context.Background(), attempt("right"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(reference)
	select {}
}

func within(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(limit)
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

func TestKilledPlugInAnswersAgainWithinASecond(t *testing.T) {
	h := start(t, config(t))
	first := pid(t, h)
	started := time.Now()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	within(t, time.Second, "answer of another process", func() bool {
		reference, err := h.Authenticate(t.Context(), attempt("right"))
		if err != nil && errors.Is(err, authenticator.ErrMismatch) {
			t.Fatalf("a dead plug-in gave a verdict: %v", err)
		}
		return err == nil && reference != "pid "+strconv.Itoa(first)
	})
	t.Logf("answered after %s, %d restarts", time.Since(started), h.Restarts())
	if err := h.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestCallUnderWhichThePlugInDiesIsNoVerdict(t *testing.T) {
	h := start(t, config(t))
	_, err := h.Authenticate(t.Context(), attempt("crash"))
	if err == nil || errors.Is(err, authenticator.ErrMismatch) {
		t.Errorf("got %v", err)
	}
}

func TestFrozenPlugInIsStartedAgain(t *testing.T) {
	settings := config(t)
	settings.CallTimeout = 100 * time.Millisecond
	h := start(t, settings)
	first := pid(t, h)
	if err := syscall.Kill(first, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := h.Check(t.Context()); err == nil {
		t.Error("a frozen plug-in is well")
	}
	within(t, 3*time.Second, "answer of another process", func() bool {
		reference, err := h.Authenticate(t.Context(), attempt("right"))
		return err == nil && reference != "pid "+strconv.Itoa(first)
	})
}

func TestReplacedExecutableIsNotStarted(t *testing.T) {
	settings := config(t)
	binary, err := os.ReadFile(settings.Command[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(path, binary, 0o700); err != nil {
		t.Fatal(err)
	}
	settings.Command[0] = path
	settings.CallTimeout = 100 * time.Millisecond
	h := start(t, settings)
	first := pid(t, h)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(binary, 0), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	within(t, 3*time.Second, "refusal of the new file", func() bool {
		err := h.Check(t.Context())
		return err != nil && strings.Contains(err.Error(), "it is not started")
	})
	if _, err := h.Authenticate(t.Context(), attempt("right")); err == nil {
		t.Error("somebody answers")
	}
	if err := os.Rename(path+".old", path); err != nil {
		t.Fatal(err)
	}
	within(t, 6*time.Second, "return of the right file", func() bool { return h.Check(t.Context()) == nil })
}

func TestPlugInEndsWithItsProvider(t *testing.T) {
	settings := config(t)
	provider := exec.Command(settings.Command[0], "provider", settings.Digest)
	provider.Stderr = os.Stderr
	output, err := provider.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := provider.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "pid "))
	if err != nil {
		t.Fatal(err)
	}
	if gone(child) {
		t.Fatal("the plug-in did not run")
	}
	if err := provider.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := provider.Wait(); err == nil {
		t.Error("the provider ended by itself")
	}
	within(t, 2*time.Second, "death of the plug-in", func() bool { return gone(child) })
}

// gone reports whether a process has ended; nobody may have waited for it yet.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

func TestCloseEndsThePlugIn(t *testing.T) {
	h, err := host.Start(t.Context(), config(t), quiet())
	if err != nil {
		t.Fatal(err)
	}
	child := pid(t, h)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if !gone(child) {
		t.Error("the plug-in outlives its host")
	}
	if _, err := h.Authenticate(t.Context(), attempt("right")); err == nil {
		t.Error("a closed host answers")
	}
}
