package keyset

import (
	"testing"
	"time"
)

func TestAgeAndTerms(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a"), newClock()
	keeper, set := keeperOf(t, configFor(clock), ring, nodes)
	clock.move(time.Minute)
	if set.Age() != time.Minute || len(set.Terms()) != 0 {
		t.Errorf("before the first look: age %s, %v", set.Age(), set.Terms())
	}
	step(t, keeper)
	made := clock.Now()
	clock.move(time.Hour)
	if set.Age() != time.Hour {
		t.Errorf("an hour after the look: age %s", set.Age())
	}
	terms := set.Terms()
	if len(terms) != len(slots()) {
		t.Errorf("terms %v", terms)
	}
	for _, term := range terms {
		if want := made.Add(set.config.period(term.Use)); !term.Until.Equal(want) {
			t.Errorf("%s key of %ss until %s, want %s", term.Algorithm, term.Use, term.Until, want)
		}
	}
	ring.set(func(m *memory) { m.text, m.revision = []byte("{}"), m.revision+1 })
	if err := keeper.Step(t.Context()); err == nil || set.Age() != time.Hour {
		t.Errorf("a ring that is not believed makes nothing younger: age %s, %v", set.Age(), err)
	}
}
