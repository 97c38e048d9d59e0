package baseline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
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

const historyFile = "history.jsonl"

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

const (
	// attempts at a history to which others add, too. Of those who meet, one gets
	// through each time.
	attempts = 20
	// stepAside is how long to wait before the next, at most.
	stepAside = 250 * time.Millisecond
)

// add writes the history anew as a whole: a line that is cut off would break all
// that follow. It is replaced only if nobody added to it since it was read.
func (s *Store) add(ctx context.Context, folder string, d Decision) error {
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	file := folder + "/" + historyFile
	for attempt := 1; ; attempt++ {
		before, at, err := s.place.read(ctx, file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(before)+len(line)+1 > largest {
			return fmt.Errorf("%s: %w", s.place.where(file), errTooLarge)
		}
		err = s.place.write(ctx, file, slices.Concat(before, line, []byte("\n")), at)
		if !errors.Is(err, errMoved) || attempt == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(stepAside)):
		}
	}
}

// History is every decision about a page, the oldest first. Its error wraps
// ErrDamaged when a line is not one that Record wrote.
func (s *Store) History(ctx context.Context, target, check string) ([]Decision, error) {
	folder, err := page(target, check)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	file := folder + "/" + historyFile
	content, _, err := s.place.read(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	all, err := decodeHistory(content)
	if err != nil {
		return nil, fmt.Errorf("read history: %w: %s %w", ErrDamaged, s.place.where(file), err)
	}
	return all, nil
}

func decodeHistory(content []byte) ([]Decision, error) {
	var all []Decision
	for line := range bytes.Lines(content) {
		decision, err := decodeDecision(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(all)+1, err)
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
