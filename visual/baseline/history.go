package baseline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Decision is one entry of the history of a page. Entries are only ever added: in
// a Git repository, each is a line of a difference that a reviewer sees.
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

// longestReason is what a person reads, in bytes.
const longestReason = 16 << 10

func (d *Decision) check() error {
	switch {
	case d.Action != Approved && d.Action != Rejected:
		return fmt.Errorf("%q is no decision", d.Action)
	case d.By == "":
		return errors.New("nobody is named who decided")
	case d.Reason == "":
		return errors.New("no reason is given")
	case len(d.Reason) > longestReason:
		return fmt.Errorf("the reason is longer than %d bytes", longestReason)
	case d.SHA256 == "":
		return errors.New("no picture is named")
	}
	return nil
}

// Record adds a decision to the history of a page, and changes nothing else.
func (s *Store) Record(ctx context.Context, target, check string, d Decision) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("record decision: %w", err)
		}
	}()
	folder, err := page(target, check)
	if err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	release, err := s.place.hold(ctx, folder, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return s.add(ctx, folder, d)
}

func (s *Store) add(ctx context.Context, folder string, d Decision) error {
	content, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return s.place.add(ctx, folder, content, d.At)
}

// History is every decision about a page, the oldest first; in an object store
// that is by the clocks of those who decided. Its error wraps ErrDamaged when
// an entry is not one that Record or Approve wrote.
func (s *Store) History(ctx context.Context, target, check string) ([]Decision, error) {
	folder, err := page(target, check)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	entries, err := s.place.added(ctx, folder)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	var all []Decision
	for _, entry := range entries {
		decision, err := decodeDecision(entry.content)
		if err != nil {
			return nil, fmt.Errorf("read history: %w: %s: %w", ErrDamaged, entry.where, err)
		}
		all = append(all, decision)
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
