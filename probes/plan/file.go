package plan

import (
	"time"

	"tocsin/probes/heartbeat"
	"tocsin/probes/maintenance"
	"tocsin/probes/quorum"
)

// version of the file format.
const version = 1

// File is a plan file.
type File struct {
	Version int `yaml:"version"`
	// Defaults hold for every probe that does not say otherwise.
	Defaults Timing `yaml:"defaults"`
	// Journeys says how often the journeys of the target run, by their names.
	// A journey that is not named runs as it does without a plan.
	Journeys map[string]Timing `yaml:"journeys"`
	// Checks are probes of single things, each of one family.
	Checks []Check `yaml:"checks"`
	// Maintenance is when work on the target is announced.
	Maintenance []maintenance.Config `yaml:"maintenance"`
	// Heartbeats are jobs that must report by themselves.
	Heartbeats []heartbeat.Config `yaml:"heartbeats"`
	// Quorum says which checkpoints must agree on an outage; without it, none is
	// ever declared.
	Quorum *quorum.Config `yaml:"quorum"`
}

// Timing is when a probe runs and how long it may take.
type Timing struct {
	// Interval between two starts; at least a second.
	Interval time.Duration `yaml:"interval"`
	// Timeout of one attempt.
	Timeout time.Duration `yaml:"timeout"`
	// Overlap is how many runs may be under way at once. A run must end within
	// that many intervals. By default a check has one, so its runs never
	// overlap; a journey has as many as its own time limit asks for.
	Overlap int `yaml:"overlap"`
	// Off takes a journey out of the schedule; it can still be run by hand.
	Off bool `yaml:"off"`
}

// Shortest and longest times that make sense. Below a second it would be load,
// not probing.
const (
	shortestInterval = time.Second
	longestInterval  = 31 * 24 * time.Hour
	shortestTimeout  = 100 * time.Millisecond
	longestTimeout   = 10 * time.Minute
	largestOverlap   = 20
)

// DefaultInterval is how often a probe runs of which nobody says more.
const DefaultInterval = 5 * time.Second
