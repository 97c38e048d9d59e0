package browser

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// group is the process group of a browser and all that it starts. It is a group
// of its own, so that Ctrl-C in a terminal reaches Tocsin alone, which then ends
// the browser in order.
type group struct {
	cmd *exec.Cmd
	id  atomic.Int64 // 0 before the start
}

// endLimit bounds waiting for killed processes to be gone.
const endLimit = 5 * time.Second

// lead makes cmd the first process of the group. The kernel ends it when this
// process dies, kill -9 included: Chromium's other processes end when the first
// one is gone.
func (g *group) lead(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error {
		g.id.Store(int64(cmd.Process.Pid))
		g.kill()
		return nil
	}
	g.cmd = cmd
}

// led notes the id of the group once its first process was started, or could
// not be.
func (g *group) led() {
	if g.cmd != nil && g.cmd.Process != nil {
		g.id.Store(int64(g.cmd.Process.Pid))
	}
}

// kill ends every process of the group at once.
func (g *group) kill() {
	if id := int(g.id.Load()); id > 0 {
		// The error is that the group is gone already.
		_ = syscall.Kill(-id, syscall.SIGKILL)
	}
}

// end kills the group and waits until it is gone.
func (g *group) end() error {
	deadline := time.Now().Add(endLimit)
	for {
		g.kill()
		members, err := g.members()
		if err != nil {
			return fmt.Errorf("end browser: %w", err)
		}
		if len(members) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("end browser: %d of its processes do not end", len(members))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// member is a process of the group.
type member struct {
	pid int
	// anonymous is its memory that it shares with nobody, in bytes.
	anonymous int64
}

// members are the processes of the group that have not ended.
func (g *group) members() ([]member, error) {
	id := int(g.id.Load())
	if id == 0 {
		return nil, nil
	}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var found []member
	for _, process := range processes {
		pid, err := strconv.Atoi(process.Name())
		if err != nil {
			continue
		}
		// Most processes are somebody else's: their files are not read.
		if leader, err := syscall.Getpgid(pid); err != nil || leader != id || ended(pid) {
			continue
		}
		found = append(found, member{pid: pid, anonymous: anonymous(pid)})
	}
	return found, nil
}

// memory is what the group uses, in bytes. What its processes share with each
// other and with files is not counted.
func (g *group) memory() (int64, error) {
	members, err := g.members()
	if err != nil {
		return 0, err
	}
	if len(members) == 0 {
		return 0, errors.New("the browser has no processes")
	}
	var sum int64
	for _, member := range members {
		sum += member.anonymous
	}
	return sum, nil
}

// ended reports whether a process is gone, or only waits to be counted out
// (proc(5)). Its name, in parentheses, may hold anything.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	return len(fields) == 0 || bytes.ContainsAny(fields[0], "ZX")
}

// anonymous is resident memory without what is shared, of a process that may
// end meanwhile.
func anonymous(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 3 {
		return 0
	}
	resident, residentErr := strconv.ParseInt(string(fields[1]), 10, 64)
	shared, sharedErr := strconv.ParseInt(string(fields[2]), 10, 64)
	if residentErr != nil || sharedErr != nil {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}
