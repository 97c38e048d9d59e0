package fault

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/system/lab/topology"
)

// ledger is an actuator that remembers what it was told.
type ledger struct {
	mu       sync.Mutex
	broken   map[string]bool
	refuse   error
	unmended int // how many reverts fail before one succeeds
}

func (l *ledger) Inject(_ context.Context, id string, _ Spec, _ []topology.Pod) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken[id] = true
	return l.refuse
}

func (l *ledger) Revert(_ context.Context, id string, _ Spec, _ []topology.Pod) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unmended > 0 {
		l.unmended--
		return errors.New("still broken")
	}
	delete(l.broken, id)
	return nil
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.broken)
}

func newBook() (*Book, *ledger) {
	made := &ledger{broken: map[string]bool{}}
	return NewBook(made, slog.New(slog.DiscardHandler)), made
}

func TestAFaultEndsWithItsLeaseWhenNobodyRenewsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, world := newBook()
		entry, err := book.Inject(t.Context(), Spec{Kind: Kill, Zone: "a"}, 10*time.Second, "test")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		if _, err := book.Renew(entry.ID, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		if world.count() != 1 {
			t.Fatal("a renewed lease ended early")
		}
		time.Sleep(2 * time.Second)
		ended, err := book.Get(entry.ID)
		if err != nil {
			t.Fatal(err)
		}
		if world.count() != 0 || ended.InForce() || ended.EndedBy != "lease" {
			t.Fatalf("after the lease: %d broken, entry %+v", world.count(), ended)
		}
		if _, err := book.Renew(entry.ID, time.Second); !errors.Is(err, ErrUnknown) {
			t.Fatalf("renew after the end: %v", err)
		}
	})
}

func TestAFaultThatCannotBeMendedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, world := newBook()
		if _, err := book.Inject(t.Context(), Spec{Kind: Cut, Component: topology.Redis}, time.Second, "test"); err != nil {
			t.Fatal(err)
		}
		world.mu.Lock()
		world.unmended = 3
		world.mu.Unlock()
		time.Sleep(10 * time.Second)
		if world.count() != 0 {
			t.Fatal("the fault outlived its lease")
		}
	})
}

func TestOneTargetTakesOneFault(t *testing.T) {
	cases := map[string]struct {
		second Spec
		held   bool
	}{
		"the same zone":                     {Spec{Kind: Cut, Zone: "a"}, true},
		"a component of the zone":           {Spec{Kind: Freeze, Zone: "a", Component: topology.Redis}, true},
		"a component in every zone":         {Spec{Kind: Kill, Component: topology.Identity}, true},
		"another zone":                      {Spec{Kind: Kill, Zone: "b"}, false},
		"a component of another zone alone": {Spec{Kind: Kill, Zone: "c", Component: topology.Redis}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			book, world := newBook()
			first, err := book.Inject(t.Context(), Spec{Kind: Kill, Zone: "a"}, time.Minute, "first")
			if err != nil {
				t.Fatal(err)
			}
			if _, err = book.Inject(t.Context(), tc.second, time.Minute, "second"); errors.Is(err, ErrHeld) != tc.held {
				t.Fatalf("second fault: %v, want held %v", err, tc.held)
			}
			for range 2 { // reverting is idempotent
				if _, err := book.Revert(t.Context(), first.ID); err != nil {
					t.Fatal(err)
				}
			}
			if tc.held {
				if _, err := book.Inject(t.Context(), tc.second, time.Minute, "second"); err != nil {
					t.Fatalf("after the first was reverted: %v", err)
				}
			}
			for _, entry := range book.List() {
				if _, err := book.Revert(t.Context(), entry.ID); err != nil {
					t.Fatal(err)
				}
			}
			if world.count() != 0 {
				t.Fatalf("%d faults left", world.count())
			}
		})
	}
}

func TestAFaultThatIsNotSeenInForceIsUndone(t *testing.T) {
	book, world := newBook()
	world.refuse = errors.New("not in force")
	if _, err := book.Inject(t.Context(), Spec{Kind: Freeze, Zone: "b"}, time.Minute, "test"); err == nil {
		t.Fatal("a fault without effect was a success")
	}
	if world.count() != 0 {
		t.Fatal("half a fault was left")
	}
	if _, found := book.On(topology.Pod{Zone: "b", Component: topology.Redis}); found {
		t.Fatal("the target is still held")
	}
}

func TestBadFaultsAreRefusedBeforeAnythingHappens(t *testing.T) {
	cases := map[string]struct {
		spec  Spec
		lease time.Duration
	}{
		"unknown kind":      {Spec{Kind: "melt", Zone: "a"}, time.Second},
		"no target":         {Spec{Kind: Kill}, time.Second},
		"unknown zone":      {Spec{Kind: Kill, Zone: "d"}, time.Second},
		"unknown component": {Spec{Kind: Kill, Component: "ldap"}, time.Second},
		"outside the zones": {Spec{Kind: Kill, Component: topology.Edge}, time.Second},
		"no lease":          {Spec{Kind: Kill, Zone: "a"}, 0},
		"endless lease":     {Spec{Kind: Kill, Zone: "a"}, MaxLease + 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			book, world := newBook()
			if _, err := book.Inject(t.Context(), tc.spec, tc.lease, "test"); !errors.Is(err, ErrInvalid) {
				t.Fatalf("got %v, want ErrInvalid", err)
			}
			if world.count() != 0 {
				t.Fatal("something was broken")
			}
		})
	}
}
