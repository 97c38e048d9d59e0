package k6

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrMissing says that k6 is not installed: a fault of our own, never the
// target's.
var ErrMissing = errors.New("k6 not found; build it with: make bin/k6")

// Find returns the k6 program: explicit if given, else $TOCSIN_K6, else the one
// beside this program, else the one in PATH.
func Find(explicit string) (string, error) {
	for _, named := range []string{explicit, os.Getenv("TOCSIN_K6")} {
		if named == "" {
			continue
		}
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrMissing, err)
		}
		return absolute(path)
	}
	self, err := os.Executable()
	if err == nil {
		path, err := exec.LookPath(filepath.Join(filepath.Dir(self), "k6"))
		if err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath("k6")
	if err != nil {
		return "", ErrMissing
	}
	return absolute(path)
}

// absolute is needed because k6 is started in a folder of its own.
func absolute(path string) (string, error) {
	found, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find k6: %w", err)
	}
	return found, nil
}
