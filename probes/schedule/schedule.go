package schedule

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"tocsin/probes"
)

// Entry is one probe and how often it runs.
type Entry struct {
	Probe    probes.Probe
	Interval time.Duration
	// Overlap is how many runs of the probe may be under way at once. Default
	// and least 1: never two. Each run has Overlap intervals of time.
	Overlap int
	// Version tells configurations of the probe apart, such as their checksum.
	// A reload leaves a probe alone whose entry is the same.
	Version string
}

// Config of a Schedule.
type Config struct {
	Target string
	// Checkpoint is the name of the place the probes run from.
	Checkpoint string
	Entries    []Entry
	// Concurrency is how many runs may be under way at once, of all probes
	// together. Default 1000.
	Concurrency int
	// Grace is how late a run may start. Default 500 ms. It is also how late
	// this process may get a processor before what timed out meanwhile counts
	// as not measured.
	Grace time.Duration
	// Missed is told how many starts of a probe could not take place, Started
	// how late each run starts, Ended each result, and Removed when the last
	// run of a probe that a reload took out has ended. They are called at once,
	// on the goroutine of the run or of the timetable: alerts must not wait for
	// a slow store. None of them may block.
	Missed  func(probe string, starts int)
	Started func(probe string, late time.Duration)
	Ended   func(probes.Result)
	Removed func(probe string)
	// Maintenance names the announced windows that are open for a probe at a
	// time. Runs in one take place all the same, and their results say so.
	Maintenance func(probe string, at time.Time) string
	// Asleep is how long the machine has been suspended since it was booted.
	// The default asks the kernel.
	Asleep func() time.Duration
}

func (c *Config) defaults() {
	if c.Concurrency == 0 {
		c.Concurrency = 1000
	}
	if c.Grace == 0 {
		c.Grace = 500 * time.Millisecond
	}
	if c.Missed == nil {
		c.Missed = func(string, int) {}
	}
	if c.Started == nil {
		c.Started = func(string, time.Duration) {}
	}
	if c.Ended == nil {
		c.Ended = func(probes.Result) {}
	}
	if c.Removed == nil {
		c.Removed = func(string) {}
	}
	if c.Maintenance == nil {
		c.Maintenance = func(string, time.Time) string { return "" }
	}
	if c.Asleep == nil {
		c.Asleep = timeAsleep
	}
}

// Schedule runs probes until it is stopped.
type Schedule struct {
	cfg     Config
	clock   *clock
	results *queue
	running sync.WaitGroup
	// idle hands a run to a worker that waits for one.
	idle chan start
	// changed wakes the timetable after a reload.
	changed chan struct{}

	mu sync.Mutex
	// planned are the probes by name, and leaving those that a reload took out
	// and that still have runs under way.
	planned map[string]*planned
	leaving map[string]*planned
	table   timetable
	// waiting are runs that are due while all slots are taken, oldest first.
	waiting []start
	free    int
	blind   blindness
}

// New checks cfg and makes a schedule.
func New(cfg Config) (*Schedule, error) {
	cfg.defaults()
	if err := check(cfg.Entries); err != nil {
		return nil, err
	}
	s := &Schedule{
		cfg: cfg, clock: newClock(cfg.Asleep), results: newQueue(), idle: make(chan start), changed: make(chan struct{}, 1),
		planned: make(map[string]*planned, len(cfg.Entries)), leaving: map[string]*planned{},
		free: cfg.Concurrency, blind: blindness{threshold: cfg.Grace},
	}
	s.replace(cfg.Entries)
	return s, nil
}

func check(entries []Entry) error {
	if len(entries) == 0 {
		return errors.New("schedule has no probe")
	}
	names := make(map[string]bool, len(entries))
	for _, entry := range entries {
		name := entry.Probe.Name()
		if names[name] {
			return fmt.Errorf("schedule has two probes of the name %s", name)
		}
		names[name] = true
		if entry.Interval <= 0 {
			return fmt.Errorf("schedule of probe %s: interval %s is not positive", name, entry.Interval)
		}
		if entry.Overlap < 0 {
			return fmt.Errorf("schedule of probe %s: overlap %d is negative", name, entry.Overlap)
		}
	}
	return nil
}

// Phase is where in its interval a probe runs. It follows from the names alone,
// so that restarts do not move it, and probes and checkpoints spread.
func Phase(probe, checkpoint string, interval time.Duration) time.Duration {
	hash := fnv.New64a()
	// Write of a hash never returns an error.
	hash.Write([]byte(probe + "\x00" + checkpoint))
	return time.Duration(hash.Sum64() % uint64(interval))
}

// next is the first intended start after now.
func next(now time.Time, phase, interval time.Duration) time.Time {
	start := now.Truncate(interval).Add(phase)
	if !start.After(now) {
		start = start.Add(interval)
	}
	return start
}

// gathering is how often results are recorded at most. The first is recorded at
// once, and those of a busy schedule some at a time: making a write durable
// costs as much for one as for a hundred.
const gathering = 250 * time.Millisecond

// Run runs the probes until ctx ends and hands the results to record, a batch at
// a time, in the order in which runs ended. It returns when every run has ended
// and every result is recorded; runs under way when ctx ends come out unknown.
// It may be called once.
func (s *Schedule) Run(ctx context.Context, record func([]probes.Result)) {
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		for batch := s.results.take(); len(batch) > 0; batch = s.results.take() {
			began := time.Now()
			record(batch)
			s.results.gather(gathering - time.Since(began))
		}
	}()
	s.keepTime(ctx)
	s.running.Wait()
	s.results.close()
	<-recorded
}

// Waiting is how many results wait to be recorded.
func (s *Schedule) Waiting() int { return s.results.length() }

// UnderWay is how many runs are under way.
func (s *Schedule) UnderWay() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Concurrency - s.free
}
