package baseline

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Action is what a person decided about a picture.
type Action string

const (
	// Approved made the picture the baseline.
	Approved Action = "approved"
	// Rejected said that the picture shows a defect; the baseline stays.
	Rejected Action = "rejected"
)

// Decision is one line of the history of a page. Lines are only ever added: in a
// Git repository, each is a line of a difference that a reviewer sees.
type Decision struct {
	Action Action    `json:"action"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	// RunID is the run that took the picture, and SHA256 that of its file.
	RunID  string `json:"run_id"`
	SHA256 string `json:"sha256"`
	// Replaced is the hash of the baseline before; empty for the first.
	Replaced string `json:"replaced,omitempty"`
	// Fingerprint of what differed from the baseline, and the Metric that found it.
	Fingerprint string `json:"fingerprint,omitempty"`
	Metric      string `json:"metric"`
}

func (d *Decision) check() error {
	switch {
	case d.Action != Approved && d.Action != Rejected:
		return fmt.Errorf("%q is no decision", d.Action)
	case d.By == "":
		return errors.New("nobody is named who decided")
	case d.Reason == "":
		return errors.New("no reason is given")
	case d.SHA256 == "":
		return errors.New("no picture is named")
	}
	return nil
}

const historyFile = "history.jsonl"

// Record adds a decision to the history of a page.
func (s *Store) Record(_ context.Context, target, page string, d Decision) error {
	if !name.MatchString(target) || !name.MatchString(page) {
		return fmt.Errorf("record decision: %q and %q are no names of target and page", target, page)
	}
	if err := d.check(); err != nil {
		return fmt.Errorf("record decision: %w", err)
	}
	line, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("record decision: %w", err)
	}
	folder := filepath.Join(s.folder, target, page)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("record decision: %w", err)
	}
	path := filepath.Join(folder, historyFile)
	before, err := readBounded(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("record decision: %w", err)
	}
	// Written anew as a whole: a line that is cut off would break all that follow.
	if err := writeAtomic(path, append(append(before, line...), '\n')); err != nil {
		return fmt.Errorf("record decision: %w", err)
	}
	return nil
}

// History is every decision about a page, the oldest first. Its error wraps
// ErrDamaged when a line is not one that Record wrote.
func (s *Store) History(_ context.Context, target, page string) ([]Decision, error) {
	if !name.MatchString(target) || !name.MatchString(page) {
		return nil, fmt.Errorf("read history: %q and %q are no names of target and page", target, page)
	}
	path := filepath.Join(s.folder, target, page, historyFile)
	content, err := readBounded(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	var all []Decision
	lines := bufio.NewScanner(bytes.NewReader(content))
	for number := 1; lines.Scan(); number++ {
		decision, err := decodeDecision(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("read history: %w: %s line %d: %w", ErrDamaged, path, number, err)
		}
		all = append(all, decision)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read history: %w: %s: %w", ErrDamaged, path, err)
	}
	return all, nil
}

func decodeDecision(line []byte) (Decision, error) {
	var d Decision
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return Decision{}, err
	}
	return d, d.check()
}
