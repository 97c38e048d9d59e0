package reload

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/journal"
	"tocsin/internal/telemetry"
	"tocsin/probes/schedule"
)

// Config of a Reloader.
type Config struct {
	// Apply reads the files and puts what they say in force, or leaves all as it
	// is and fails. It is never called twice at once.
	Apply func(ctx context.Context) (schedule.Change, error)
	// Files are those that Apply read last, or tried to.
	Files func() []string
	// Contents writes what files say, for comparing.
	Contents func(to io.Writer, files []string) error
	Journal  interface {
		AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error)
	}
	Registry prometheus.Registerer
	Log      *slog.Logger
	// Every is how often files are looked at. Default 2 s. A change is taken over
	// once a file has stayed the same for that long: a file that is being written
	// is not half of a configuration.
	Every time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Outcome is how an attempt ended.
type Outcome struct {
	// Cause says who wanted it: a signal, a request, or a change of files.
	Cause   string    `json:"cause"`
	At      time.Time `json:"at"`
	Applied bool      `json:"applied"`
	Added   []string  `json:"added,omitempty"`
	Removed []string  `json:"removed,omitempty"`
	Changed []string  `json:"changed,omitempty"`
	Kept    int       `json:"kept"`
	// Problems are what is wrong with the files, by file, line and key.
	Problems []string `json:"problems,omitempty"`
}

// Reloader takes changes over. It is safe for concurrent use.
type Reloader struct {
	cfg        Config
	successful prometheus.Gauge
	succeeded  prometheus.Gauge

	mu sync.Mutex
	// files were compared for tried, the contents that Apply has seen.
	files []string
	tried string
}

// New makes a reloader for a configuration that has just been put in force.
func New(cfg Config) (*Reloader, error) {
	if cfg.Every == 0 {
		cfg.Every = 2 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &Reloader{
		cfg: cfg,
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: telemetry.MetricReloadSuccessful, Help: "1 if the configuration in force is what the files say; 0 if they were refused.",
		}),
		succeeded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: telemetry.MetricReloadTime, Help: "When the configuration in force was read, Unix time.",
		}),
	}
	for _, gauge := range []prometheus.Collector{r.successful, r.succeeded} {
		if err := cfg.Registry.Register(gauge); err != nil {
			return nil, fmt.Errorf("register metrics of the configuration: %w", err)
		}
	}
	r.successful.Set(1)
	r.succeeded.Set(unix(cfg.Now()))
	r.files = cfg.Files()
	r.tried = r.contents(r.files)
	return r, nil
}

func unix(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }

// contents tells states of files apart. Files that cannot be read are in a state
// as well, which Apply will have more to say about.
func (r *Reloader) contents(files []string) string {
	sum := sha256.New()
	if err := r.cfg.Contents(sum, files); err != nil {
		return err.Error()
	}
	return string(sum.Sum(nil))
}

// Run takes over what changes, and at once when signals says so, until ctx ends.
func (r *Reloader) Run(ctx context.Context, signals <-chan os.Signal) {
	ticker := time.NewTicker(r.cfg.Every)
	defer ticker.Stop()
	changed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			r.Reload(ctx, "signal")
		case <-ticker.C:
			changed = r.look(ctx, changed)
		}
	}
}

// look takes over what has changed and was the same the last time it was looked
// at, and returns what has changed since then.
func (r *Reloader) look(ctx context.Context, before string) (changed string) {
	r.mu.Lock()
	now, tried := r.contents(r.files), r.tried
	r.mu.Unlock()
	switch now {
	case tried:
		return ""
	case before:
		r.Reload(ctx, "files changed")
		return ""
	default:
		return now
	}
}

// Reload reads the files and puts what they say in force, or says what is wrong
// with them.
func (r *Reloader) Reload(ctx context.Context, cause string) Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	tried := r.contents(r.files)
	change, err := r.cfg.Apply(ctx)
	if files := r.cfg.Files(); !slices.Equal(files, r.files) {
		r.files = files
		tried = r.contents(files)
	}
	r.tried = tried
	outcome := Outcome{
		Cause: cause, At: r.cfg.Now().UTC(), Applied: err == nil,
		Added: change.Added, Removed: change.Removed, Changed: change.Changed, Kept: change.Kept,
	}
	if err != nil {
		outcome.Problems = strings.Split(err.Error(), "\n")
	}
	r.tell(ctx, outcome)
	return outcome
}

// tell records outcome before the metrics show it: who waits for a metric finds
// in the journal, and in the console, what it is about.
func (r *Reloader) tell(ctx context.Context, outcome Outcome) {
	kind := journal.KindConfigLoaded
	if !outcome.Applied {
		kind = journal.KindConfigRefused
	}
	if _, err := r.cfg.Journal.AppendValue(context.WithoutCancel(ctx), kind, "", "", outcome); err != nil && !errors.Is(err, context.Canceled) {
		r.cfg.Log.Error("a change of the configuration was not recorded", "error", err)
	}
	if outcome.Applied {
		r.successful.Set(1)
		r.succeeded.Set(unix(outcome.At))
		r.cfg.Log.Info("the configuration was read again", "cause", outcome.Cause,
			"added", outcome.Added, "removed", outcome.Removed, "changed", outcome.Changed, "kept", outcome.Kept)
		return
	}
	r.successful.Set(0)
	for _, problem := range outcome.Problems {
		r.cfg.Log.Error("the configuration is refused; the old one stays in force", "cause", outcome.Cause, "problem", problem)
	}
}
