package buffer

import (
	"context"
	"errors"
)

// Rotate makes the live log part of the backlog and begins a new one, so that
// what comes now is sent before what has waited.
func (b *Buffer) Rotate(ctx context.Context) error {
	b.files.Lock()
	defer b.files.Unlock()
	return b.rotate(ctx)
}

// rotate needs files to be held for writing.
func (b *Buffer) rotate(ctx context.Context) error {
	fresh, err := b.begin(ctx, append(append([]*log(nil), b.backlog...), b.live))
	if err != nil {
		return errors.Join(err, fresh.close())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.live
	b.live = fresh
	if old.waiting() == 0 {
		delete(b.cursor.Acknowledged, old.id)
		return old.remove()
	}
	b.backlog = append(b.backlog, old)
	if len(b.backlog) > 1 {
		return old.close()
	}
	return nil
}

// fit keeps the buffer in its bounds. Logs stay at a sixteenth of it, so that
// little is lost when one must go.
func (b *Buffer) fit(ctx context.Context) error {
	b.files.Lock()
	defer b.files.Unlock()
	if b.live.size() > b.cfg.MaxBytes/16 {
		if err := b.rotate(ctx); err != nil {
			return err
		}
	}
	return b.shrink()
}

// shrink deletes the oldest logs until the others fit. The number of results
// that go with them is on disk before they go.
func (b *Buffer) shrink() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	total := b.live.size()
	for _, one := range b.backlog {
		total += one.size()
	}
	for total > b.cfg.MaxBytes && len(b.backlog) > 0 {
		oldest := b.backlog[0]
		b.cursor.Dropped += oldest.waiting()
		delete(b.cursor.Acknowledged, oldest.id)
		if err := b.cursor.write(b.cfg.Folder, true); err != nil {
			return err
		}
		total -= oldest.size()
		b.backlog = b.backlog[1:]
		b.cfg.Log.Error("the buffer is full: the oldest results were dropped to make room for new ones",
			"results", oldest.waiting(), "since", oldest.oldest, "dropped_in_all", b.cursor.Dropped, "limit_bytes", b.cfg.MaxBytes)
		if err := oldest.remove(); err != nil {
			return err
		}
	}
	return nil
}
