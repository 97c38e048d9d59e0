package buffer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tocsin/internal/journal"
)

// log is one file of the buffer.
type log struct {
	id      string
	path    string
	journal *journal.Journal
	// last is the number of its newest event, acknowledged that of the newest
	// the central has. Numbers have no gaps: an append that fails takes none.
	last, acknowledged int64
	// oldest is when the oldest event was recorded that is not acknowledged.
	oldest time.Time
}

func (l *log) waiting() int64 { return max(l.last-l.acknowledged, 0) }

// size of the log on disk, in bytes.
func (l *log) size() int64 {
	total := int64(0)
	for _, suffix := range suffixes {
		if info, err := os.Stat(l.path + suffix); err == nil {
			total += info.Size()
		}
	}
	return total
}

// suffixes of the files that SQLite keeps for one database.
var suffixes = []string{"", "-wal", "-shm"}

// open opens the journal of a log, unless it is open, and learns how far it
// goes.
func (l *log) open(ctx context.Context) error {
	if l.journal != nil {
		return nil
	}
	opened, err := journal.Open(ctx, l.path)
	if err != nil {
		return fmt.Errorf("open log of buffer: %w", err)
	}
	newest, err := opened.Read(ctx, journal.Query{Limit: 1, Newest: true})
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	l.journal = opened
	if len(newest) > 0 {
		l.last = newest[0].Seq
	}
	return l.age(ctx)
}

// age finds out how old the oldest event is that waits.
func (l *log) age(ctx context.Context) error {
	l.oldest = time.Time{}
	if l.waiting() == 0 {
		return nil
	}
	first, err := l.journal.Read(ctx, journal.Query{AfterSeq: l.acknowledged, Limit: 1})
	if err != nil {
		return fmt.Errorf("read log of buffer: %w", err)
	}
	if len(first) > 0 {
		l.oldest = first[0].Time
	}
	return nil
}

func (l *log) close() error {
	if l.journal == nil {
		return nil
	}
	err := l.journal.Close()
	l.journal = nil
	return err
}

// remove deletes the files of a log.
func (l *log) remove() error {
	errs := []error{l.close()}
	for _, suffix := range suffixes {
		if err := os.Remove(l.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("delete log of buffer: %w", err))
		}
	}
	return errors.Join(errs...)
}

const logSuffix = ".log.db"

// find lists the logs of a folder, oldest first. A number in front of each name
// keeps their order whatever the clock does.
func find(folder string) ([]*log, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*"+logSuffix))
	if err != nil {
		return nil, fmt.Errorf("list logs of buffer: %w", err)
	}
	slices.Sort(paths)
	logs := make([]*log, 0, len(paths))
	for _, path := range paths {
		logs = append(logs, &log{id: strings.TrimSuffix(filepath.Base(path), logSuffix), path: path})
	}
	return logs, nil
}
