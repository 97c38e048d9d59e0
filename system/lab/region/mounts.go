package region

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mount makes the region's own view of the file system. Nothing of it is seen
// outside, and all of it goes when the last process does.
func mount(order Order) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	const quiet = unix.MS_NOSUID | unix.MS_NODEV
	// The state folder is for its owner alone, and may be under a home that
	// only its owner can enter. The pods run as others: what they need is bound
	// to places that everybody can reach. All is opened first, for it may lie
	// below what is about to be covered.
	bound := []struct{ from, to string }{
		{order.State, rootInside}, {order.State + "/" + PodsFolder, podsInside}, {order.Programs, programsInside},
	}
	handles := make([]*os.File, len(bound))
	for i, bind := range bound {
		handle, err := os.Open(bind.from)
		if err != nil {
			return fmt.Errorf("open %s: %w", bind.from, err)
		}
		handles[i] = handle
	}
	for _, fresh := range []struct{ kind, at, options string }{
		{"proc", "/proc", ""}, {"tmpfs", "/run", "mode=755,size=16m"}, {"tmpfs", "/dev/shm", "mode=1777,size=512m"},
	} {
		if err := unix.Mount(fresh.kind, fresh.at, fresh.kind, quiet, fresh.options); err != nil {
			return fmt.Errorf("mount %s: %w", fresh.at, err)
		}
	}
	for i, bind := range bound {
		if err := os.Mkdir(bind.to, 0o755); err != nil {
			return fmt.Errorf("make %s: %w", bind.to, err)
		}
		from := fmt.Sprintf("/proc/self/fd/%d", handles[i].Fd())
		if err := unix.Mount(from, bind.to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s to %s: %w", bind.from, bind.to, err)
		}
		if err := handles[i].Close(); err != nil {
			return fmt.Errorf("close %s: %w", bind.from, err)
		}
	}
	return nil
}
