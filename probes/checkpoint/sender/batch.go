package sender

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/journal"
	"tocsin/internal/telemetry"
	"tocsin/probes/checkpoint"
	"tocsin/probes/checkpoint/buffer"
)

// RefusedError is an answer of the central that trying again does not change.
type RefusedError struct {
	Status int
	Says   string
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%d: %s", e.Status, e.Says) }

// batch puts a portion into the words of the protocol.
func (s *Sender) batch(portion buffer.Portion, now time.Time) (checkpoint.Batch, error) {
	state := s.cfg.Buffer.State()
	batch := checkpoint.Batch{
		Version: checkpoint.Version, Checkpoint: s.cfg.Checkpoint, Target: s.cfg.Target, Boot: s.boot, Log: portion.Log, Sent: now.UTC(),
		Status: checkpoint.Status{
			Program: telemetry.Version, Plan: s.cfg.Plan, Logs: state.Logs, Buffered: state.Waiting - int64(len(portion.Events)),
			Dropped: state.Dropped, ClockOffsetMS: s.offset.best(),
		},
	}
	if batch.Status.Buffered > 0 && !state.Oldest.IsZero() {
		batch.Status.OldestMS = max(now.Sub(state.Oldest).Milliseconds(), 0)
	}
	mono, err := monotonic()
	if err != nil {
		return batch, err
	}
	for _, event := range portion.Events {
		batch.Items = append(batch.Items, s.item(event, now, mono))
	}
	return batch, nil
}

// item tells the age of a result by the clock that makes it older: old news must
// not pass for fresh because one of them stepped, or stood while the machine
// slept.
func (s *Sender) item(event journal.Event, now time.Time, mono time.Duration) checkpoint.Item {
	var about struct {
		Probe string `json:"probe"`
	}
	item := checkpoint.Item{Seq: event.Seq, AgeMS: max(now.Sub(event.Time), mono-event.Mono, 0).Milliseconds(), Result: event.Payload}
	// What cannot be read is sent as it is: the central says so and goes on.
	if json.Unmarshal(event.Payload, &about) == nil {
		item.IntervalMS = s.cfg.Interval(about.Probe).Milliseconds()
	}
	if len(event.Payload) > checkpoint.MaxItem {
		item.Result = json.RawMessage("null")
	}
	return item
}

func monotonic() (time.Duration, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read monotonic clock: %w", err)
	}
	return time.Duration(now.Nano()), nil
}

// post makes the exchange.
func (s *Sender) post(ctx context.Context, batch checkpoint.Batch) (ack checkpoint.Ack, err error) {
	body, err := batch.Encode()
	if err != nil {
		return ack, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.cfg.URL, "/")+checkpoint.Path, bytes.NewReader(body))
	if err != nil {
		return ack, fmt.Errorf("address of the central: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Content-Encoding", "gzip")
	request.Header.Set("User-Agent", telemetry.UserAgent)
	response, err := s.cfg.Client.Do(request)
	if err != nil {
		return ack, fmt.Errorf("report to the central: %w", err)
	}
	defer func() {
		if closeErr := response.Body.Close(); closeErr != nil && err == nil {
			err = fmt.Errorf("report to the central: %w", closeErr)
		}
	}()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return ack, fmt.Errorf("read answer of the central: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		says := strings.TrimSpace(string(answer))
		if response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests {
			return ack, fmt.Errorf("the central cannot record: %d: %s", response.StatusCode, says)
		}
		return ack, &RefusedError{Status: response.StatusCode, Says: says}
	}
	if err := json.Unmarshal(answer, &ack); err != nil {
		return ack, fmt.Errorf("read answer of the central: %w", err)
	}
	return ack, nil
}
