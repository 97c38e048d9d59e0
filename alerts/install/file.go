package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// file is a configuration file of a running program, and what it held before.
type file struct {
	path    string
	before  []byte
	existed bool
}

// replace puts data in the place of the file at path. A reader sees the old
// content or the new, never a part; a crash leaves one of the two.
func replace(path string, data []byte) (*file, error) {
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s before changing it: %w", path, err)
	}
	replaced := &file{path: path, before: before, existed: err == nil}
	if err := writeWhole(path, data); err != nil {
		return nil, err
	}
	return replaced, nil
}

// restore puts back what the file held before.
func (f *file) restore() error {
	if f.existed {
		return writeWhole(f.path, f.before)
	}
	if err := os.Remove(f.path); err != nil {
		return fmt.Errorf("remove %s again: %w", f.path, err)
	}
	return nil
}

// mode lets the program that reads the file run as another user.
const mode = 0o644

func writeWhole(path string, data []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(temporary.Name()))
		}
	}()
	if err := fill(temporary, data); err != nil {
		return errors.Join(err, temporary.Close())
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

func fill(out *os.File, data []byte) error {
	if _, err := out.Write(data); err != nil {
		return err
	}
	if err := out.Chmod(mode); err != nil {
		return err
	}
	return out.Sync()
}
