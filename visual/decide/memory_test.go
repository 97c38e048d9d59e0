package decide

import (
	"math"
	"testing"
	"time"
)

// seen is a sighting a day, from the first of January 2030.
func seen(fingerprints ...string) (all []Sighting) {
	for day, fingerprint := range fingerprints {
		all = append(all, Sighting{At: time.Date(2030, 1, 1+day, 0, 0, 0, 0, time.UTC), Fingerprint: fingerprint})
	}
	return all
}

func TestMemoryTellsFlickerFromChange(t *testing.T) {
	cases := map[string]struct {
		sightings                         []Sighting
		stability, consistency, flakiness float64
		says                              string
	}{
		"a page nobody checked":      {nil, 1, 1, 0, ""},
		"a page that stands still":   {seen("", "", "", ""), 1, 1, 0, ""},
		"a change that is new":       {seen("", "", "", "b"), 0.75, 1, 0.125, ""},
		"one that comes and goes":    {seen("", "a", "", "a"), 0.5, 0.5, 0.5, "this difference was seen 2 times before, first on 2030-01-02; the page differed in 2 of 4 checks (flakiness 0.50)"},
		"one that was there once":    {seen("a", "", "", ""), 0.75, 1, 0.125, "this difference was seen once before, first on 2030-01-01; the page differed in 1 of 4 checks (flakiness 0.12)"},
		"a page that never is alike": {seen("b", "c", "d", "e"), 0, 1, 0.5, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			memory := Remember(c.sightings, "a")
			for what, pair := range map[string][2]float64{
				"stability": {memory.Stability(), c.stability}, "consistency": {memory.Consistency(), c.consistency}, "flakiness": {memory.Flakiness(), c.flakiness},
			} {
				if math.Abs(pair[0]-pair[1]) > 1e-9 {
					t.Errorf("%s %g, want %g", what, pair[0], pair[1])
				}
			}
			if memory.String() != c.says {
				t.Errorf("says %q, want %q", memory.String(), c.says)
			}
		})
	}
}
