package pod

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"tocsin/system/lab/netns"
)

// Spec is what a pod runs, and where.
type Spec struct {
	// Name is the pod's name in logs and status, such as "a/etcd".
	Name string
	// Path, Args and Env are the program, its arguments without the name,
	// and its whole environment.
	Path string
	Args []string
	Env  []string
	// User is the system user to run as.
	User string
	// Nice is its priority, as in nice(1); without root it cannot be raised.
	Nice int
	// Namespace is the network it is in.
	Namespace *netns.Namespace
	// Log is the file that takes its output.
	Log string
	// Rootless is true in a lab without root: users are then mapped and not
	// switched to.
	Rootless bool
}

// process is one running incarnation of a pod.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; valid once done is closed
}

// namespaces are what a pod has of its own beside its network.
const namespaces = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC

func start(spec Spec) (*process, error) {
	as, err := lookup(spec.User)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(spec.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", spec.Name, err)
	}
	nice := spec.Nice
	if spec.Rootless {
		nice = max(nice, 0)
	}
	args := append([]string{ShimCommand, strconv.Itoa(as.uid), strconv.Itoa(as.gid), strconv.Itoa(nice), spec.Path}, spec.Args...)
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = spec.Env
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true}
	if spec.Rootless {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: as.uid, HostID: 0, Size: 1}}
		// The mapped user is not root, and would lose at exec what the shim
		// needs to mount /proc; the shim gives it up.
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: as.gid, HostID: 0, Size: 1}}
	}
	startErr := spec.Namespace.Do(cmd.Start)
	closeErr := log.Close()
	if startErr != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, startErr)
	}
	started := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		started.err = cmd.Wait()
		close(started.done)
	}()
	if closeErr != nil {
		return started, fmt.Errorf("close log of %s: %w", spec.Name, closeErr)
	}
	return started, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process and, with it, its PID namespace. It returns when the
// kernel says that all of it has ended.
func (p *process) kill() {
	// The only error is that it has ended already, which is what is wanted.
	if err := p.cmd.Process.Kill(); err == nil {
		<-p.done
	}
}

// signalAll sends sig to every process of the pod's PID namespace.
func (p *process) signalAll(sig syscall.Signal) error {
	pids, err := p.members()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal process %d: %w", pid, err)
		}
	}
	return nil
}

// members lists the processes that share the pod's PID namespace, as the lab
// numbers them.
func (p *process) members() ([]int, error) {
	space, err := pidNamespace(p.pid())
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// A process that ended meanwhile belongs to no namespace.
		if its, err := pidNamespace(pid); err == nil && its == space {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func pidNamespace(pid int) (string, error) {
	space, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/pid")
	if err != nil {
		return "", fmt.Errorf("read PID namespace of %d: %w", pid, err)
	}
	return space, nil
}

// states lists the run states of the pod's processes.
func (p *process) states() ([]byte, error) {
	pids, err := p.members()
	if err != nil {
		return nil, err
	}
	var states []byte
	for _, pid := range pids {
		state, err := runState(pid)
		if errors.Is(err, os.ErrNotExist) {
			continue // it ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		states = append(states, state)
	}
	return states, nil
}

// stopped is the state of a process that a signal stopped, and zombie of one
// that has ended and can no longer be.
const (
	stopped = 'T'
	zombie  = 'Z'
)

func allStopped(states []byte) bool {
	return !slices.ContainsFunc(states, func(state byte) bool { return state != stopped && state != zombie })
}

func noneStopped(states []byte) bool { return !slices.Contains(states, stopped) }

// runState reads the one-letter state of proc_pid_stat(5): it follows the
// command name, which is in parentheses and may itself contain any character.
func runState(pid int) (byte, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("read state of process %d: %w", pid, err)
	}
	for i := len(stat) - 1; i >= 0; i-- {
		if stat[i] == ')' && i+2 < len(stat) {
			return stat[i+2], nil
		}
	}
	return 0, fmt.Errorf("read state of process %d: unexpected %q", pid, stat)
}
