package heartbeat

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// Job is a command whose start and end are reported.
type Job struct {
	Client  Client
	Name    string
	Command []string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	// Unsaid is told of a report that did not arrive. The command goes on and
	// its exit code counts: the silence will be noticed at the other end.
	Unsaid func(error)
}

// toEnd is how long a command has to end after it was asked to.
const toEnd = 10 * time.Second

// Exit codes of a command that could not be run, as shells have them.
const (
	exitNotRun   = 126
	exitNotFound = 127
	exitSignal   = 128
)

// Run runs the command, reports, and returns its exit code. When ctx ends, the
// command is asked to end (SIGTERM), and its end is still reported.
func (j Job) Run(ctx context.Context) int {
	said := make(chan struct{})
	go func() {
		// The start is worth one attempt: it must not hold the job up.
		defer close(said)
		once := j.Client
		once.Retry = 0
		j.send(ctx, once, Said{State: Started})
	}()
	started := time.Now()
	code, message := j.execute(ctx)
	report := Said{State: Succeeded, ExitCode: code, DurationSeconds: time.Since(started).Seconds(), Message: message}
	if code != 0 {
		report.State = Gone
	}
	<-said
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.Client.Retry+toEnd)
	defer cancel()
	j.send(ending, j.Client, report)
	return code
}

func (j Job) send(ctx context.Context, client Client, said Said) {
	if _, err := client.Send(ctx, j.Name, said); err != nil {
		j.Unsaid(err)
	}
}

// execute returns the exit code of the command, and what else is known of a bad
// end.
func (j Job) execute(ctx context.Context) (code int, message string) {
	command := exec.CommandContext(ctx, j.Command[0], j.Command[1:]...)
	command.Stdin, command.Stdout, command.Stderr = j.Stdin, j.Stdout, j.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = toEnd
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, ""
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return exitSignal + int(status.Signal()), exit.Error()
		}
		return exit.ExitCode(), ""
	case errors.Is(err, exec.ErrNotFound):
		return exitNotFound, err.Error()
	case command.ProcessState != nil && command.ProcessState.Success():
		// It ended well, and something it left running kept its output open.
		return 0, err.Error()
	default:
		return exitNotRun, err.Error()
	}
}
