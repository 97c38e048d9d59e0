package buffer

import (
	"context"
	"fmt"
	"slices"

	"tocsin/internal/journal"
)

// Lane is which results are taken.
type Lane int

// The two lanes. What was recorded during an absence of hours must not delay
// what is recorded now.
const (
	Live Lane = iota
	Backlog
)

// Portion is some results of one log, oldest first.
type Portion struct {
	Log    string
	Events []journal.Event
}

// Take returns up to most results of a lane that are not acknowledged, and of
// no more than bytes unless a single one is larger. It takes nothing away.
func (b *Buffer) Take(ctx context.Context, lane Lane, most, bytes int) (Portion, error) {
	if lane == Backlog {
		if err := b.openOldest(ctx); err != nil {
			return Portion{}, err
		}
	}
	b.files.RLock()
	defer b.files.RUnlock()
	one, after := b.next(lane)
	if one == nil {
		return Portion{}, nil
	}
	events, err := one.journal.Read(ctx, journal.Query{AfterSeq: after, Limit: most})
	if err != nil {
		return Portion{}, fmt.Errorf("take from buffer: %w", err)
	}
	size := 0
	for index, event := range events {
		if size += len(event.Payload); size > bytes && index > 0 {
			events = events[:index]
			break
		}
	}
	return Portion{Log: one.id, Events: events}, nil
}

// next returns the log that a lane is taken from; nil while nothing waits.
func (b *Buffer) next(lane Lane) (*log, int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.live
	if lane == Backlog {
		if len(b.backlog) == 0 || b.backlog[0].journal == nil {
			return nil, 0
		}
		one = b.backlog[0]
	}
	if one.waiting() == 0 {
		return nil, 0
	}
	return one, one.acknowledged
}

func (b *Buffer) openOldest(ctx context.Context) error {
	b.files.Lock()
	defer b.files.Unlock()
	if len(b.backlog) == 0 {
		return nil
	}
	return b.backlog[0].open(ctx)
}

// Acknowledge notes that the central has every result of a log up to seq. A log
// that is gone has nothing to note.
func (b *Buffer) Acknowledge(ctx context.Context, id string, seq int64) error {
	b.files.Lock()
	defer b.files.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	index := slices.IndexFunc(b.backlog, func(l *log) bool { return l.id == id })
	one := b.live
	switch {
	case index >= 0:
		one = b.backlog[index]
	case id != b.live.id:
		return nil
	}
	one.acknowledged = min(max(one.acknowledged, seq), one.last)
	b.cursor.Acknowledged[id] = one.acknowledged
	if index >= 0 && one.waiting() == 0 {
		delete(b.cursor.Acknowledged, id)
		b.backlog = slices.Delete(b.backlog, index, index+1)
		if err := one.remove(); err != nil {
			return err
		}
	} else if err := one.open(ctx); err != nil {
		return err
	} else if err := one.age(ctx); err != nil {
		return err
	}
	return b.cursor.write(b.cfg.Folder, false)
}
