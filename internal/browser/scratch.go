package browser

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	scratchPrefix = "tocsin-chromium-"
	lockFile      = "in-use"
	// abandonedAfter is how old a folder must be before it is looked at: a new
	// one may not be locked yet.
	abandonedAfter = time.Minute
)

// scratch is a folder for all that one Chromium writes. It is locked while its
// owner lives, so that the folders of owners that were killed can be told.
type scratch struct {
	folder string
	lock   *os.File
}

// newScratch makes a folder, and removes those that nobody uses any more.
func newScratch() (*scratch, error) {
	parent := scratchParent()
	removeAbandoned(parent, time.Now())
	folder, err := os.MkdirTemp(parent, scratchPrefix)
	if err != nil {
		return nil, fmt.Errorf("make folder for Chromium: %w", err)
	}
	lock, err := lockFolder(folder)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock folder for Chromium: %w", err), os.RemoveAll(folder))
	}
	return &scratch{folder: folder, lock: lock}, nil
}

// scratchParent is where the folders are made. Chromium puts a socket into its
// own, whose path may have 108 bytes: a long TMPDIR will not do.
func scratchParent() string {
	const longest = 32
	if parent := os.TempDir(); len(parent) <= longest {
		return parent
	}
	return "/tmp"
}

// lockFolder takes the lock, which ends with this process at the latest.
func lockFolder(folder string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// removeAbandoned removes folders whose owners were killed. What cannot be
// removed belongs to somebody else, or is for the next start.
func removeAbandoned(parent string, now time.Time) {
	folders, err := filepath.Glob(filepath.Join(parent, scratchPrefix+"*"))
	if err != nil {
		return
	}
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil || now.Sub(info.ModTime()) < abandonedAfter {
			continue
		}
		left := &scratch{folder: folder}
		if left.lock, err = lockFolder(folder); err != nil {
			continue
		}
		_ = left.remove()
	}
}

func (s *scratch) profile() string { return filepath.Join(s.folder, "profile") }

func (s *scratch) remove() error {
	err := os.RemoveAll(s.folder)
	if err = errors.Join(err, s.lock.Close()); err != nil {
		return fmt.Errorf("remove files of Chromium: %w", err)
	}
	return nil
}
