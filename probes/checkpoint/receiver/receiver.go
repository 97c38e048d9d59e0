package receiver

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/journal"
	"tocsin/probes"
	"tocsin/probes/checkpoint"
)

// Journal is what a Receiver needs of the journal.
type Journal interface {
	Reader
	// AppendAll records all events or none.
	AppendAll(ctx context.Context, events []journal.Event) ([]journal.Event, error)
}

// Delivered is a result that was recorded for the first time. Started and Known
// are by the clock of the central.
type Delivered struct {
	Checkpoint     string
	Result         probes.Result
	Started, Known time.Time
	Interval       time.Duration
}

// Config of a Receiver.
type Config struct {
	Target  string
	Journal Journal
	// Admit names the checkpoint that a certificate belongs to.
	Admit func(*x509.Certificate) (string, error)
	// Enrolled are the names of those that are expected to report.
	Enrolled func() ([]string, error)
	// Plan is the checksum of what the central itself runs.
	Plan func() string
	// Deliver is handed each new result, after it is recorded.
	Deliver  func(Delivered)
	Registry prometheus.Registerer
	Log      *slog.Logger
	Now      func() time.Time
}

// Receiver takes what checkpoints report.
type Receiver struct {
	cfg     Config
	metrics *metrics

	mu    sync.Mutex
	known map[string]*station
}

// station is where one checkpoint stands.
type station struct {
	// mu makes batches of one checkpoint follow one another.
	mu     sync.Mutex
	loaded bool
	last   Report
	// seen is when it spoke last; journalled when that was in its last event.
	seen, journalled time.Time
	// reported is the last number of dropped results that was logged.
	dropped int64
}

// quietFor is how often a checkpoint that has no results is noted in the
// journal.
const quietFor = 30 * time.Second

// New makes a receiver and registers its metrics.
func New(ctx context.Context, cfg Config) (*Receiver, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &Receiver{cfg: cfg, known: make(map[string]*station)}
	names, err := cfg.Enrolled()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := r.load(ctx, name, r.station(name)); err != nil {
			return nil, err
		}
	}
	r.metrics, err = newMetrics(cfg.Registry, r)
	return r, err
}

func (r *Receiver) station(name string) *station {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[name] == nil {
		r.known[name] = &station{}
	}
	return r.known[name]
}

// load reads where a checkpoint stands from the journal, once.
func (r *Receiver) load(ctx context.Context, name string, s *station) error {
	if s.loaded {
		return nil
	}
	last, seen, err := Last(ctx, r.cfg.Journal, name)
	if err != nil {
		return err
	}
	if seen {
		s.last, s.seen, s.journalled, s.dropped = last, last.Received, last.Received, last.Status.Dropped
	}
	s.loaded = true
	return nil
}

// refusal is an answer that trying again does not change.
type refusal struct {
	status int
	says   string
}

func (e *refusal) Error() string { return e.says }

func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	received := r.cfg.Now()
	ack, err := r.receive(request, received)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		r.cfg.Log.Warn("a report was refused", "from", request.RemoteAddr, "why", refused.says)
		http.Error(w, refused.says, refused.status)
		return
	case err != nil:
		r.cfg.Log.Error("a report was not recorded; the checkpoint will send it again", "from", request.RemoteAddr, "error", err)
		http.Error(w, "the journal of the central refuses: its log says more", http.StatusServiceUnavailable)
		return
	}
	ack.Replied = r.cfg.Now().UTC()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(ack); err != nil {
		r.cfg.Log.Debug("a checkpoint left before its acknowledgement", "from", request.RemoteAddr, "error", err)
	}
}

func (r *Receiver) receive(request *http.Request, received time.Time) (checkpoint.Ack, error) {
	batch, err := r.read(request)
	if err != nil {
		return checkpoint.Ack{}, err
	}
	s := r.station(batch.Checkpoint)
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx := request.Context()
	if err := r.load(ctx, batch.Checkpoint, s); err != nil {
		return checkpoint.Ack{}, err
	}
	if slices.Contains(s.last.Superseded, batch.Boot) {
		return checkpoint.Ack{}, &refusal{http.StatusConflict, "another process has started since that speaks for checkpoint " + batch.Checkpoint + ": stop one of them"}
	}
	report, deliveries, err := r.record(ctx, s, batch, address(request), received)
	if err != nil {
		return checkpoint.Ack{}, err
	}
	r.metrics.count(batch.Checkpoint, report)
	r.say(s, report)
	for _, delivered := range deliveries {
		r.cfg.Deliver(delivered)
	}
	return checkpoint.Ack{
		Version: checkpoint.Version, Log: batch.Log, Recorded: report.Marks[batch.Log], Received: received.UTC(), Plan: r.cfg.Plan(),
	}, nil
}

// read decodes a batch and makes sure that it is of the one who sends it.
func (r *Receiver) read(request *http.Request) (checkpoint.Batch, error) {
	if request.Method != http.MethodPost || request.URL.Path != checkpoint.Path {
		return checkpoint.Batch{}, &refusal{http.StatusNotFound, "checkpoints report with POST " + checkpoint.Path}
	}
	if request.TLS == nil || len(request.TLS.PeerCertificates) == 0 {
		return checkpoint.Batch{}, &refusal{http.StatusForbidden, "no certificate was shown"}
	}
	name, err := r.cfg.Admit(request.TLS.PeerCertificates[0])
	if err != nil {
		return checkpoint.Batch{}, &refusal{http.StatusForbidden, err.Error()}
	}
	batch, err := checkpoint.Decode(request.Body)
	switch {
	case errors.Is(err, checkpoint.ErrTooLarge):
		return batch, &refusal{http.StatusRequestEntityTooLarge, err.Error()}
	case err != nil:
		return batch, &refusal{http.StatusBadRequest, err.Error()}
	case batch.Checkpoint != name:
		return batch, &refusal{http.StatusForbidden, fmt.Sprintf("the certificate is of checkpoint %s, which cannot speak for %s", name, batch.Checkpoint)}
	case batch.Target != r.cfg.Target:
		return batch, &refusal{http.StatusConflict, fmt.Sprintf("this Tocsin watches %q and the checkpoint %q: give both a target file of the same name", r.cfg.Target, batch.Target)}
	}
	return batch, nil
}

// say logs what somebody has to do something about.
func (r *Receiver) say(s *station, report Report) {
	if report.Status.Dropped > s.dropped {
		r.cfg.Log.Error("a checkpoint had to drop results: its buffer was full", "checkpoint", report.Checkpoint,
			"results", report.Status.Dropped-s.dropped, "in_all", report.Status.Dropped)
	}
	s.dropped = report.Status.Dropped
	if report.Refused > 0 {
		r.cfg.Log.Error("results of a checkpoint could not be read; the journal says which", "checkpoint", report.Checkpoint, "results", report.Refused)
	}
}

func address(request *http.Request) string {
	host, _, err := net.SplitHostPort(request.RemoteAddr)
	if err != nil {
		return request.RemoteAddr
	}
	return host
}
