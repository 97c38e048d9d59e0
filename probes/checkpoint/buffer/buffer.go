package buffer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/journal"
	"tocsin/internal/telemetry"
)

// Config of a Buffer.
type Config struct {
	Folder string
	// MaxBytes bounds the buffer on disk. Default 1 GiB.
	MaxBytes int64
	Log      *slog.Logger
}

// Buffer keeps results until they are acknowledged. It is safe for concurrent
// use.
type Buffer struct {
	cfg  Config
	lock *os.File
	// arrived tells a sender that something was recorded.
	arrived chan struct{}

	// files is held for reading by who uses the journals of logs, and for
	// writing by who opens, closes or deletes them.
	files sync.RWMutex
	// mu guards the numbers of the logs and the cursor.
	mu      sync.Mutex
	live    *log
	backlog []*log
	cursor  cursor
	appends int
}

// ErrTaken means that another process uses the folder.
var ErrTaken = errors.New("another checkpoint uses this folder")

// checkEvery is how many appends go by between two looks at the size on disk.
const checkEvery = 16

// Open opens the buffer in a folder, makes what it held before the backlog, and
// begins a new log.
func Open(ctx context.Context, cfg Config) (*Buffer, error) {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 1 << 30
	}
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of buffer: %w", err)
	}
	lock, err := own(cfg.Folder)
	if err != nil {
		return nil, err
	}
	b := &Buffer{cfg: cfg, lock: lock, arrived: make(chan struct{}, 1)}
	if err := b.load(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// own takes the folder for this process. The kernel gives it back when the
// process ends, however it ends.
func own(folder string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock buffer: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrTaken, folder), lock.Close())
	}
	return lock, nil
}

func (b *Buffer) load(ctx context.Context) error {
	known, err := readCursor(b.cfg.Folder)
	if errors.Is(err, errDamaged) {
		b.cfg.Log.Warn("the buffer lost its place", "error", err)
	} else if err != nil {
		return err
	}
	b.cursor = known
	found, err := find(b.cfg.Folder)
	if err != nil {
		return err
	}
	kept := make(map[string]int64, len(found))
	for _, old := range found {
		old.acknowledged = known.Acknowledged[old.id]
		if err := old.open(ctx); err != nil {
			return err
		}
		if old.waiting() == 0 {
			if err := old.remove(); err != nil {
				return err
			}
			continue
		}
		// Only the log that is being sent stays open.
		if err := old.close(); err != nil {
			return err
		}
		kept[old.id] = old.acknowledged
		b.backlog = append(b.backlog, old)
	}
	b.cursor.Acknowledged = kept
	b.live, err = b.begin(ctx, found)
	if err != nil {
		return err
	}
	return b.shrink()
}

// begin makes a new log, behind all others.
func (b *Buffer) begin(ctx context.Context, others []*log) (*log, error) {
	number := 1
	for _, other := range others {
		digits, _, _ := strings.Cut(other.id, "-")
		if n, err := strconv.Atoi(digits); err == nil {
			number = max(number, n+1)
		}
	}
	id := fmt.Sprintf("%08d-%s", number, telemetry.RunID())
	fresh := &log{id: id, path: filepath.Join(b.cfg.Folder, id+logSuffix)}
	return fresh, fresh.open(ctx)
}

// AppendValue records one result; see AppendAll.
func (b *Buffer) AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error) {
	payload, err := json.Marshal(value)
	if err != nil {
		return journal.Event{}, fmt.Errorf("encode %s for buffer: %w", kind, err)
	}
	recorded, err := b.AppendAll(ctx, []journal.Event{{Kind: kind, RunID: runID, TraceID: traceID, Payload: payload}})
	if err != nil {
		return journal.Event{}, err
	}
	return recorded[0], nil
}

// AppendAll records results, all or none. When it returns without an error, they
// are on disk and will be sent.
func (b *Buffer) AppendAll(ctx context.Context, events []journal.Event) ([]journal.Event, error) {
	recorded, err := b.append(ctx, events)
	if err != nil || len(events) == 0 {
		return recorded, err
	}
	select {
	case b.arrived <- struct{}{}:
	default:
	}
	b.mu.Lock()
	b.appends += len(events)
	look := b.appends >= checkEvery
	if look {
		b.appends = 0
	}
	b.mu.Unlock()
	if look {
		if err := b.fit(ctx); err != nil {
			// The results are recorded; that the buffer is larger than it should
			// be is no reason to say otherwise.
			b.cfg.Log.Error("the buffer cannot be kept in its bounds", "error", err)
		}
	}
	return recorded, nil
}

func (b *Buffer) append(ctx context.Context, events []journal.Event) ([]journal.Event, error) {
	b.files.RLock()
	defer b.files.RUnlock()
	recorded, err := b.live.journal.AppendAll(ctx, events)
	if err != nil || len(recorded) == 0 {
		return recorded, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live.waiting() == 0 {
		b.live.oldest = recorded[0].Time
	}
	b.live.last = max(b.live.last, recorded[len(recorded)-1].Seq)
	return recorded, nil
}

// Arrived tells that something was recorded since it was last read.
func (b *Buffer) Arrived() <-chan struct{} { return b.arrived }

// State is how full the buffer is.
type State struct {
	// Logs hold something that waits, oldest first.
	Logs []string
	// Waiting results, of which LiveWaiting are in the live log.
	Waiting, LiveWaiting int64
	// Oldest is when the oldest of them was recorded; zero if none waits.
	Oldest  time.Time
	Dropped int64
}

// State returns how full the buffer is.
func (b *Buffer) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := State{Dropped: b.cursor.Dropped, LiveWaiting: b.live.waiting()}
	for _, one := range append(append([]*log(nil), b.backlog...), b.live) {
		if one.waiting() == 0 {
			continue
		}
		state.Logs = append(state.Logs, one.id)
		state.Waiting += one.waiting()
		if state.Oldest.IsZero() || one.oldest.Before(state.Oldest) {
			state.Oldest = one.oldest
		}
	}
	return state
}

// Close releases the folder.
func (b *Buffer) Close() error {
	b.files.Lock()
	defer b.files.Unlock()
	var errs []error
	for _, one := range append(append([]*log(nil), b.backlog...), b.live) {
		if one != nil {
			errs = append(errs, one.close())
		}
	}
	return errors.Join(append(errs, b.lock.Close())...)
}
