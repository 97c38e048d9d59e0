package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const schemaVersion = 2

// migrations lead from each version to the next. The triggers make the file
// append-only for every program that opens it.
var migrations = []string{`
CREATE TABLE events (
	seq      INTEGER PRIMARY KEY AUTOINCREMENT,
	time_ns  INTEGER NOT NULL,
	mono_ns  INTEGER NOT NULL,
	kind     TEXT NOT NULL,
	run_id   TEXT NOT NULL,
	trace_id TEXT NOT NULL,
	payload  TEXT NOT NULL
);
CREATE INDEX events_by_kind ON events (kind, seq);
CREATE INDEX events_by_run ON events (run_id, seq);
CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
PRAGMA user_version = 1;
`, `
ALTER TABLE events ADD COLUMN compactable INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_to_compact ON events (seq) WHERE compactable = 1;
CREATE TABLE series (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
);
CREATE TABLE segments (
	series INTEGER NOT NULL,
	hour   INTEGER NOT NULL,
	upto   INTEGER NOT NULL,
	events INTEGER NOT NULL,
	data   BLOB NOT NULL,
	PRIMARY KEY (series, hour, upto)
) WITHOUT ROWID;
CREATE TABLE compactions (
	upto    INTEGER PRIMARY KEY,
	time_ns INTEGER NOT NULL,
	events  INTEGER NOT NULL
);
DROP TRIGGER events_are_not_deleted;
CREATE TRIGGER events_are_deleted_only_when_compacted BEFORE DELETE ON events
WHEN OLD.compactable = 0 OR OLD.seq > (SELECT coalesce(max(upto), 0) FROM compactions)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER series_are_not_changed BEFORE UPDATE ON series
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER series_are_not_deleted BEFORE DELETE ON series
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER segments_are_not_changed BEFORE UPDATE ON segments
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER segments_are_not_deleted BEFORE DELETE ON segments
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER compactions_are_not_changed BEFORE UPDATE ON compactions
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER compactions_are_not_deleted BEFORE DELETE ON compactions
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
PRAGMA user_version = 2;
`}

// ErrFull means that there is no room for the journal to grow.
var ErrFull = errors.New("disk full")

// prepare creates the schema. The transaction is immediate, so of several
// processes that open a new journal at once, one creates it and the others see
// it done.
func (j *Journal) prepare(ctx context.Context) error {
	transaction, err := j.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	var version int
	if err := transaction.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return errors.Join(fmt.Errorf("read schema version: %w", err), rollback(transaction))
	}
	if version > schemaVersion {
		found := fmt.Errorf("schema version %d is newer than this program's %d: use the newer tocsin", version, schemaVersion)
		return errors.Join(found, rollback(transaction))
	}
	if version == schemaVersion {
		return rollback(transaction)
	}
	for _, migration := range migrations[version:] {
		if _, err := transaction.ExecContext(ctx, migration); err != nil {
			return errors.Join(fmt.Errorf("create schema: %w", err), rollback(transaction))
		}
	}
	if err := transaction.Commit(); err != nil {
		return fmt.Errorf("commit schema: %w", err)
	}
	return nil
}

// untilFree repeats act while another process holds the file. Two processes
// that turn a new file into WAL mode at once would deadlock if they waited, so
// SQLite refuses one of them at once, without regard to busy_timeout.
func untilFree(ctx context.Context, act func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := act(bounded)
		var failure *sqlite.Error
		if !errors.As(err, &failure) || failure.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-bounded.Done():
			return err
		case <-again.C:
		}
	}
}

func rollback(transaction *sql.Tx) error {
	if err := transaction.Rollback(); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// explain turns the storage errors a person can mend into what to do.
func (j *Journal) explain(doing string, err error) error {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return fmt.Errorf("%s journal %s: %w", doing, j.path, err)
	}
	switch failure.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%s journal %s: %w: free space there or choose another folder with --state; everything recorded before is kept (%w)", doing, j.path, ErrFull, err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("%s journal %s: the disk refused it: check its free space, quota and health; everything recorded before is kept: %w", doing, j.path, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%s journal %s: cannot be written: check owner and permissions, or choose another folder with --state: %w", doing, j.path, err)
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%s journal %s: is not a readable journal: move it away and start again, a new one is made: %w", doing, j.path, err)
	}
	return fmt.Errorf("%s journal %s: %w", doing, j.path, err)
}
