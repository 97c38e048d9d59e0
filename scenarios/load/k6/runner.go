package k6

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"tocsin/scenarios/load"
)

// stopGrace is how long k6 may take to end after it was interrupted, before its
// whole process group is killed.
const stopGrace = 10 * time.Second

// Config of a Runner.
type Config struct {
	// Binary is the path of k6, as Find returns it.
	Binary string
	Login  Login
	// Folder holds the work folders of runs; the system's temporary one if empty.
	Folder string
}

func (c *Config) defaults() error {
	if c.Binary == "" {
		return ErrMissing
	}
	if c.Login.Count < 1 {
		return errors.New("run load: the target has no accounts for load (accounts.load)")
	}
	return nil
}

// Runner runs loads, one process each.
type Runner struct {
	config Config
}

// New returns a Runner. It fails with ErrMissing without a binary.
func New(config Config) (*Runner, error) {
	if err := config.defaults(); err != nil {
		return nil, err
	}
	return &Runner{config: config}, nil
}

// Run performs plan and calls observe with every login as it ends, from one
// goroutine. When ctx ends, k6 is interrupted and what it did until then is
// returned with Stopped set. An error means that the load itself did not work,
// which says nothing about the target.
func (r *Runner) Run(ctx context.Context, plan load.Plan, observe func(load.Login)) (end load.End, err error) {
	if plan.Rate < 1 || plan.Duration < time.Second {
		return load.End{}, fmt.Errorf("run load: %d logins/s for %s is no load", plan.Rate, plan.Duration)
	}
	folder, err := os.MkdirTemp(r.config.Folder, "load-")
	if err != nil {
		return load.End{}, fmt.Errorf("make work folder of load: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	settingsFile, summaryFile, err := arrange(folder, r.config.Login, plan)
	if err != nil {
		return load.End{}, err
	}
	read, exit, err := r.execute(ctx, folder, settingsFile, observe)
	if err != nil {
		return load.End{}, err
	}
	if read.scriptError != nil {
		return load.End{}, fmt.Errorf("run load: %w", read.scriptError)
	}
	stopped := ctx.Err() != nil
	usable, meaning := explain(exit, stopped)
	if !usable {
		return load.End{}, fmt.Errorf("run load: %s (exit code %d)%s", meaning, exit, read.lastWords())
	}
	return conclude(summaryFile, read, exit, stopped)
}

// execute runs the process to its end. The lines come through its standard
// error, so the codes and tokens in them never touch a disk.
func (r *Runner) execute(ctx context.Context, folder, settingsFile string, observe func(load.Login)) (_ *reader, exitCode int, err error) {
	lines, input, err := os.Pipe()
	if err != nil {
		return nil, 0, fmt.Errorf("make pipe for k6: %w", err)
	}
	defer func() { err = errors.Join(err, lines.Close()) }()
	running, abort := context.WithCancel(ctx)
	defer abort()
	command := r.command(running, folder, settingsFile)
	command.Stderr = input
	command.Stdout = io.Discard
	if err := command.Start(); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("start k6: %w", err), input.Close())
	}
	if err := input.Close(); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("close pipe of k6: %w", err), command.Cancel(), command.Wait())
	}
	read := &reader{observe: observe, abort: abort}
	readErr := read.all(lines)
	waitErr := command.Wait()
	if readErr != nil {
		return nil, 0, fmt.Errorf("read lines of k6: %w", readErr)
	}
	var exit *exec.ExitError
	if waitErr != nil && !errors.As(waitErr, &exit) && running.Err() == nil {
		return nil, 0, fmt.Errorf("wait for k6: %w", waitErr)
	}
	return read, command.ProcessState.ExitCode(), nil
}

func (r *Runner) command(ctx context.Context, folder, settingsFile string) *exec.Cmd {
	command := exec.CommandContext(ctx, r.config.Binary, "run", "--quiet", "--no-color", "--no-usage-report",
		"--address", "", "--log-output", "stderr", "--log-format", "raw", filepath.Join(folder, load.Entry))
	command.Dir = folder
	command.Env = environment(r.config.Login.CAFile, settingsFile, folder)
	// A group of its own: a Ctrl-C in the terminal reaches us alone, and we
	// decide how the load ends.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	command.Cancel = func() error { return signalGroup(command.Process.Pid, syscall.SIGINT) }
	command.WaitDelay = stopGrace
	return command
}

// environment is all that k6 gets to see of ours. HTTP/1.1 because Go's HTTP/2
// client keeps using a connection whose far end has lost power, where a browser
// opens a new one.
func environment(caFile, settingsFile, home string) []string {
	variables := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir(),
		"TOCSIN_LOAD_CONFIG=" + settingsFile,
		"K6_AUTO_EXTENSION_RESOLUTION=false", "GODEBUG=http2client=0",
	}
	if caFile != "" {
		variables = append(variables, "SSL_CERT_FILE="+caFile)
	}
	return variables
}

func signalGroup(pid int, signal syscall.Signal) error {
	err := syscall.Kill(-pid, signal)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	if err != nil {
		return fmt.Errorf("send %s to process group %d: %w", signal, pid, err)
	}
	return nil
}

// conclude joins the summary with what the lines said. A load that was stopped
// has no summary to rely on.
func conclude(summaryFile string, read *reader, exit int, stopped bool) (load.End, error) {
	end := load.End{Iterations: read.logins, Unreadable: read.unreadable, ExitCode: exit, Stopped: stopped}
	if read.unreadable > 0 {
		end.Note = fmt.Sprintf("%d lines could not be read: %v", read.unreadable, read.firstUnreadable)
	}
	told, err := readSummary(summaryFile)
	if err != nil {
		if stopped {
			return end, nil
		}
		return end, err
	}
	end.Iterations = told.count("iterations")
	end.Dropped = told.count("dropped_iterations")
	end.Interrupted = max(end.Iterations-read.logins-read.unreadable, 0)
	return end, nil
}
