package plan

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tocsin/internal/strictyaml"
	"tocsin/internal/target"
	"tocsin/probes"
	"tocsin/probes/conformance"
	"tocsin/probes/journey"
	"tocsin/probes/memory"
	"tocsin/probes/oidc"
	"tocsin/probes/vci"
)

// Plan says what is probed and when. The zero Plan is the one that follows
// from a target alone.
type Plan struct {
	file     File
	path     string
	document *strictyaml.Document
	memory   *memory.Book
	// sum is of the bytes of the file.
	sum [sha256.Size]byte
}

// Remembering is the plan with a memory for its journeys that outlives the
// process.
func (p *Plan) Remembering(book *memory.Book) *Plan {
	remembering := *p
	remembering.memory = book
	return &remembering
}

// ForTarget is the plan of a target: that of path, else the one that the target
// file names, else the one that follows from the target alone.
func ForTarget(t *target.Target, path string) (*Plan, error) {
	if path == "" {
		path = t.Plan
	}
	if path == "" {
		return &Plan{}, nil
	}
	return Load(path)
}

// Entry is one probe with its times.
type Entry struct {
	Probe    probes.Probe
	Interval time.Duration
	// Overlap is how many runs may be under way at once.
	Overlap int
	// Version tells states of the configuration of the probe apart.
	Version string
	// Off is true for a probe that is only run by hand.
	Off bool
}

// periodic is a probe that runs by itself at another pace than most.
type periodic interface{ Every() time.Duration }

// bounded is a probe whose attempts can be given another time limit.
type bounded interface {
	Within(attempt time.Duration) probes.Probe
}

// lasting is a probe that knows how long a run of it may take. A login that is
// promised within 15 s and tried every 5 s is no failure when it takes 9.
type lasting interface{ Longest() time.Duration }

// Entries makes every probe of the plan against a target: its journeys first,
// then the checks, in the order of the file.
func (p *Plan) Entries(t *target.Target) ([]Entry, error) {
	journeys, err := p.journeys(t)
	if err != nil {
		return nil, err
	}
	common, err := p.fingerprint(t)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(journeys)+len(p.file.Checks))
	for _, probe := range journeys {
		entry := p.entry(probe, p.file.Journeys[probe.Name()])
		if entry.Version, err = p.version(common, "journeys."+probe.Name(), nil); err != nil {
			return nil, err
		}
		if long, ok := entry.Probe.(lasting); ok && entry.Overlap == 0 {
			entry.Overlap = min(int((long.Longest()-1)/entry.Interval)+1, largestOverlap)
		}
		entries = append(entries, entry)
	}
	if err := p.checkJourneys(entries); err != nil {
		return nil, err
	}
	checks, err := p.checks(t, entries, common)
	if err != nil {
		return nil, err
	}
	return append(entries, checks...), nil
}

// journeys makes the journeys of every family that the target file allows.
func (p *Plan) journeys(t *target.Target) ([]probes.Probe, error) {
	cfg, err := oidc.FromTarget(t)
	if err != nil {
		return nil, err
	}
	if p.memory != nil {
		cfg.Memory = p.memory
	}
	all, err := cfg.Probes()
	if err != nil {
		return nil, err
	}
	credentials, err := vci.Probes(t)
	if err != nil {
		return nil, err
	}
	conforms, err := conformance.Config{Login: cfg, Accepted: t.Conformance.Accepted}.Probes()
	if err != nil {
		return nil, err
	}
	return slices.Concat(all, credentials, conforms), nil
}

func (p *Plan) checks(t *target.Target, taken []Entry, common []byte) ([]Entry, error) {
	roots, err := t.Roots()
	if err != nil {
		return nil, fmt.Errorf("configure checks: %w", err)
	}
	base := journey.Config{Target: t.Name, Home: t.Issuer, Roots: roots, ConnectTo: t.ConnectTo}
	entries := make([]Entry, 0, len(p.file.Checks))
	for index := range p.file.Checks {
		check := &p.file.Checks[index]
		if slices.ContainsFunc(taken, func(e Entry) bool { return e.Probe.Name() == check.Name }) {
			return nil, p.document.Problem(fmt.Sprintf("checks[%d].name", index), fmt.Sprintf("%q is a journey of the target", check.Name), "choose another name")
		}
		for _, kind := range check.kinds() {
			if !kind.set {
				continue
			}
			probe, err := kind.probe(base, check.Name)
			if err != nil {
				return nil, fmt.Errorf("make check %s: %w", check.Name, err)
			}
			entry := p.entry(probe, check.Timing)
			if entry.Version, err = p.version(common, fmt.Sprintf("checks[%d]", index), strictyaml.Files(check)); err != nil {
				return nil, err
			}
			entries = append(entries, entry)
		}
	}
	return entries, nil
}

// entry gives a probe its times: its own of the file, else what the probe
// itself needs, else the file's defaults, else everybody's.
func (p *Plan) entry(probe probes.Probe, own Timing) Entry {
	entry := Entry{Probe: probe, Interval: own.Interval, Off: own.Off}
	ownPace := time.Duration(0)
	if paced, ok := probe.(periodic); ok {
		ownPace = paced.Every()
	}
	if ownPace < 0 {
		ownPace, entry.Off = 0, entry.Interval == 0
	}
	if entry.Interval == 0 {
		entry.Interval = ownPace
	}
	if entry.Interval == 0 {
		entry.Interval = p.file.Defaults.Interval
	}
	if entry.Interval == 0 {
		entry.Interval = DefaultInterval
	}
	timeout := own.Timeout
	// A probe with a pace of its own, such as a sweep of ports, also knows how
	// long it takes; everybody's limit would only cut it short.
	if timeout == 0 && ownPace == 0 {
		timeout = p.file.Defaults.Timeout
	}
	entry.Overlap = own.Overlap
	if entry.Overlap == 0 {
		entry.Overlap = p.file.Defaults.Overlap
	}
	if limited, ok := probe.(bounded); ok && timeout != 0 {
		entry.Probe = limited.Within(timeout)
	}
	return entry
}

// checkJourneys refuses times for a journey that the target does not have.
func (p *Plan) checkJourneys(entries []Entry) error {
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Probe.Name())
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(p.file.Journeys)) {
		if slices.Contains(names, name) {
			continue
		}
		hint := "tocsin probe list shows the journeys of the target"
		if near := strictyaml.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		problems = append(problems, p.document.Problem("journeys."+name, "is no journey of the target", hint))
	}
	return errors.Join(problems...)
}

// Faster runs every probe that has no pace of its own at interval.
func (p *Plan) Faster(interval time.Duration) *Plan {
	changed := *p
	changed.file.Defaults.Interval = interval
	return &changed
}
