package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	// The driver registers itself as "sqlite".
	_ "modernc.org/sqlite"
)

// Kinds of events.
const (
	KindProbeRun        = "probe.run"
	KindScenarioStarted = "scenario.started"
	KindScenarioVerdict = "scenario.verdict"
	KindFaultInjected   = "fault.injected"
	KindFaultReverted   = "fault.reverted"
	KindAlertReceived   = "alert.received"
	KindVisualCheck     = "visual.check"
	KindVisualApproved  = "visual.approved"
	KindVisualRejected  = "visual.rejected"
	KindLoadRun         = "load.run"
	KindConsoleStarted  = "console.started"
	KindConfigLoaded    = "config.loaded"
	KindConfigRefused   = "config.refused"

	// KindHeartbeat is what a job reported; its run id is the name of the
	// heartbeat. KindHeartbeatListening says since when each is waited for.
	KindHeartbeat          = "heartbeat.received"
	KindHeartbeatListening = "heartbeat.listening"

	// KindCheckpointReport is what a checkpoint reported at once; its run id is
	// the name of the checkpoint.
	KindCheckpointReport  = "checkpoint.report"
	KindCheckpointRefused = "checkpoint.refused"
	KindCheckpointAlone   = "checkpoint.alone"
	KindCheckpointJoined  = "checkpoint.alone-no-more"
	KindOutageDeclared    = "outage.declared"
	KindOutageConfirmed   = "outage.confirmed"
	KindOutageEnded       = "outage.ended"
	KindQuorumLost        = "quorum.lost"
	KindQuorumRegained    = "quorum.regained"
)

// Event is one thing that happened. Seq, Time and Mono are filled by Append.
type Event struct {
	// Seq orders events as they were recorded, over all processes.
	Seq int64 `json:"seq"`
	// Time is the wall clock, UTC.
	Time time.Time `json:"time"`
	// Mono is the monotonic clock of the machine. The difference between two
	// events of one boot is right even if the wall clock jumped between them.
	Mono    time.Duration   `json:"mono_ns"`
	Kind    string          `json:"kind"`
	RunID   string          `json:"run_id"`
	TraceID string          `json:"trace_id"`
	Payload json.RawMessage `json:"payload"`
	// Compactable marks an event that may later be replaced by the segment that
	// accounts for it; see Compact. Whoever records it decides.
	Compactable bool `json:"-"`
}

// Query selects events; a zero field selects all. Events come oldest first;
// with Newest, the last Limit events, newest first.
type Query struct {
	Kind     string
	RunID    string
	AfterSeq int64
	// UptoSeq is the last event to select.
	UptoSeq int64
	Since   time.Time
	Limit   int
	Newest  bool
	// Compactable selects only events that a segment may replace.
	Compactable bool
}

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	path      string
	writer    *sql.DB
	reader    *sql.DB
	committer *committer
}

// Open opens the journal at path, and creates it and its folder if missing. It
// fails with ErrFull when there is no room for it, and when the file was
// written by a newer version.
func Open(ctx context.Context, path string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of journal: %w", err)
	}
	writer, err := open(path, "_txlock=immediate", 1)
	if err != nil {
		return nil, err
	}
	reader, err := open(path, "_pragma=query_only(1)", 4)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	opened := &Journal{path: path, writer: writer, reader: reader}
	if err := untilFree(ctx, opened.prepare); err != nil {
		return nil, errors.Join(opened.explain("open", err), opened.closeFiles())
	}
	opened.committer = newCommitter(opened.record)
	return opened, nil
}

// open makes a pool of connections. SQLite has one writer at a time; the wait
// for another process's write is bounded by busy_timeout, in milliseconds.
func open(path, option string, connections int) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("resolve journal path: %w", err)
	}
	source := url.URL{Scheme: "file", Path: absolute, RawQuery: "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&" + option}
	pool, err := sql.Open("sqlite", source.String())
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool, nil
}

// Path is the file of the journal.
func (j *Journal) Path() string { return j.path }

// Close waits for the appends under way and releases the file. Recorded events
// need no Close to survive.
func (j *Journal) Close() error {
	j.committer.close()
	return j.closeFiles()
}

func (j *Journal) closeFiles() error {
	if err := errors.Join(j.reader.Close(), j.writer.Close()); err != nil {
		return fmt.Errorf("close journal %s: %w", j.path, err)
	}
	return nil
}
