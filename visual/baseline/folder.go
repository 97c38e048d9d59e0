package baseline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// folder keeps baselines as files that people review in Git: each under a name
// that stays the same, so that a review shows the old beside the new.
type folder struct{ root string }

func (f folder) path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

func (f folder) where(name string) string { return f.path(name) }

func (folder) keptAs(part, _ string) string { return part }

const (
	// patience is how long another process may keep a page to itself; it needs
	// milliseconds.
	patience  = 10 * time.Second
	lookAgain = 5 * time.Millisecond
)

// hold locks the folder of a page itself: a file for it would be one more that
// Git sees. The kernel releases it when the process dies. On a file system that
// knows no locks nobody waits, and the versions have to do.
func (f folder) hold(ctx context.Context, name string, alone bool) (func() error, error) {
	path, how := f.path(name), syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
	}
	held, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	if err := lock(ctx, held, how); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), held.Close())
	}
	return held.Close, nil
}

// lock asks again and again, because waiting in the kernel ends with no deadline.
func lock(ctx context.Context, file *os.File, how int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		switch {
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EBADF), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOLCK):
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another process keeps it: %w", ctx.Err())
		case <-again.C:
		}
	}
}

func (f folder) read(_ context.Context, name string) (content []byte, _ version, err error) {
	file, err := os.Open(f.path(name))
	if err != nil {
		return nil, absent, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, absent, err
	}
	if info.Size() <= largest {
		content, err = io.ReadAll(io.LimitReader(file, largest+1))
	}
	if err != nil {
		return nil, absent, err
	}
	if info.Size() > largest || len(content) > largest {
		return nil, absent, fmt.Errorf("%s: %w", f.path(name), errTooLarge)
	}
	return content, version(Hash(content)), nil
}

// write holds the version against the file only to notice hands other than
// ours, such as a checkout: other processes of ours wait in hold.
func (f folder) write(ctx context.Context, name string, content []byte, onlyIf version) error {
	if onlyIf != anyVersion {
		_, now, err := f.read(ctx, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if now != onlyIf {
			return fmt.Errorf("%s: %w", f.path(name), errMoved)
		}
	}
	return replace(f.path(name), content)
}

// historyFile holds a decision a line.
const historyFile = "history.jsonl"

// add writes the history anew as a whole: a line that is cut off would break all
// that follow. The page is held, so nobody else adds to it meanwhile.
func (f folder) add(ctx context.Context, page string, decision []byte, _ time.Time) error {
	file := page + "/" + historyFile
	before, at, err := f.read(ctx, file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.write(ctx, file, slices.Concat(before, decision, []byte("\n")), at)
}

func (f folder) added(ctx context.Context, page string) ([]entry, error) {
	file := page + "/" + historyFile
	content, _, err := f.read(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []entry
	for line := range bytes.Lines(content) {
		all = append(all, entry{where: fmt.Sprintf("%s line %d", f.path(file), len(all)+1), content: line})
	}
	return all, nil
}

// replace replaces a file so that after a loss of power it is the old or the new
// one.
func replace(path string, content []byte) error {
	folder := filepath.Dir(path)
	if err := renameio.WriteFile(path, content, 0o600, renameio.WithTempDir(folder)); err != nil {
		return err
	}
	return syncFolder(folder)
}

// syncFolder makes the renaming itself survive.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
