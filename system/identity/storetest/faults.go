package storetest

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"tocsin/system/identity/spent"
	"tocsin/system/identity/store/realtest"
)

// Network is what is between a store and its servers.
type Network interface {
	Poison(toxic realtest.Toxic) error
	Heal(ctx context.Context)
}

func poison(t *testing.T, network Network, toxic realtest.Toxic) {
	t.Helper()
	if err := network.Poison(toxic); err != nil {
		t.Fatal(err)
	}
}

// lostReply makes operation while every answer of the servers gets lost. It
// must not succeed, must not say a verdict, and must end in bounded time; the
// network is good afterwards.
func lostReply(t *testing.T, network Network, verdict func(error) bool, operation func() error) {
	t.Helper()
	poison(t, network, realtest.LostReplies())
	defer network.Heal(t.Context())
	started := time.Now()
	if err := operation(); err == nil || verdict(err) {
		t.Errorf("without any answer: %v", err)
	}
	if took := time.Since(started); took > 6*time.Second {
		t.Errorf("it took %s to give up", took)
	}
}

// MarksFaults checks a spent.Store whose network can be made bad. sound is the
// same store over another.
func MarksFaults(t *testing.T, network Network, store, sound spent.Store) {
	spend := func(zone spent.Store, attempt string, marks ...spent.Mark) error {
		return answer(t.Context(), isConsumed, func() error { return zone.Spend(t.Context(), attempt, marks...) })
	}
	warm := func(t *testing.T) {
		t.Helper()
		if err := spend(store, "warm", mark(spent.Code)); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a lost answer is no verdict, and the same attempt finds its marks", func(t *testing.T) {
		warm(t)
		code, proof := mark(spent.Code), mark(spent.Proof)
		lostReply(t, network, isConsumed, func() error { return store.Spend(t.Context(), "1", code, proof) })
		if err := spend(sound, "2", code); !isConsumed(err) {
			t.Errorf("the marks were not set, so nothing was tested: %v", err)
		}
		if err := spend(store, "1", code, proof); err != nil {
			t.Errorf("repeated: %v", err)
		}
	})
	t.Run("after a lost answer the marks can be released for another attempt", func(t *testing.T) {
		warm(t)
		code := mark(spent.Code)
		lostReply(t, network, isConsumed, func() error { return store.Spend(t.Context(), "1", code) })
		if err := sound.Release(t.Context(), "1", code); err != nil {
			t.Fatal(err)
		}
		if err := spend(store, "2", code); err != nil {
			t.Error(err)
		}
		if err := spend(sound, "1", code); !isConsumed(err) {
			t.Errorf("the first attempt got it as well: %v", err)
		}
	})
	for name, toxic := range badNetworks() {
		t.Run("of many attempts at once one wins, "+name, func(t *testing.T) {
			warm(t)
			healed := disturb(t, network, toxic)
			race(t, []spent.Store{store, sound, store})
			<-healed
		})
	}
}

// badNetworks are those over which answers come at last.
func badNetworks() map[string]realtest.Toxic {
	return map[string]realtest.Toxic{
		"while connections are reset": realtest.Resets(),
		"while answers are lost":      realtest.LostReplies(),
		"while answers are late":      realtest.Latency(250, 200),
	}
}

// disturb makes the network bad for a second and good again. The channel is
// closed then.
func disturb(t *testing.T, network Network, toxic realtest.Toxic) <-chan struct{} {
	t.Helper()
	poison(t, network, toxic)
	healed := make(chan struct{})
	go func() {
		defer close(healed)
		select {
		case <-t.Context().Done():
		case <-time.After(time.Second):
		}
		network.Heal(context.WithoutCancel(t.Context()))
	}()
	return healed
}

// FamiliesFaults checks a spent.Families whose network can be made bad.
func FamiliesFaults(t *testing.T, network Network, store, sound spent.Families) {
	rotate := func(zone spent.Families, r spent.Rotation) (generation uint64, err error) {
		err = answer(t.Context(), isRotationVerdict, func() error {
			generation, err = zone.Rotate(t.Context(), r)
			return err
		})
		return generation, err
	}
	t.Run("a rotation whose answer is lost gives the same generation again", func(t *testing.T) {
		r := family()
		if _, err := rotate(store, use(r, 0)); err != nil {
			t.Fatal(err)
		}
		second := use(r, 1)
		lostReply(t, network, isRotationVerdict, func() error {
			_, err := store.Rotate(t.Context(), second)
			return err
		})
		if got, err := rotate(store, second); err != nil || got != 2 {
			t.Errorf("the same attempt: %d, %v", got, err)
		}
		if got, err := rotate(sound, use(r, 1)); err != nil || got != 2 {
			t.Errorf("another attempt: %d, %v", got, err)
		}
	})
	for name, toxic := range badNetworks() {
		t.Run("of many uses of one token at once all get the same, "+name, func(t *testing.T) {
			healed := disturb(t, network, toxic)
			rotationRace(t, []spent.Families{sound, store, sound})
			<-healed
		})
	}
}

// RevocationsFaults checks that a zone that heard nothing for a while hears
// what it missed.
func RevocationsFaults(t *testing.T, network Network, store, sound spent.Revocations) {
	for name, toxic := range badNetworks() {
		t.Run("what was revoked "+name+" is heard of afterwards", func(t *testing.T) {
			healed := disturb(t, network, toxic)
			id := rand.Text()
			if err := sound.Revoke(t.Context(), id, life); err != nil {
				t.Fatal(err)
			}
			<-healed
			await(t, func() error {
				if !store.Revoked(id) {
					return context.DeadlineExceeded
				}
				return nil
			})
		})
	}
}
