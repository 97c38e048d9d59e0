package heartbeat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"tocsin/internal/journal"
)

// Journal is what a Book needs of the journal.
type Journal interface {
	AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error)
	Read(ctx context.Context, query journal.Query) ([]journal.Event, error)
}

// Book knows what each job has said. It is safe for concurrent use.
type Book struct {
	journal Journal
	now     func() time.Time

	mu    sync.Mutex
	order []string
	known map[string]*entry
}

// entry is one heartbeat.
type entry struct {
	config Config
	heard
}

// NewBook makes an empty book; see Listen. Now is the clock, nil for that of the
// machine.
func NewBook(events Journal, now func() time.Time) *Book {
	if now == nil {
		now = time.Now
	}
	return &Book{journal: events, now: now, known: make(map[string]*entry)}
}

// listening is what the journal keeps of since when Tocsin has been listening.
type listening struct {
	Name    string    `json:"name"`
	EveryMS int64     `json:"every_ms"`
	GraceMS int64     `json:"grace_ms"`
	Since   time.Time `json:"since"`
}

// Listen takes reports of these jobs from now on, and of no others. A job that
// is the same keeps what it has said. What others said, and since when Tocsin has
// been listening for them, is read back from the journal.
func (b *Book) Listen(ctx context.Context, configs []Config) error {
	before, err := b.before(ctx, configs)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	next := make(map[string]*entry, len(configs))
	order := make([]string, 0, len(configs))
	promises := make([]listening, 0, len(configs))
	changed := len(configs) != len(b.known)
	for _, config := range configs {
		one := &entry{config: config, heard: before[config.Name]}
		if known := b.known[config.Name]; known != nil {
			one.heard = known.heard
			if known.config.Every != config.Every || known.config.Grace != config.Grace {
				one.since, changed = b.now().UTC(), true
			}
		} else {
			changed = true
		}
		next[config.Name], order = one, append(order, config.Name)
		promises = append(promises, listening{
			Name: config.Name, EveryMS: config.Every.Milliseconds(), GraceMS: config.Grace.Milliseconds(), Since: one.since,
		})
	}
	if changed {
		if _, err := b.journal.AppendValue(ctx, journal.KindHeartbeatListening, "", "", promises); err != nil {
			return fmt.Errorf("record that heartbeats are listened for: %w", err)
		}
	}
	b.known, b.order = next, order
	return nil
}

// before reads what the journal knows of jobs that the book does not know.
func (b *Book) before(ctx context.Context, configs []Config) (map[string]heard, error) {
	found := make(map[string]heard)
	promised, err := b.promised(ctx)
	if err != nil {
		return nil, err
	}
	alive, err := b.alive(ctx)
	if err != nil {
		return nil, err
	}
	for _, config := range configs {
		h := heard{since: b.now().UTC()}
		old, ok := promised[config.Name]
		same := ok && old.EveryMS == config.Every.Milliseconds() && old.GraceMS == config.Grace.Milliseconds()
		if same && b.now().Sub(alive) <= config.Grace {
			h.since = old.Since
		}
		reports, err := b.journal.Read(ctx, journal.Query{Kind: journal.KindHeartbeat, RunID: config.Name, Newest: true, Limit: 20})
		if err != nil {
			return nil, fmt.Errorf("read what %s reported: %w", config.Name, err)
		}
		for _, event := range reports {
			var report Report
			if err := json.Unmarshal(event.Payload, &report); err != nil {
				return nil, fmt.Errorf("read what %s reported: %w", config.Name, err)
			}
			h.take(report)
		}
		found[config.Name] = h
	}
	return found, nil
}

// promised is what was listened for last. A job that has been taken out of the
// plan since is not in it.
func (b *Book) promised(ctx context.Context) (map[string]listening, error) {
	events, err := b.journal.Read(ctx, journal.Query{Kind: journal.KindHeartbeatListening, Newest: true, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("read since when heartbeats are listened for: %w", err)
	}
	found := make(map[string]listening)
	for _, event := range events {
		var all []listening
		if err := json.Unmarshal(event.Payload, &all); err != nil {
			return nil, fmt.Errorf("read since when heartbeats are listened for: %w", err)
		}
		for _, one := range all {
			found[one.Name] = one
		}
	}
	return found, nil
}

// lookedBack is among how many runs one of the schedule is looked for: runs by
// hand are recorded without anybody listening.
const lookedBack = 200

// alive is when Tocsin was certainly listening last: when it took a report, or
// its schedule ran a probe.
func (b *Book) alive(ctx context.Context) (time.Time, error) {
	var last time.Time
	for kind, limit := range map[string]int{journal.KindHeartbeat: 1, journal.KindHeartbeatListening: 1, journal.KindProbeRun: lookedBack} {
		events, err := b.journal.Read(ctx, journal.Query{Kind: kind, Newest: true, Limit: limit})
		if err != nil {
			return last, fmt.Errorf("read when tocsin was listening: %w", err)
		}
		for _, event := range events {
			var run struct {
				IntervalMS int64 `json:"interval_ms"`
			}
			if kind == journal.KindProbeRun && (json.Unmarshal(event.Payload, &run) != nil || run.IntervalMS == 0) {
				continue
			}
			if event.Time.After(last) {
				last = event.Time
			}
		}
	}
	return last, nil
}

// errUnknown means that nobody listens for a heartbeat.
var errUnknown = errors.New("no such heartbeat")

// receive records a report. It counts only once it is on disk.
func (b *Book) receive(ctx context.Context, report Report) (Standing, error) {
	b.mu.Lock()
	one := b.known[report.Name]
	if one == nil {
		b.mu.Unlock()
		return Standing{}, errUnknown
	}
	if running := one.running(); report.State != Started && report.DurationSeconds == 0 && running != nil {
		report.DurationSeconds = report.At.Sub(*running).Seconds()
	}
	b.mu.Unlock()
	if _, err := b.journal.AppendValue(ctx, journal.KindHeartbeat, report.Name, "", report); err != nil {
		return Standing{}, fmt.Errorf("record heartbeat: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	one.take(report)
	return judge(one.config, one.heard, report.At), nil
}

// config finds what is promised under a name.
func (b *Book) config(name string) (Config, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one := b.known[name]; one != nil {
		return one.config, true
	}
	return Config{}, false
}

// Summary is a heartbeat as lists show it.
type Summary struct {
	Name         string  `json:"name"`
	EverySeconds float64 `json:"every_seconds"`
	GraceSeconds float64 `json:"grace_seconds"`
	Standing
	// Last is its last success or failure.
	Last *Report `json:"last"`
}

// List returns all heartbeats, in the order of the plan.
func (b *Book) List() []Summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	all := make([]Summary, 0, len(b.order))
	for _, name := range b.order {
		one := b.known[name]
		all = append(all, Summary{
			Name: name, EverySeconds: one.config.Every.Seconds(), GraceSeconds: one.config.Grace.Seconds(),
			Standing: judge(one.config, one.heard, now), Last: one.ended,
		})
	}
	return all
}
