package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	// The driver registers itself as "sqlite".
	_ "modernc.org/sqlite"

	"tocsin/internal/journal"
)

// Journal is what History needs of the journal.
type Journal interface {
	Read(ctx context.Context, query journal.Query) ([]journal.Event, error)
	Segments(ctx context.Context, span journal.Span, use func(journal.Segment) error) error
	Compacted(ctx context.Context) (int64, error)
	Compactable(ctx context.Context) (int, error)
	Compact(ctx context.Context, c journal.Compaction) error
	Sweep(ctx context.Context) error
}

// History answers questions about the past. It is safe for concurrent use, and
// several processes may have the same one open.
type History struct {
	journal Journal
	path    string
	db      *sql.DB
}

// projectionVersion changes with the tables or with what is counted in them. A
// file of another version is thrown away and made anew.
const projectionVersion = 1

const tables = `
CREATE TABLE progress (seq INTEGER NOT NULL);
INSERT INTO progress VALUES (0);
CREATE TABLE series (
	id         INTEGER PRIMARY KEY,
	target     TEXT NOT NULL,
	probe      TEXT NOT NULL,
	checkpoint TEXT NOT NULL,
	first_ms   INTEGER NOT NULL,
	UNIQUE (target, probe, checkpoint)
);
CREATE TABLE hours (
	series      INTEGER NOT NULL,
	hour        INTEGER NOT NULL,
	maintenance INTEGER NOT NULL,
	good INTEGER NOT NULL, retried INTEGER NOT NULL, bad INTEGER NOT NULL, unknown INTEGER NOT NULL,
	good_ms INTEGER NOT NULL, bad_ms INTEGER NOT NULL, unknown_ms INTEGER NOT NULL,
	PRIMARY KEY (series, hour, maintenance)
) WITHOUT ROWID;
CREATE TABLE days (
	series      INTEGER NOT NULL,
	day         INTEGER NOT NULL,
	maintenance INTEGER NOT NULL,
	good INTEGER NOT NULL, retried INTEGER NOT NULL, bad INTEGER NOT NULL, unknown INTEGER NOT NULL,
	good_ms INTEGER NOT NULL, bad_ms INTEGER NOT NULL, unknown_ms INTEGER NOT NULL,
	slowest REAL NOT NULL,
	sketch  BLOB NOT NULL,
	PRIMARY KEY (series, day, maintenance)
) WITHOUT ROWID;
CREATE TABLE reasons (
	series INTEGER NOT NULL,
	day    INTEGER NOT NULL,
	reason TEXT NOT NULL,
	runs   INTEGER NOT NULL,
	PRIMARY KEY (series, day, reason)
) WITHOUT ROWID;
CREATE TABLE kept (
	series  INTEGER NOT NULL,
	at_ms   INTEGER NOT NULL,
	seq     INTEGER NOT NULL,
	verdict TEXT NOT NULL,
	reason  TEXT NOT NULL,
	PRIMARY KEY (series, at_ms, seq)
) WITHOUT ROWID;
CREATE INDEX kept_by_time ON kept (at_ms);
`

// Open opens the projection of j in the file at path, and makes it if it is
// missing, damaged or of another version. It is not brought up to date before
// CatchUp.
func Open(ctx context.Context, j Journal, path string) (*History, error) {
	opened, err := openFile(ctx, j, path)
	if err == nil {
		return opened, nil
	}
	if removed := remove(path); removed != nil {
		return nil, errors.Join(err, removed)
	}
	return openFile(ctx, j, path)
}

func openFile(ctx context.Context, j Journal, path string) (*History, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of history: %w", err)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("resolve path of history: %w", err)
	}
	// What is lost with the power is read from the journal again; WAL keeps the
	// file whole without waiting for the disk.
	source := url.URL{Scheme: "file", Path: absolute, RawQuery: "_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=cache_size(-16384)&_txlock=immediate"}
	db, err := sql.Open("sqlite", source.String())
	if err != nil {
		return nil, fmt.Errorf("open history %s: %w", path, err)
	}
	db.SetMaxOpenConns(4)
	h := &History{journal: j, path: path, db: db}
	if err := h.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open history %s: %w", path, err), db.Close())
	}
	return h, nil
}

func (h *History) prepare(ctx context.Context) error {
	return h.transact(ctx, func(transaction *sql.Tx) error {
		var version int
		if err := transaction.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return fmt.Errorf("read version: %w", err)
		}
		switch version {
		case projectionVersion:
			return nil
		case 0:
			if _, err := transaction.ExecContext(ctx, tables+"PRAGMA user_version = "+strconv.Itoa(projectionVersion)); err != nil {
				return fmt.Errorf("make tables: %w", err)
			}
			return nil
		}
		return fmt.Errorf("version %d is not %d", version, projectionVersion)
	})
}

func remove(path string) error {
	var all []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, fmt.Errorf("throw old history away: %w", err))
		}
	}
	return errors.Join(all...)
}

// Close releases the file.
func (h *History) Close() error {
	if err := h.db.Close(); err != nil {
		return fmt.Errorf("close history %s: %w", h.path, err)
	}
	return nil
}

func (h *History) transact(ctx context.Context, act func(*sql.Tx) error) error {
	transaction, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := act(transaction); err != nil {
		return errors.Join(err, transaction.Rollback())
	}
	if err := transaction.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
