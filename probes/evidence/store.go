package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ErrNone means that there is no evidence of a run.
var ErrNone = errors.New("no evidence of this run")

// Open reads the bundle of a run.
func Open(folder, runID string) (Bundle, error) {
	if !plainName.MatchString(runID) {
		return Bundle{}, fmt.Errorf("run %q: %w", runID, ErrNone)
	}
	data, err := os.ReadFile(filepath.Join(folder, runID, manifest))
	if errors.Is(err, fs.ErrNotExist) {
		return Bundle{}, fmt.Errorf("run %s: %w", runID, ErrNone)
	}
	if err != nil {
		return Bundle{}, fmt.Errorf("read evidence: %w", err)
	}
	var bundle Bundle
	if err := json.Unmarshal(data, &bundle); err != nil {
		return Bundle{}, fmt.Errorf("evidence of run %s is damaged: %w", runID, err)
	}
	return bundle, nil
}

// List returns the bundles in folder, newest first. One that cannot be read is
// left out, and its error is part of the second result.
func List(folder string) ([]Bundle, error) {
	stored, err := scan(folder)
	if err != nil {
		return nil, err
	}
	var bundles []Bundle
	var damaged []error
	for _, one := range stored {
		if !one.bundle {
			continue
		}
		bundle, err := Open(folder, one.name)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		bundles = append(bundles, bundle)
	}
	slices.SortFunc(bundles, func(a, b Bundle) int { return b.Started.Compare(a.Started) })
	return bundles, errors.Join(damaged...)
}

// stored is the folder of a run that holds evidence: a bundle, or pictures only.
type stored struct {
	name   string
	at     time.Time
	bytes  int64
	bundle bool
}

// pictures is the folder, inside that of a run, in which visual checks leave what
// they saw.
const pictures = "visual"

// scan finds the folders that hold evidence. Other folders of runs, such as
// the reports of scenarios, are not looked at.
func scan(folder string) ([]stored, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list evidence: %w", err)
	}
	var found []stored
	for _, entry := range entries {
		one := stored{name: entry.Name(), bundle: true}
		info, err := os.Stat(filepath.Join(folder, one.name, manifest))
		if err != nil {
			one.bundle = false
			if info, err = os.Stat(filepath.Join(folder, one.name, pictures)); err != nil {
				continue // not evidence, or taken away meanwhile
			}
		}
		one.at, one.bytes = info.ModTime(), size(filepath.Join(folder, one.name))
		found = append(found, one)
	}
	slices.SortFunc(found, func(a, b stored) int { return a.at.Compare(b.at) })
	return found, nil
}

// size is how many bytes a folder holds. What is taken away meanwhile counts as
// nothing.
func size(folder string) (bytes int64) {
	_ = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// Prune takes away what is too old, and then the oldest until the rest is
// small enough.
func (k *Keeper) Prune() error {
	all, err := scan(k.cfg.Folder)
	if err != nil {
		return err
	}
	var total int64
	for _, one := range all {
		total += one.bytes
	}
	oldest := k.cfg.Now().Add(-k.cfg.MaxAge)
	var failed []error
	for _, one := range all {
		if !one.at.Before(oldest) && total <= k.cfg.MaxTotal {
			break
		}
		if err := os.RemoveAll(filepath.Join(k.cfg.Folder, one.name)); err != nil {
			failed = append(failed, fmt.Errorf("prune evidence: %w", err))
			continue
		}
		total -= one.bytes
	}
	return errors.Join(failed...)
}
