package sender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"tocsin/internal/telemetry"
	"tocsin/probes/checkpoint"
	"tocsin/probes/checkpoint/buffer"
)

// Buffer is what a Sender needs of the buffer.
type Buffer interface {
	Arrived() <-chan struct{}
	Take(ctx context.Context, lane buffer.Lane, most, bytes int) (buffer.Portion, error)
	Acknowledge(ctx context.Context, log string, seq int64) error
	Rotate(ctx context.Context) error
	State() buffer.State
}

// Config of a Sender.
type Config struct {
	// Checkpoint and Target are the names of who speaks, and of what.
	Checkpoint string
	Target     string
	// URL of the central, and Client to reach it with.
	URL    string
	Client *http.Client
	Buffer Buffer
	// Interval of a probe, and Plan the checksum of all that runs.
	Interval func(probe string) time.Duration
	Plan     string
	Log      *slog.Logger
	// Heartbeat is how often something is said when nothing happens. Default 5 s.
	Heartbeat time.Duration
	// Retry is the first wait after a failure; it doubles up to ten times that.
	// Default 500 ms.
	Retry time.Duration
}

// How much is sent at once. The backlog goes in portions that a live result
// does not wait long for.
const (
	most     = 500
	mostSize = 2 << 20
	// exchangeTime bounds one batch.
	exchangeTime = 20 * time.Second
	// lastWords is how long the last results may take when a checkpoint ends.
	lastWords = 3 * time.Second
)

// Sender sends until it is stopped.
type Sender struct {
	cfg    Config
	boot   string
	offset offset
	// away is true while the central does not take what is sent.
	away bool
	// drift is the checksum of the central's plan that was complained about.
	drift string
}

// New makes a sender for one start of the checkpoint.
func New(cfg Config) *Sender {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 5 * time.Second
	}
	if cfg.Retry == 0 {
		cfg.Retry = 500 * time.Millisecond
	}
	return &Sender{cfg: cfg, boot: telemetry.RunID()}
}

// Run sends until ctx ends, and then once more what is new.
func (s *Sender) Run(ctx context.Context) {
	wait := s.cfg.Retry
	s.greet(ctx)
	for ctx.Err() == nil {
		more, err := s.round(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			s.say(err)
			pause(ctx, wait, nil)
			wait = min(2*wait, 10*s.cfg.Retry)
		case more:
			wait = s.cfg.Retry
		default:
			wait = s.cfg.Retry
			if !pause(ctx, s.cfg.Heartbeat, s.cfg.Buffer.Arrived()) {
				s.greet(ctx)
			}
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if _, err := s.send(last, buffer.Live); err != nil {
		s.cfg.Log.Warn("the last results were not delivered; they are buffered for the next start", "waiting", s.cfg.Buffer.State().Waiting, "error", err)
	}
}

// greet says that the checkpoint is there, with no results.
func (s *Sender) greet(ctx context.Context) {
	if _, err := s.deliver(ctx, buffer.Portion{}); err != nil && ctx.Err() == nil {
		s.say(err)
	} else if err == nil {
		s.back(ctx)
	}
}

// round sends one portion of what is new and one of what has waited. It reports
// whether there may be more.
func (s *Sender) round(ctx context.Context) (more bool, err error) {
	live, err := s.send(ctx, buffer.Live)
	if err != nil {
		return false, err
	}
	waited, err := s.send(ctx, buffer.Backlog)
	return live >= most || waited > 0, err
}

// send sends one portion of a lane and returns how many results it held.
func (s *Sender) send(ctx context.Context, lane buffer.Lane) (int, error) {
	portion, err := s.cfg.Buffer.Take(ctx, lane, most, mostSize)
	if err != nil || len(portion.Events) == 0 {
		return 0, err
	}
	ack, err := s.deliver(ctx, portion)
	if err != nil {
		return 0, err
	}
	last := portion.Events[len(portion.Events)-1].Seq
	if ack.Log != portion.Log || ack.Recorded < last {
		return 0, fmt.Errorf("the central acknowledged %d of log %s, not %d of %s", ack.Recorded, ack.Log, last, portion.Log)
	}
	if err := s.cfg.Buffer.Acknowledge(context.WithoutCancel(ctx), portion.Log, last); err != nil {
		return 0, err
	}
	s.back(ctx)
	return len(portion.Events), nil
}

// back notes that the central answers again. What has piled up meanwhile moves
// to the backlog, where it does not delay what is new.
func (s *Sender) back(ctx context.Context) {
	if !s.away {
		return
	}
	s.away = false
	state := s.cfg.Buffer.State()
	s.cfg.Log.Info("the central takes results again", "waiting", state.Waiting)
	if state.LiveWaiting <= most {
		return
	}
	if err := s.cfg.Buffer.Rotate(ctx); err != nil {
		s.cfg.Log.Error("new results have to wait for old ones", "error", err)
	}
}

// say tells the log once that the central is away, and each time that it
// refuses: that does not mend itself.
func (s *Sender) say(err error) {
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		s.cfg.Log.Error("the central refuses this checkpoint; probes go on and results are buffered", "error", err)
	case !s.away:
		s.cfg.Log.Warn("the central does not answer; probes go on and results are buffered", "error", err)
	}
	s.away = true
}

// deliver sends one batch.
func (s *Sender) deliver(ctx context.Context, portion buffer.Portion) (checkpoint.Ack, error) {
	bounded, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	sent := time.Now()
	batch, err := s.batch(portion, sent)
	if err != nil {
		return checkpoint.Ack{}, err
	}
	ack, err := s.post(bounded, batch)
	if err != nil {
		return ack, err
	}
	s.offset.add(sent, time.Now(), ack)
	if ack.Plan != s.cfg.Plan && ack.Plan != s.drift {
		s.cfg.Log.Warn("the central runs another plan than this checkpoint", "own", s.cfg.Plan, "central", ack.Plan)
	}
	s.drift = ack.Plan
	return ack, nil
}

// pause waits, and reports whether something arrived first.
func pause(ctx context.Context, wait time.Duration, arrived <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-arrived:
		return true
	}
	return false
}
