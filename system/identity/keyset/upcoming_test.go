package keyset

import (
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestUpcomingKeysSayWhenTheySign(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a", "b"), newClock()
	keeper, set := keeperOf(t, configFor(clock), ring, nodes)
	if _, err := keeper.Upcoming(t.Context(), Token); !errors.Is(err, ErrIncomplete) {
		t.Errorf("before there are keys: %v", err)
	}
	step(t, keeper)
	if all, err := keeper.Upcoming(t.Context(), Token); err != nil || len(all) != 0 {
		t.Errorf("before anybody asked for it: %v, %v", all, err)
	}
	current := signing(t, set, Credential, jose.ES256)
	if err := keeper.Rotate(t.Context(), Credential); err != nil {
		t.Fatal(err)
	}
	all, err := keeper.Upcoming(t.Context(), Credential)
	if err != nil || len(all) != 1 || all[0].Replaces != current || all[0].Algorithm != jose.ES256 {
		t.Fatalf("got %+v, %v", all, err)
	}
	clock.move(all[0].Signs.Sub(set.config.Now()) - time.Second)
	step(t, keeper)
	if signing(t, set, Credential, jose.ES256) != current {
		t.Error("the next key signs before its time")
	}
	clock.move(2 * time.Second)
	step(t, keeper)
	if signing(t, set, Credential, jose.ES256) != all[0].KeyID {
		t.Error("the next key does not sign at its time")
	}
}
