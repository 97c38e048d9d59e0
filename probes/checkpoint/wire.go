package checkpoint

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tocsin/probes"
)

// Version of the protocol, and the path of the one request it has.
const (
	Version = 1
	Path    = "/v1/report"
)

// Bounds of a batch. A sender stays far below them; a receiver refuses what is
// beyond.
const (
	MaxItems      = 1000
	MaxCompressed = 4 << 20
	MaxBytes      = 16 << 20
	// MaxItem bounds one result, in bytes of JSON.
	MaxItem = 1 << 20
)

// Batch is what a checkpoint says at once. Without items, it only says that it
// is there.
type Batch struct {
	Version    int    `json:"version"`
	Checkpoint string `json:"checkpoint"`
	// Target is the name of what the checkpoint watches.
	Target string `json:"target"`
	// Boot is one start of the checkpoint, Log the log that the items are of.
	Boot   string    `json:"boot"`
	Log    string    `json:"log,omitempty"`
	Items  []Item    `json:"items,omitempty"`
	Sent   time.Time `json:"sent"`
	Status Status    `json:"status"`
}

// Item is one result. Seq grows within its log.
type Item struct {
	Seq int64 `json:"seq"`
	// AgeMS is how long ago the verdict was known when the batch was sent, by
	// the checkpoint's clocks alone: theirs and ours need not agree.
	AgeMS int64 `json:"age_ms"`
	// IntervalMS is the time between two runs of the probe there; 0 without a
	// schedule.
	IntervalMS int64           `json:"interval_ms"`
	Result     json.RawMessage `json:"result"`
}

// Status is how a checkpoint is.
type Status struct {
	// Program is the version of its program, Plan the checksum of what it runs.
	Program string `json:"program"`
	Plan    string `json:"plan"`
	// Logs are the logs that still hold something undelivered.
	Logs []string `json:"logs,omitempty"`
	// Buffered results are recorded there and not acknowledged, and OldestMS is
	// the age of the oldest of them.
	Buffered int64 `json:"buffered"`
	OldestMS int64 `json:"oldest_ms"`
	// Dropped results, in all, had to make room in the buffer.
	Dropped int64 `json:"dropped"`
	// ClockOffsetMS is how far its clock is ahead of the receiver's; nil before
	// it was measured.
	ClockOffsetMS *float64 `json:"clock_offset_ms,omitempty"`
}

// Ack says that every item of Log up to Recorded is recorded.
type Ack struct {
	Version  int    `json:"version"`
	Log      string `json:"log,omitempty"`
	Recorded int64  `json:"recorded,omitempty"`
	// Received and Replied are by the receiver's clock, from which the sender
	// works out the offset of its own as NTP does (RFC 5905, section 8).
	Received time.Time `json:"received"`
	Replied  time.Time `json:"replied"`
	// Plan is the checksum of what the receiver itself runs.
	Plan string `json:"plan,omitempty"`
}

// Encode compresses a batch.
func (b Batch) Encode() ([]byte, error) {
	plain, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode batch: %w", err)
	}
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("compress batch: %w", err)
	}
	if _, err := writer.Write(plain); err != nil {
		return nil, fmt.Errorf("compress batch: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("compress batch: %w", err)
	}
	return compressed.Bytes(), nil
}

// ErrTooLarge means that a batch is beyond the bounds.
var ErrTooLarge = errors.New("batch too large")

// Decode reads and checks a batch of at most MaxCompressed bytes, or MaxBytes
// when decompressed.
func Decode(from io.Reader) (Batch, error) {
	bounded := &io.LimitedReader{R: from, N: MaxCompressed + 1}
	reader, err := gzip.NewReader(bounded)
	if err != nil {
		return Batch{}, fmt.Errorf("decompress batch: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(reader, MaxBytes+1))
	if bounded.N <= 0 || len(plain) > MaxBytes {
		return Batch{}, fmt.Errorf("%w: more than %d bytes, or %d when decompressed", ErrTooLarge, MaxCompressed, MaxBytes)
	}
	if err != nil {
		return Batch{}, fmt.Errorf("decompress batch: %w", err)
	}
	var batch Batch
	if err := json.Unmarshal(plain, &batch); err != nil {
		return Batch{}, fmt.Errorf("decode batch: %w", err)
	}
	return batch, batch.check()
}

// check refuses what no checkpoint says.
func (b Batch) check() error {
	switch {
	case b.Version != Version:
		return fmt.Errorf("protocol version %d is not %d: use the same tocsin at both ends", b.Version, Version)
	case !probes.ValidCheckpoint(b.Checkpoint):
		return fmt.Errorf("batch of %q, which cannot name a checkpoint", b.Checkpoint)
	case !validID(b.Boot):
		return fmt.Errorf("boot %q is no id", b.Boot)
	case len(b.Items) > 0 && !validID(b.Log):
		return fmt.Errorf("log %q is no id", b.Log)
	case len(b.Items) > MaxItems:
		return fmt.Errorf("%w: %d items, at most %d", ErrTooLarge, len(b.Items), MaxItems)
	case len(b.Status.Logs) > MaxItems:
		return fmt.Errorf("%w: %d logs, at most %d", ErrTooLarge, len(b.Status.Logs), MaxItems)
	}
	before := int64(0)
	for _, item := range b.Items {
		if item.Seq <= before {
			return fmt.Errorf("item %d after %d: numbers must grow", item.Seq, before)
		}
		before = item.Seq
	}
	return nil
}

func validID(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz-") == ""
}
