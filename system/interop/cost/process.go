package cost

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go
// supports. Loads must be long enough for 10 ms not to matter.
const tick = 10 * time.Millisecond

// Of proc(5), counted from the first field after the command's name: parent,
// then user and system time, own and of children that have ended.
const (
	fieldParent = 1
	fieldUser   = 11
	timeFields  = 4
)

// fields returns what /proc/PID/stat says after the command's name, which may
// itself hold spaces and brackets.
func fields(pid int) ([][]byte, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil, fmt.Errorf("read CPU time: %w", err)
	}
	all := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(all) < fieldUser+timeFields {
		return nil, fmt.Errorf("read CPU time: %d fields for process %d", len(all), pid)
	}
	return all, nil
}

// ofProcess returns the CPU time of a process and of its children that ended.
func ofProcess(pid int) (time.Duration, error) {
	all, err := fields(pid)
	if err != nil {
		return 0, err
	}
	var ticks int64
	for _, field := range all[fieldUser : fieldUser+timeFields] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read CPU time of process %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// kin are the children of each process.
type kin map[int][]int

// family returns who descends from whom, now.
func family() (kin, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	children := kin{}
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		all, err := fields(child)
		if err != nil {
			continue // it ended meanwhile
		}
		parent, err := strconv.Atoi(string(all[fieldParent]))
		if err != nil {
			return nil, fmt.Errorf("parent of process %d: %w", child, err)
		}
		children[parent] = append(children[parent], child)
	}
	return children, nil
}

// spent returns the CPU time of pid and of its descendants, but not of those
// below another of roots. A process that ended counts to the one that waited
// for it.
func (k kin) spent(pid int, roots map[int]bool) (time.Duration, error) {
	sum, err := ofProcess(pid)
	if err != nil {
		return 0, err
	}
	for _, child := range k[pid] {
		if roots[child] {
			continue
		}
		of, err := k.spent(child, roots)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
		sum += of
	}
	return sum, nil
}

// Below returns the processes that descend from pid, nearest first.
func Below(pid int) ([]int, error) {
	children, err := family()
	if err != nil {
		return nil, err
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all[1:], nil
}
