package schedule

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
)

// Entry is one probe and how often it runs.
type Entry struct {
	Probe    probes.Probe
	Interval time.Duration
}

// Config of a Schedule.
type Config struct {
	Target string
	// Checkpoint is the name of the place the probes run from.
	Checkpoint string
	Entries    []Entry
	// Overlap is how many runs of one probe may be under way at once. A target
	// that hangs makes runs longer than the interval; without overlap the
	// schedule would then look away exactly when it matters. Default 6.
	Overlap int
	// Missed is told of each run that could not start, and Ended of each
	// result, at once and on the goroutine of the run: alerts must not wait for
	// a slow store. Neither may block.
	Missed func(probe string)
	Ended  func(probes.Result)
}

// Schedule runs probes until it is stopped.
type Schedule struct {
	cfg     Config
	results *queue
}

// New checks cfg and makes a schedule.
func New(cfg Config) (*Schedule, error) {
	if len(cfg.Entries) == 0 {
		return nil, errors.New("schedule has no probe")
	}
	for _, entry := range cfg.Entries {
		if entry.Interval <= 0 {
			return nil, fmt.Errorf("schedule of probe %s: interval %s is not positive", entry.Probe.Name(), entry.Interval)
		}
	}
	if cfg.Overlap == 0 {
		cfg.Overlap = 6
	}
	if cfg.Missed == nil {
		cfg.Missed = func(string) {}
	}
	if cfg.Ended == nil {
		cfg.Ended = func(probes.Result) {}
	}
	return &Schedule{cfg: cfg, results: newQueue()}, nil
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

// Run runs the probes until ctx ends and hands each result to record, one at a
// time, in the order in which runs ended. It returns when every run has ended
// and every result is recorded; runs under way when ctx ends come out unknown.
func (s *Schedule) Run(ctx context.Context, record func(probes.Result)) {
	var running sync.WaitGroup
	for _, entry := range s.cfg.Entries {
		running.Go(func() { s.drive(ctx, entry) })
	}
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		for {
			result, ok := s.results.take()
			if !ok {
				return
			}
			record(result)
		}
	}()
	running.Wait()
	s.results.close()
	<-recorded
}

// Waiting is how many results wait to be recorded.
func (s *Schedule) Waiting() int { return s.results.length() }

// drive starts the runs of one probe. The wall clock decides the first start
// only; after that, starts are one interval apart on the monotonic clock.
func (s *Schedule) drive(ctx context.Context, entry Entry) {
	var runs sync.WaitGroup
	defer runs.Wait()
	slots := make(chan struct{}, s.cfg.Overlap)
	now := time.Now()
	first := next(now, Phase(entry.Probe.Name(), s.cfg.Checkpoint, entry.Interval), entry.Interval)
	intended := now.Add(first.Sub(now))
	timer := time.NewTimer(time.Until(intended))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		// A machine that slept or was starved wakes up with starts long past;
		// each of them is accounted for.
		for ; time.Since(intended) >= entry.Interval; intended = intended.Add(entry.Interval) {
			s.miss(entry, intended, "the machine was too busy or asleep")
		}
		s.start(ctx, entry, intended, slots, &runs)
		intended = intended.Add(entry.Interval)
		timer.Reset(time.Until(intended))
	}
}

func (s *Schedule) start(ctx context.Context, entry Entry, intended time.Time, slots chan struct{}, runs *sync.WaitGroup) {
	select {
	case slots <- struct{}{}:
	default:
		s.miss(entry, intended, fmt.Sprintf("%d earlier runs are still under way", s.cfg.Overlap))
		return
	}
	runs.Go(func() {
		defer func() { <-slots }()
		result := entry.Probe.Run(ctx)
		result.Intended, result.IntervalMS = intended.UTC(), entry.Interval.Milliseconds()
		result.LatencyMS = float64(time.Since(intended).Microseconds()) / 1000
		s.finish(result)
	})
}

func (s *Schedule) finish(result probes.Result) {
	s.cfg.Ended(result)
	s.results.put(result)
}

// miss accounts for a run that could not start: unknown, never good or bad.
func (s *Schedule) miss(entry Entry, intended time.Time, why string) {
	s.cfg.Missed(entry.Probe.Name())
	result := probes.Result{
		Probe: entry.Probe.Name(), Target: s.cfg.Target, RunID: telemetry.RunID(),
		Started: time.Now().UTC(), Intended: intended.UTC(), IntervalMS: entry.Interval.Milliseconds(),
	}
	result.End(verdict.Missed, "the run could not start: "+why)
	s.finish(result)
}
