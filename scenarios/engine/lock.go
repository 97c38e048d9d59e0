package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrBusy says that another scenario runs: one experiment at a time.
var ErrBusy = errors.New("another scenario is running")

// maxHolder bounds the name of a holder, in bytes.
const maxHolder = 256

// Lock takes the right to break things from every other Tocsin with the same
// state folder, in holder's name, until release is called or the process ends.
// It fails with ErrBusy and the name of who has it.
func Lock(stateDir, holder string) (release func() error, err error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	path := filepath.Join(stateDir, "scenario.lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open scenario lock: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		other, readErr := io.ReadAll(io.LimitReader(file, maxHolder))
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrBusy, strings.TrimSpace(string(other))), readErr, file.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	if err := name(file, holder); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file.Close, nil
}

func name(file *os.File, holder string) error {
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("write holder of scenario lock: %w", err)
	}
	if _, err := file.WriteAt([]byte(holder+"\n"), 0); err != nil {
		return fmt.Errorf("write holder of scenario lock: %w", err)
	}
	return nil
}
