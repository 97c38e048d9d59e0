package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/system/authenticator"
)

// instance is one process of the plug-in and the connections to it.
type instance struct {
	command *exec.Cmd
	input   io.Closer
	links   *links
	factors []authenticator.Factor
	// exited is closed when the process has ended, and failure is set.
	exited  chan struct{}
	failure error
}

// executable is the descriptor of the verified file in the child: the first
// after input, output and errors.
const executable = 3

// endGrace is how long a plug-in may take to end when asked to.
const endGrace = time.Second

// start verifies, starts and greets the plug-in.
func (h *Host) start(ctx context.Context) (*instance, error) {
	socket := filepath.Join(h.folder, "socket")
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	running, err := h.spawn(socket)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, h.config.StartTimeout)
	defer cancel()
	if err := h.greet(ctx, running); err != nil {
		running.end(0)
		return nil, err
	}
	return running, nil
}

// spawn starts the process; the caller's thread must live as long as it does.
func (h *Host) spawn(socket string) (*instance, error) {
	file, err := verified(h.config.Command[0], h.config.Digest)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read, and the child has its own descriptor
	command := exec.Command("/proc/self/fd/" + strconv.Itoa(executable))
	command.Args = append(append([]string{}, h.config.Command...), "--socket", socket)
	command.Env = []string{} // nil would hand over the provider's, with all that is in it
	command.Dir = h.folder
	command.ExtraFiles = []*os.File{file}
	output := &lineLogger{log: h.log}
	command.Stdout, command.Stderr = output, output
	command.WaitDelay = endGrace // a grandchild may keep the output open
	command.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		Setpgid:   true, // a terminal's interrupt is for the provider, which then ends the plug-in
	}
	// The other end closes with the provider, for plug-ins that outlive signals.
	input, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("connect plug-in: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start plug-in: %w", err)
	}
	running := &instance{command: command, input: input, links: newLinks(socket, h.config.MaxCalls), exited: make(chan struct{})}
	go func() {
		defer close(running.exited)
		running.failure = command.Wait()
	}()
	if err := limit(command.Process.Pid, h.config); err != nil {
		running.end(0)
		return nil, err
	}
	return running, nil
}

// filesPerCall is generous: a connection and what a call opens.
const filesPerCall = 4

// limit bounds what the plug-in may use. There is no core dump: it would hold PINs.
func limit(pid int, config Config) error {
	files := uint64(128 + filesPerCall*config.MaxCalls)
	for resource, bound := range map[int]uint64{
		unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: files, unix.RLIMIT_DATA: config.MaxMemory,
	} {
		limit := &unix.Rlimit{Cur: bound, Max: bound}
		err := unix.Prlimit(pid, resource, limit, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) { // it has died: its exit tells more
			return fmt.Errorf("limit plug-in: %w", err)
		}
	}
	return nil
}

// end makes sure that the process has ended and its connections are closed. It
// is asked to end, and grace later made to.
func (i *instance) end(grace time.Duration) {
	// Errors mean that it has ended already.
	_ = i.input.Close()
	_ = i.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-i.exited:
	case <-time.After(grace):
		_ = i.command.Process.Kill()
		<-i.exited
	}
	i.links.close()
}

// died returns why the process ended.
func (i *instance) died() error {
	if i.failure == nil {
		return errors.New("plug-in ended by itself")
	}
	return fmt.Errorf("plug-in ended: %w", i.failure)
}
