package mockid

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// message is one code on its way, as a line of the outbox.
type message struct {
	Transaction  string    `json:"transaction"`
	IndividualID string    `json:"individual_id"`
	Email        string    `json:"email,omitempty"`
	Phone        string    `json:"phone,omitempty"`
	Code         string    `json:"code"`
	Sent         time.Time `json:"sent"`
}

const (
	// waiting bounds the messages that wait for delivery.
	waiting = 1024
	// deliveryTimeout bounds one try, deliveryPause is between two.
	deliveryTimeout = 2 * time.Second
	deliveryPause   = 500 * time.Millisecond
)

// errUndelivered means that codes do not get out now.
var errUndelivered = errors.New("one-time codes cannot be delivered now")

// outbox delivers codes in the background: were the caller to wait, time would
// tell who exists, and so would an error that only those get who do. Instead
// everybody is told when delivery is broken.
type outbox struct {
	file, url string
	client    *http.Client
	log       *slog.Logger
	now       func() time.Time
	queue     chan message
	broken    atomic.Bool
}

func newOutbox(config *Config, log *slog.Logger, now func() time.Time) *outbox {
	return &outbox{
		file: string(config.OutboxFile), url: config.OutboxURL, client: &http.Client{Timeout: deliveryTimeout},
		log: log, now: now, queue: make(chan message, waiting),
	}
}

// put takes a message for delivery; send is false when nobody is to get it.
func (o *outbox) put(m message, send bool) error {
	if o.broken.Load() || len(o.queue) == cap(o.queue) {
		return errUndelivered
	}
	if !send {
		return nil
	}
	select {
	case o.queue <- m:
		return nil
	default:
		return errUndelivered
	}
}

// run delivers until ctx ends.
func (o *outbox) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-o.queue:
			o.insist(ctx, m)
		}
	}
}

// insist delivers one message by every way there is.
func (o *outbox) insist(ctx context.Context, m message) {
	line, err := json.Marshal(m)
	if err != nil {
		o.log.WarnContext(ctx, "one-time code cannot be written", "error", err)
		return
	}
	line = append(line, '\n')
	if o.file != "" {
		o.retry(ctx, m, func() error { return o.appendFile(line) })
	}
	if o.url != "" {
		o.retry(ctx, m, func() error { return o.post(ctx, line) })
	}
}

// retry gives up only when the code has lost its use.
func (o *outbox) retry(ctx context.Context, m message, deliver func() error) {
	for o.now().Sub(m.Sent) < codeStep {
		err := deliver()
		o.broken.Store(err != nil)
		if err == nil {
			return
		}
		o.log.WarnContext(ctx, "one-time code is not delivered; trying again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(deliveryPause):
		}
	}
	// The next message finds out whether delivery works again.
	o.broken.Store(false)
}

// appendFile writes the line at once, so that lines of several zones do not mix.
func (o *outbox) appendFile(line []byte) (err error) {
	file, err := os.OpenFile(o.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open outbox: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(line); err != nil {
		return fmt.Errorf("write outbox: %w", err)
	}
	return nil
}

func (o *outbox) post(ctx context.Context, line []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, bytes.NewReader(line))
	if err != nil {
		return fmt.Errorf("post to outbox: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := o.client.Do(request)
	if err != nil {
		return fmt.Errorf("post to outbox: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end below
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)); err != nil {
		return fmt.Errorf("post to outbox: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("post to outbox: status %d", response.StatusCode)
	}
	return nil
}
