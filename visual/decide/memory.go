package decide

import (
	"fmt"
	"time"
)

// Sighting is what one earlier check of a page saw.
type Sighting struct {
	At time.Time
	// Fingerprint of what differed; empty when nothing did.
	Fingerprint string
}

// Memory is what earlier checks say about a page. It informs a person and never
// decides: a difference that comes back every week may be a defect of the page.
type Memory struct {
	// Checks, those of them that differed, and in how many different ways.
	Checks, Changes, Unique int
	// Seen is how often the difference at hand was seen before, and First when.
	Seen  int
	First time.Time
}

// Remember sums up the sightings of a page for a difference.
func Remember(sightings []Sighting, fingerprint string) Memory {
	memory := Memory{Checks: len(sightings)}
	known := map[string]bool{}
	for _, s := range sightings {
		if s.Fingerprint == "" {
			continue
		}
		memory.Changes++
		known[s.Fingerprint] = true
		if s.Fingerprint != fingerprint {
			continue
		}
		if memory.Seen++; memory.First.IsZero() || s.At.Before(memory.First) {
			memory.First = s.At
		}
	}
	memory.Unique = len(known)
	return memory
}

// Stability is the share of checks in which nothing differed, 0 to 1; 1 when there
// was none.
func (m Memory) Stability() float64 {
	if m.Checks == 0 {
		return 1
	}
	return 1 - float64(m.Changes)/float64(m.Checks)
}

// Consistency is how far the differences were different ones, 0 to 1: 1 when none
// was seen twice, as of changes that people make; near 0 when one comes and goes,
// as of a page that flickers.
func (m Memory) Consistency() float64 {
	if m.Changes == 0 {
		return 1
	}
	return float64(m.Unique) / float64(m.Changes)
}

// Flakiness is 1 - (stability + consistency) / 2, as Argos has it: 0 for a page
// that stands still or changes once, near 1 for one that always flickers.
func (m Memory) Flakiness() float64 { return 1 - (m.Stability()+m.Consistency())/2 }

// String says it to people; it is empty when there is nothing to say.
func (m Memory) String() string {
	if m.Seen == 0 {
		return ""
	}
	return fmt.Sprintf("this difference was seen %s before, first on %s; the page differed in %d of %d checks (flakiness %.2f)",
		times(m.Seen), m.First.UTC().Format(time.DateOnly), m.Changes, m.Checks, m.Flakiness())
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
