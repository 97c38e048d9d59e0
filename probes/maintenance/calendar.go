package maintenance

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/teambition/rrule-go"
)

// Subject is what a window may cover.
type Subject struct {
	Probe string
	// Zone is empty for a probe that goes to no zone in particular.
	Zone string
}

// Occurrence is one time that a window is open: from From until before Until.
type Occurrence struct {
	Window string    `json:"window"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	config Config
}

// Covers reports whether the window is for subject.
func (o Occurrence) Covers(subject Subject) bool { return o.config.Covers(subject) }

// Calendar knows when windows are open. It is safe for concurrent use; a nil
// one has no windows.
type Calendar struct {
	windows []window

	mu    sync.Mutex
	cache span
}

// span is what was found between two times.
type span struct {
	from, until time.Time
	found       []Occurrence
}

// window is a Config whose text is understood.
type window struct {
	config Config
	zone   *time.Location
	when   recurrence
}

// recurrence finds when a window is open, of all that overlaps from and until.
type recurrence interface {
	between(from, until time.Time) []Occurrence
}

// Covers reports whether the window is for subject.
func (c Config) Covers(subject Subject) bool {
	return (len(c.Probes) == 0 || slices.ContainsFunc(c.Probes, func(pattern string) bool {
		// Check has refused bad patterns.
		matched, err := path.Match(pattern, subject.Probe)
		return err == nil && matched
	})) && (len(c.Zones) == 0 || slices.Contains(c.Zones, subject.Zone))
}

// Between returns each time that a window is open between from and until, in
// order, also where it began earlier or ends later.
func (c *Calendar) Between(from, until time.Time) []Occurrence {
	if c == nil || !until.After(from) {
		return nil
	}
	var all []Occurrence
	for _, one := range c.windows {
		for _, found := range one.when.between(from, until) {
			if !found.Until.After(from) || !found.From.Before(until) {
				continue
			}
			found.Window, found.config = one.config.Name, one.config
			all = append(all, found)
		}
	}
	slices.SortStableFunc(all, func(a, b Occurrence) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Window, b.Window))
	})
	return all
}

// Active returns the names of the windows that are open for subject at a time,
// joined by commas; empty when none is.
func (c *Calendar) Active(subject Subject, at time.Time) string {
	if c == nil || len(c.windows) == 0 {
		return ""
	}
	var names []string
	for _, one := range c.near(at) {
		if !at.Before(one.From) && at.Before(one.Until) && one.Covers(subject) && !slices.Contains(names, one.Window) {
			names = append(names, one.Window)
		}
	}
	return strings.Join(names, ", ")
}

// near finds the windows open around a time. A schedule asks many times a
// second, and the answer changes rarely.
func (c *Calendar) near(at time.Time) []Occurrence {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.Before(c.cache.from) || !at.Before(c.cache.until) {
		from := at.Add(-time.Hour)
		until := at.Add(24 * time.Hour)
		c.cache = span{from: from, until: until, found: c.Between(from, until)}
	}
	return c.cache.found
}

// once is a window that does not recur.
type once struct{ from, until time.Time }

func (o once) between(time.Time, time.Time) []Occurrence {
	return []Occurrence{{From: o.from, Until: o.until}}
}

// recurring is a window that begins on certain days.
type recurring struct {
	zone *time.Location
	days *rrule.RRule
	// at is when it begins, on the wall clock since midnight.
	at time.Duration
	// It ends when the wall clock shows to, or after length has passed.
	byClock bool
	to      time.Duration
	length  time.Duration
	except  map[time.Time]bool
}

func (r recurring) between(from, until time.Time) []Occurrence {
	// Days are dates without a zone; two more on either side cover every offset
	// and change of it.
	const margin = 48 * time.Hour
	first := from.UTC().Add(-longest - margin)
	last := until.UTC().Add(margin)
	var found []Occurrence
	for _, day := range r.days.Between(first, last, true) {
		if r.except[day] {
			continue
		}
		begins := instantOf(day.Add(r.at), r.zone)
		ends := begins.Add(r.length)
		if r.byClock {
			ends = instantOf(day.Add(r.to), r.zone)
		}
		// Both ends may fall onto the same instant around a change of the clock.
		if ends.After(begins) {
			found = append(found, Occurrence{From: begins, Until: ends})
		}
	}
	return found
}
