package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tocsin/internal/journal"
)

// SecretFile checks that a file can be read by us and by nobody else.
func SecretFile(name, path string) Check {
	return Check{Name: name, Run: func(context.Context) Finding {
		file, err := os.Open(path)
		if err != nil {
			return Ours(err.Error(), "let the user that runs tocsin read it")
		}
		info, err := file.Stat()
		if err := errors.Join(err, file.Close()); err != nil {
			return Ours(err.Error(), "check the disk")
		}
		if open := info.Mode().Perm() & 0o077; open != 0 {
			return Ours(fmt.Sprintf("%s has mode %04o: others on this machine can use it", path, info.Mode().Perm()), "chmod 600 "+path)
		}
		return Good(fmt.Sprintf("%s, mode %04o", path, info.Mode().Perm()))
	}}
}

// leastSpace is below what the journal of one day needs, in bytes.
const leastSpace = 512 << 20

// Journal checks that the journal opens, takes no harm in doing so, and has
// room to grow.
func Journal(stateDir string) Check {
	return Check{Name: "journal", Run: func(ctx context.Context) Finding {
		path := filepath.Join(stateDir, "journal.db")
		opened, err := journal.Open(ctx, path)
		if err != nil {
			return Ours(err.Error(), "mend it as it says, or choose another folder with --state")
		}
		if err := errors.Join(opened.Writable(ctx), opened.Close()); err != nil {
			return Ours(err.Error(), "mend it as it says, or choose another folder with --state")
		}
		var disk unix.Statfs_t
		if err := unix.Statfs(stateDir, &disk); err != nil {
			return Ours(fmt.Sprintf("free space of %s is not known: %v", stateDir, err), "check the disk")
		}
		free := disk.Bavail * uint64(disk.Bsize)
		if free < leastSpace {
			return Ours(fmt.Sprintf("%s has %d MiB left", stateDir, free>>20), "free space, or choose another folder with --state")
		}
		return Good(fmt.Sprintf("%s can be written, %d MiB left", path, free>>20))
	}}
}
