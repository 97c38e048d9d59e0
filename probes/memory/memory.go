// Package memory owns what the probes of one target remember between runs: what
// worked before, which keys were published, a token that is still good. It is
// small, never judges, and never makes a run wait: only Save touches a disk.
package memory

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"tocsin/internal/ownerfile"
)

// maxPage bounds one page, in bytes: memory is for facts, not for records.
const maxPage = 64 << 10

// Book holds one page for each topic. It is safe for concurrent use.
type Book struct {
	mu    sync.Mutex
	path  string
	pages map[string]json.RawMessage
}

// New makes a book that is forgotten with the process.
func New() *Book { return &Book{pages: map[string]json.RawMessage{}} }

// Open reads the book at path; where there is no file, nothing is remembered
// yet.
func Open(path string) (*Book, error) {
	book := New()
	book.path = path
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return book, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read memory of the probes: %w", err)
	}
	if err := json.Unmarshal(data, &book.pages); err != nil {
		return nil, fmt.Errorf("memory of the probes %s cannot be read (remove it to begin anew): %w", path, err)
	}
	if book.pages == nil {
		book.pages = map[string]json.RawMessage{}
	}
	return book, nil
}

// Update reads the page into value, lets change work on it, and keeps the
// outcome; no other run comes between. What cannot be read counts as empty: an
// older version may have written it. Change must not use the book.
func (b *Book) Update(page string, value any, change func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.pages[page]; ok {
		if json.Unmarshal(known, value) != nil {
			delete(b.pages, page)
		}
	}
	change()
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("remember %s: %w", page, err)
	}
	if len(data) > maxPage {
		return fmt.Errorf("remember %s: %d bytes are more than %d", page, len(data), maxPage)
	}
	b.pages[page] = data
	return nil
}

// Save writes the book to its file, readable by its owner alone: tokens may be
// in it. A book without a file is not written.
func (b *Book) Save() error {
	if b.path == "" {
		return nil
	}
	b.mu.Lock()
	data, err := json.Marshal(b.pages)
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("save memory of the probes: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(b.path), 0o700); err != nil {
		return fmt.Errorf("save memory of the probes: %w", err)
	}
	if err := ownerfile.Write(b.path, data); err != nil {
		return fmt.Errorf("save memory of the probes: %w", err)
	}
	return nil
}
