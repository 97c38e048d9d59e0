//go:build scale

package scale_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The subjects of the measurement have one core, and everything else the other.
const (
	subjectCore = "0"
	otherCore   = "1"
)

// subject is a process that is measured.
type subject struct {
	command *exec.Cmd
	log     bytes.Buffer
	ended   chan error
}

// binary is the path of a program of bin/.
func binary(t *testing.T, program string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", program))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make bench-scale, which builds it", err)
	}
	return path
}

// start starts a program of bin/ on the core of the subjects, with one thread of
// Go code at a time.
func start(t *testing.T, program string, arguments ...string) *subject {
	t.Helper()
	s := &subject{ended: make(chan error, 1)}
	s.command = exec.Command("taskset", append([]string{"-c", subjectCore, binary(t, program)}, arguments...)...)
	s.command.Env = append(os.Environ(), "GOMAXPROCS=1")
	s.command.Stdout, s.command.Stderr = &s.log, &s.log
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.command.Wait() }()
	t.Cleanup(func() { s.stop(t) })
	return s
}

// await waits until something listens at an address.
func (s *subject) await(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if connection, err := new(net.Dialer).DialContext(ctx, "tcp", address); err == nil {
			connection.Close()
			return
		}
		select {
		case <-again.C:
		case err := <-s.ended:
			s.ended <- err
			t.Fatalf("%s ended: %v\n%s", s.command.Args[3], err, s.log.String())
		case <-ctx.Done():
			t.Fatalf("%s does not listen at %s", s.command.Args[3], address)
		}
	}
}

// stop ends the process and waits for it.
func (s *subject) stop(t *testing.T) {
	t.Helper()
	if s.command.ProcessState != nil {
		return
	}
	// It may have ended by itself.
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.ended:
		s.ended <- err
	case <-time.After(30 * time.Second):
		_ = s.command.Process.Kill()
		t.Errorf("%s did not end within 30 s", s.command.Args[3])
	}
}

// cpu is the processor time that the process has had: clock ticks of user and
// system mode, fields 14 and 15 of proc_pid_stat(5).
func (s *subject) cpu(t *testing.T) time.Duration {
	t.Helper()
	const ticksPerSecond = 100 // USER_HZ, the same on every Linux
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	user, userErr := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	if userErr != nil || systemErr != nil {
		t.Fatal(userErr, systemErr)
	}
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

// peak is the most memory that the process has had resident, in MiB.
func (s *subject) peak(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
