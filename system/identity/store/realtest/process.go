package realtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// startLimit bounds how long a part may take to answer.
const startLimit = 60 * time.Second

// askLimit bounds one question whether it answers yet.
const askLimit = time.Second

// Process is one real part.
type Process struct {
	Name  string
	args  []string
	as    *syscall.Credential
	log   string
	ready func(context.Context) error

	cmd    *exec.Cmd
	done   chan struct{}
	killed atomic.Bool
}

// Start runs the part and waits until it answers.
func (p *Process) Start(ctx context.Context) error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", p.Name, err)
	}
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	// The part dies with the test, also when that is killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := errors.Join(p.cmd.Start(), out.Close()); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	done := make(chan struct{})
	p.done = done
	p.killed.Store(false)
	go func(cmd *exec.Cmd) {
		defer close(done)
		if err := cmd.Wait(); err != nil && !p.killed.Load() {
			fmt.Fprintf(os.Stderr, "%s ended: %v\n", p.Name, err)
		}
	}(p.cmd)
	return p.await(ctx)
}

func (p *Process) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			text, readErr := os.ReadFile(p.log)
			return errors.Join(fmt.Errorf("%s ended while starting: %s", p.Name, text), readErr)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", p.Name, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the part and all its children at once.
func (p *Process) Kill() error {
	if p.cmd == nil {
		return nil
	}
	p.killed.Store(true)
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.Name, err)
	}
	<-p.done
	return nil
}

// Freeze stops the part without a word to its peers, as a lost network does.
func (p *Process) Freeze() error {
	// A child that is born while the others are stopped would go on: the part
	// itself stops first.
	if err := syscall.Kill(p.cmd.Process.Pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("freeze %s: %w", p.Name, err)
	}
	for deadline := time.Now().Add(freezeLimit); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			return fmt.Errorf("freeze %s: %w", p.Name, err)
		}
		if bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T")) {
			return p.signal(syscall.SIGSTOP)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("freeze %s: it does not stop", p.Name)
		}
	}
}

// freezeLimit is how long a part may take to be stopped.
const freezeLimit = 10 * time.Second

// Thaw ends a freeze.
func (p *Process) Thaw() error { return p.signal(syscall.SIGCONT) }

// signal reaches the part and its children; PostgreSQL's have process groups of
// their own.
func (p *Process) signal(what syscall.Signal) error {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", p.cmd.Process.Pid))
	if err != nil {
		return fmt.Errorf("find children of %s: %w", p.Name, err)
	}
	pids := []int{p.cmd.Process.Pid}
	for _, text := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("read children of %s: %w", p.Name, err)
		}
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, what); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal %s: %w", p.Name, err)
		}
	}
	return nil
}

// Ports hands out TCP ports of loopback, each once. They are below those that
// the kernel gives to outgoing connections, so none is taken between being
// handed out and being listened on.
type Ports struct {
	mu   sync.Mutex
	next int
}

// newPorts starts at a random place, because other test processes do the same.
func newPorts() *Ports { return &Ports{next: 20000 + rand.IntN(10000)} }

// Free returns the next port that nobody listens on.
func (p *Ports) Free() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 1000 {
		p.next++
		listener, err := net.Listen("tcp", Address(p.next))
		if err == nil {
			return p.next, listener.Close()
		}
	}
	return 0, errors.New("no port of loopback is free")
}

// Address is port of loopback, as host:port.
func Address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

func accepts(port int) func(context.Context) error {
	return func(ctx context.Context) error {
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, "tcp", Address(port))
		if err != nil {
			return err
		}
		return connection.Close()
	}
}

// program finds an installed program, or says how to install it.
func program(name, debianPackage string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s is missing; install it: apt-get install %s", name, debianPackage)
	}
	return found[len(found)-1], nil
}

// unprivileged is the user that PostgreSQL runs as: it refuses to run as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find a user for PostgreSQL: %w; install it: apt-get install postgresql", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read uid: %w", err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read gid: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
