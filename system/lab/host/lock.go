package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockName is the file in the state folder that a running lab holds.
const lockName = "lab.lock"

// lock takes the state folder for this process. The kernel gives it back when
// the process ends, however it ends.
func lock(state string) (*os.File, error) {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(state, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, readErr := io.ReadAll(file)
		err = fmt.Errorf("another lab runs in %s (process %s)\nend it: lab down", state, strings.TrimSpace(string(holder)))
		return nil, errors.Join(err, readErr, file.Close())
	}
	truncErr := file.Truncate(0)
	_, writeErr := fmt.Fprintf(file, "%d\n", os.Getpid())
	if err := errors.Join(truncErr, writeErr); err != nil {
		return nil, errors.Join(fmt.Errorf("write lock: %w", err), file.Close())
	}
	return file, nil
}

// clean empties the state folder of an earlier lab, all but the lock.
func clean(state string) error {
	entries, err := os.ReadDir(state)
	if err != nil {
		return fmt.Errorf("read state folder: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == lockName {
			continue
		}
		if err := os.RemoveAll(filepath.Join(state, entry.Name())); err != nil {
			return fmt.Errorf("clean state folder: %w", err)
		}
	}
	return nil
}

// free reports whether no lab holds the state folder.
func free(state string) (bool, error) {
	file, err := os.Open(filepath.Join(state, lockName))
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("open lock: %w", err)
	}
	lockErr := syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if err := file.Close(); err != nil {
		return false, fmt.Errorf("close lock: %w", err)
	}
	return lockErr == nil, nil
}
