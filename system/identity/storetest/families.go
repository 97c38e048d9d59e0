package storetest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tocsin/system/identity/spent"
)

// over is a grace that has ended when it begins.
const over = -time.Second

func family() spent.Rotation {
	return spent.Rotation{Family: rand.Text(), Expires: time.Now().Add(time.Hour), Grace: life}
}

// use returns the use of the token of a generation of r's family, with an
// attempt and a proof of its own.
func use(r spent.Rotation, generation uint64) spent.Rotation {
	r.Generation, r.Attempt, r.Marks = generation, rand.Text(), []spent.Mark{mark(spent.Proof)}
	return r
}

func isRotationVerdict(err error) bool {
	return isConsumed(err) || errors.Is(err, spent.ErrReused) || errors.Is(err, spent.ErrRevoked)
}

// Families checks spent.Families. revocations are those of the first zone.
func Families(t *testing.T, revocations spent.Revocations, zones ...spent.Families) {
	a, b := zones[0], zones[1]
	rotate := func(t *testing.T, zone spent.Families, r spent.Rotation, want uint64) {
		t.Helper()
		if got, err := zone.Rotate(t.Context(), r); err != nil || got != want {
			t.Fatalf("generation %d became %d, %v; want %d", r.Generation, got, err, want)
		}
	}
	refuse := func(t *testing.T, zone spent.Families, r spent.Rotation, want error) {
		t.Helper()
		if got, err := zone.Rotate(t.Context(), r); !errors.Is(err, want) {
			t.Fatalf("generation %d became %d, %v; want %v", r.Generation, got, err, want)
		}
	}
	t.Run("each use gives the next generation, in any zone", func(t *testing.T) {
		r := family()
		for generation := range uint64(4) {
			rotate(t, zones[generation%2], use(r, generation), generation+1)
		}
	})
	t.Run("the generation before comes again within the grace and gives the same", func(t *testing.T) {
		r := family()
		rotate(t, a, use(r, 0), 1)
		rotate(t, b, use(r, 0), 1)
		rotate(t, a, use(r, 1), 2)
		rotate(t, b, use(r, 1), 2)
	})
	t.Run("the same attempt may be repeated", func(t *testing.T) {
		first := use(family(), 0)
		rotate(t, a, first, 1)
		rotate(t, b, first, 1)
	})
	t.Run("the generation before after the grace is reuse and ends the family", func(t *testing.T) {
		r := family()
		rotate(t, a, use(r, 0), 1)
		r.Grace = over
		refuse(t, b, use(r, 0), spent.ErrReused)
		refuse(t, a, use(r, 1), spent.ErrRevoked)
		await(t, func() error {
			if !revocations.Revoked(r.Family) {
				return errors.New("the revocation of the family is not heard of")
			}
			return nil
		})
	})
	t.Run("an older generation is reuse, within the grace too", func(t *testing.T) {
		r := family()
		rotate(t, a, use(r, 0), 1)
		rotate(t, a, use(r, 1), 2)
		refuse(t, b, use(r, 0), spent.ErrReused)
		refuse(t, a, use(r, 2), spent.ErrRevoked)
	})
	t.Run("a revoked family does not rotate, though it never did before", func(t *testing.T) {
		r := family()
		if err := revocations.Revoke(t.Context(), r.Family, life); err != nil {
			t.Fatal(err)
		}
		refuse(t, b, use(r, 0), spent.ErrRevoked)
	})
	t.Run("a token ahead of its record is accepted, as after a restore", func(t *testing.T) {
		r := family()
		rotate(t, a, use(r, 7), 8) // no record
		rotate(t, b, use(r, 8), 9)
		rotate(t, a, use(r, 20), 21) // an old record
		refuse(t, b, use(r, 8), spent.ErrReused)
	})
	t.Run("a replayed proof is refused and does not end the family", func(t *testing.T) {
		r := family()
		first := use(r, 0)
		rotate(t, a, first, 1)
		stolen := first
		stolen.Attempt, stolen.Grace = rand.Text(), over
		_, err := b.Rotate(t.Context(), stolen)
		if got, consumed := spent.Consumed(err); !consumed || got != first.Marks[0] {
			t.Errorf("got %v", err)
		}
		rotate(t, a, use(r, 1), 2)
	})
	t.Run("a refused mark leaves the generation as it is", func(t *testing.T) {
		r := family()
		other := use(family(), 0)
		rotate(t, a, other, 1)
		taken := use(r, 0)
		taken.Marks = other.Marks
		if _, err := b.Rotate(t.Context(), taken); !isConsumed(err) {
			t.Errorf("got %v", err)
		}
		r.Grace = over
		rotate(t, a, use(r, 0), 1)
	})
	t.Run("of many uses of one token at once all get the same generation", func(t *testing.T) {
		for range 5 {
			rotationRace(t, zones)
		}
	})
}

// rotationRace uses one token many times at once. One rotation and no more
// happens if the next generation is the current one afterwards.
func rotationRace(t *testing.T, zones []spent.Families) {
	t.Helper()
	r := family()
	if _, err := zones[0].Rotate(t.Context(), use(r, 0)); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range parallel {
		mine := use(r, 1)
		group.Go(func() {
			<-start
			err := answer(t.Context(), isRotationVerdict, func() error {
				got, err := zones[i%len(zones)].Rotate(t.Context(), mine)
				if err == nil && got != 2 {
					t.Errorf("use %d got generation %d", i, got)
				}
				return err
			})
			if err != nil {
				t.Errorf("use %d: %v", i, err)
			}
		})
	}
	close(start)
	group.Wait()
	// Without a grace only the current generation is good. The first zone has a
	// sound network: behind a bad one the store asks twice, and the second asking
	// would come after a grace that no client has.
	r.Grace = over
	if got, err := zones[0].Rotate(t.Context(), use(r, 2)); err != nil || got != 3 {
		t.Errorf("after the race: %d, %v", got, err)
	}
}

// Revocations checks spent.Revocations, each zone of which hears of all.
func Revocations(t *testing.T, zones ...spent.Revocations) {
	heard := func(t *testing.T, id string) {
		t.Helper()
		for i, zone := range zones {
			await(t, func() error {
				if !zone.Revoked("other", id) {
					return fmt.Errorf("zone %d has not heard", i)
				}
				return nil
			})
		}
	}
	t.Run("what is revoked in one zone is revoked in all", func(t *testing.T) {
		for i, zone := range zones {
			id := fmt.Sprint(i, rand.Text())
			if zone.Revoked(id) {
				t.Error("revoked before it was")
			}
			for range 2 {
				if err := zone.Revoke(t.Context(), id, life); err != nil {
					t.Fatal(err)
				}
			}
			heard(t, id)
		}
	})
	t.Run("the zone that revoked knows at once", func(t *testing.T) {
		id := rand.Text()
		if err := zones[0].Revoke(t.Context(), id, life); err != nil {
			t.Fatal(err)
		}
		if !zones[0].Revoked(id) {
			t.Error("not known")
		}
	})
	t.Run("other ids and the empty one are not revoked", func(t *testing.T) {
		if zones[0].Revoked("", rand.Text()) || zones[0].Revoked() {
			t.Error("revoked")
		}
	})
}
