package pod

import (
	"fmt"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ShimCommand is the hidden command of the lab that becomes a pod's first
// process: it finishes the namespaces from inside and then turns into the
// component.
const ShimCommand = "pod-shim"

// account is the user a component runs as.
type account struct{ uid, gid int }

// lookup finds the account of a system user that a Debian package made.
func lookup(name string) (account, error) {
	found, err := user.Lookup(name)
	if err != nil {
		return account{}, fmt.Errorf("find user %s: %w", name, err)
	}
	uid, err := strconv.Atoi(found.Uid)
	if err != nil {
		return account{}, fmt.Errorf("read uid of %s: %w", name, err)
	}
	gid, err := strconv.Atoi(found.Gid)
	if err != nil {
		return account{}, fmt.Errorf("read gid of %s: %w", name, err)
	}
	return account{uid, gid}, nil
}

// Shim is the first process of a pod: args are uid, gid, priority, the program's
// path and its arguments. It returns only on error.
func Shim(args []string) error {
	if len(args) < 4 {
		return fmt.Errorf("pod shim: want uid, gid, priority and a program, got %d arguments", len(args))
	}
	var numbers [3]int
	for i, what := range []string{"uid", "gid", "priority"} {
		number, err := strconv.Atoi(args[i])
		if err != nil {
			return fmt.Errorf("pod shim: %s %q: %w", what, args[i], err)
		}
		numbers[i] = number
	}
	// A priority is a thread's own: it is set by the one that becomes the program.
	runtime.LockOSThread()
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, numbers[2]); err != nil {
		return fmt.Errorf("pod shim: set priority %d: %w", numbers[2], err)
	}
	// The component must see its own processes under /proc, not the lab's:
	// Patroni looks up its postmaster there by number.
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("pod shim: mount /proc: %w", err)
	}
	if err := drop(account{numbers[0], numbers[1]}); err != nil {
		return err
	}
	if err := syscall.Exec(args[3], args[3:], os.Environ()); err != nil {
		return fmt.Errorf("pod shim: run %s: %w", args[3], err)
	}
	return nil
}

// drop gives up root for good.
func drop(to account) error {
	if os.Getuid() != to.uid || os.Getgid() != to.gid {
		if err := syscall.Setgroups(nil); err != nil {
			return fmt.Errorf("pod shim: drop groups: %w", err)
		}
		if err := syscall.Setgid(to.gid); err != nil {
			return fmt.Errorf("pod shim: become group %d: %w", to.gid, err)
		}
		if err := syscall.Setuid(to.uid); err != nil {
			return fmt.Errorf("pod shim: become user %d: %w", to.uid, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("pod shim: drop capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("pod shim: forbid new privileges: %w", err)
	}
	return nil
}
