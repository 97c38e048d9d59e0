package keyset

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// published returns the kids of a document, by algorithm.
func published(t testing.TB, set *Set, use Use) map[string][]string {
	t.Helper()
	text, err := set.DocumentOf(use)
	if err != nil {
		t.Fatal(err)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	kids := map[string][]string{}
	for _, key := range keys.Keys {
		if !key.IsPublic() {
			t.Fatalf("key %s is not public", key.KeyID)
		}
		kids[key.Algorithm] = append(kids[key.Algorithm], key.KeyID)
	}
	return kids
}

func signing(t testing.TB, set *Set, use Use, algorithm jose.SignatureAlgorithm) string {
	t.Helper()
	key, err := set.Signing(use, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return key.KeyID
}

func TestFirstStartOfManyMakesOneSetOfKeys(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a", "b", "c"), newClock()
	var group sync.WaitGroup
	var sets [6]*Set
	for i := range sets {
		var keeper *Keeper
		keeper, sets[i] = keeperOf(t, configFor(clock), ring, nodes)
		if _, err := sets[i].Document(); !errors.Is(err, ErrIncomplete) {
			t.Fatalf("before the first look: %v", err)
		}
		group.Go(func() { step(t, keeper) })
	}
	group.Wait()
	if nodes.count() != len(slots()) {
		t.Errorf("%d keys were made, want %d", nodes.count(), len(slots()))
	}
	want := signing(t, sets[0], Token, jose.ES256)
	for _, set := range sets {
		if kids := published(t, set, Token); len(kids) != 3 {
			t.Errorf("published %v", kids)
		}
		if got := signing(t, set, Token, jose.ES256); got != want {
			t.Errorf("one process signs with %s, another with %s", want, got)
		}
	}
	for _, node := range nodes.Nodes() {
		if nodes.holding(node) != len(slots()) {
			t.Errorf("node %s holds %d keys", node, nodes.holding(node))
		}
	}
}

func TestTwentyRotationsAtOnceMakeOneKey(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a", "b", "c"), newClock()
	first, _ := keeperOf(t, configFor(clock), ring, nodes)
	step(t, first)
	before := nodes.count()
	var group sync.WaitGroup
	for i := range 20 {
		keeper := first
		if i >= 10 { // half of them in processes of their own
			keeper, _ = keeperOf(t, configFor(clock), ring, nodes)
		}
		group.Go(func() {
			if err := keeper.Rotate(t.Context(), Credential); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if made := nodes.count() - before; made != 1 {
		t.Errorf("%d keys were made", made)
	}
}

// TestLifeOfAKey follows keys from the first publication to the end.
func TestLifeOfAKey(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a", "b"), newClock()
	config := configFor(clock)
	keeper, set := keeperOf(t, config, ring, nodes)
	step(t, keeper)
	config = set.config
	old := signing(t, set, Token, jose.ES256)

	clock.move(config.TokenPeriod)
	step(t, keeper) // makes the next keys
	step(t, keeper)
	kids := published(t, set, Token)["ES256"]
	if len(kids) != 2 || signing(t, set, Token, jose.ES256) != old {
		t.Fatalf("the next key is to be published and not to sign: %v", kids)
	}
	clock.move(2*config.MaxAge - time.Second)
	step(t, keeper)
	if signing(t, set, Token, jose.ES256) != old {
		t.Fatal("a key signs before all caches can have it")
	}
	clock.move(config.Interval + time.Second)
	step(t, keeper)
	current := signing(t, set, Token, jose.ES256)
	if current == old || len(published(t, set, Token)["ES256"]) != 2 {
		t.Fatal("the next key is to be current and the old one still published")
	}
	if key, err := set.Verifying(old); err != nil || key == nil {
		t.Fatalf("what the old key signed does not verify: %v", err)
	}
	clock.move(config.Grace + config.TokenLife - time.Second)
	step(t, keeper)
	if len(published(t, set, Token)["ES256"]) != 2 {
		t.Fatal("a key is gone before what it signed has expired")
	}
	clock.move(time.Second)
	step(t, keeper)
	if kids := published(t, set, Token)["ES256"]; len(kids) != 1 || kids[0] != current {
		t.Fatalf("published %v, want %s", kids, current)
	}
	if key, err := set.Verifying(old); err != nil || key != nil {
		t.Errorf("the old key is still known: %v", err)
	}
	if nodes.held["a"][old] || nodes.held["b"][old] {
		t.Error("the old private key is still there")
	}
}

func TestKeyThatNodesLack(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a", "b", "c"), newClock()
	keeper, set := keeperOf(t, configFor(clock), ring, nodes)
	nodes.set("c", true)
	step(t, keeper)
	t.Run("a node that was away gets the keys when it is back", func(t *testing.T) {
		if nodes.holding("c") != 0 {
			t.Fatal("it was not away")
		}
		step(t, keeper)
		if travelling(t, ring) != len(slots()) {
			t.Fatal("sealed keys left the ring before all nodes had them")
		}
		nodes.set("c", false)
		step(t, keeper)
		if nodes.holding("c") != len(slots()) {
			t.Errorf("it holds %d keys", nodes.holding("c"))
		}
	})
	t.Run("sealed keys leave the ring when all nodes have them", func(t *testing.T) {
		step(t, keeper)
		if left := travelling(t, ring); left != 0 {
			t.Errorf("%d are still in it", left)
		}
	})
	t.Run("a key that no node holds does not sign", func(t *testing.T) {
		if err := keeper.Rotate(t.Context(), Token); err != nil {
			t.Fatal(err)
		}
		old := signing(t, set, Token, jose.ES256)
		for _, node := range nodes.Nodes() {
			nodes.set(node, true)
		}
		clock.move(10 * set.config.ahead())
		step(t, keeper)
		if signing(t, set, Token, jose.ES256) != old {
			t.Error("it does")
		}
		nodes.set("b", false)
		step(t, keeper)
		if signing(t, set, Token, jose.ES256) == old {
			t.Error("one node that holds it is enough after so long")
		}
	})
}

func travelling(t testing.TB, ring *memory) int {
	t.Helper()
	d, err := decode(ring.text, nil)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, e := range d.Keys {
		if e.Bundle.Travels() {
			count++
		}
	}
	return count
}

func TestKeysStayKnownWhenEverythingIsAway(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a"), newClock()
	keeper, set := keeperOf(t, configFor(clock), ring, nodes)
	step(t, keeper)
	kid := signing(t, set, Token, jose.ES256)
	ring.set(func(m *memory) { m.away = true })
	nodes.set("a", true)
	if err := keeper.Step(t.Context()); err == nil {
		t.Fatal("nothing was away")
	}
	clock.move(set.config.Grace)
	if _, err := set.Document(); err != nil {
		t.Errorf("document: %v", err)
	}
	if key, err := set.Verifying(kid); err != nil || key == nil {
		t.Errorf("verifying: %v", err)
	}
	if _, err := set.Signing(Token, jose.ES256); err != nil {
		t.Errorf("signing within the grace: %v", err)
	}
	if _, err := set.Verifying("of another zone"); !errors.Is(err, ErrStale) {
		t.Errorf("an unknown key gets a verdict from a process that may have missed it: %v", err)
	}
	clock.move(time.Second)
	if _, err := set.Signing(Token, jose.ES256); !errors.Is(err, ErrStale) {
		t.Errorf("signing after the grace, with a key that may be gone elsewhere: %v", err)
	}
	if _, _, err := set.Chain(); !errors.Is(err, ErrStale) {
		t.Errorf("chain after the grace: %v", err)
	}
	if _, err := set.Document(); err != nil {
		t.Errorf("document after the grace: %v", err)
	}
}

func TestWhatFailsWhileKeysAreMade(t *testing.T) {
	clock := newClock()
	t.Run("keys of a process that lost the race are destroyed", func(t *testing.T) {
		ring, nodes := &memory{}, newCluster("a")
		keeper, _ := keeperOf(t, configFor(clock), ring, nodes)
		step(t, keeper)
		before := nodes.holding("a")
		d, revision, err := keeper.load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d.Claim = &claim{Holder: "me", Until: clock.Now().Add(time.Minute)}
		if err := keeper.swap(t.Context(), revision, d); err != nil {
			t.Fatal(err)
		}
		wanted := want(func(*document) []slot {
			ring.set(func(m *memory) { m.revision++ }) // somebody else is quicker
			return []slot{{Token, jose.ES256}}
		})
		if err := keeper.makeAll(t.Context(), "me", wanted); !errors.Is(err, ErrConflict) {
			t.Fatalf("got %v", err)
		}
		if nodes.holding("a") != before {
			t.Error("a key was left behind")
		}
	})
	t.Run("keys that the ring took in spite of a conflict are not", func(t *testing.T) {
		ring, nodes := &memory{}, newCluster("a")
		keeper, set := keeperOf(t, configFor(clock), ring, nodes)
		step(t, keeper)
		ring.set(func(m *memory) { m.twice = 2 }) // the first claims
		if err := keeper.Rotate(t.Context(), Credential); err != nil {
			t.Fatal(err)
		}
		for _, kid := range published(t, set, Credential)["ES256"] {
			if !nodes.held["a"][kid] {
				t.Errorf("key %s is published and nobody has it", kid)
			}
		}
	})
	t.Run("keys that the ring may have taken are not", func(t *testing.T) {
		ring, nodes := &memory{}, newCluster("a")
		keeper, set := keeperOf(t, configFor(clock), ring, nodes)
		step(t, keeper)
		wanted := want(func(d *document) []slot {
			if next, _ := d.of(slot{Token, jose.ES256}); next != nil {
				return nil
			}
			if d.Claim != nil {
				ring.set(func(m *memory) { m.lost = true })
			}
			return []slot{{Token, jose.ES256}}
		})
		if err := keeper.fill(t.Context(), wanted); !errors.Is(err, errAway) {
			t.Fatalf("got %v", err)
		}
		ring.set(func(m *memory) { m.lost = false })
		step(t, keeper)
		for _, kid := range published(t, set, Token)["ES256"] {
			if !nodes.held["a"][kid] {
				t.Errorf("key %s is published and nobody has it", kid)
			}
		}
	})
	t.Run("the claim of a process that died runs out", func(t *testing.T) {
		ring, nodes := &memory{}, newCluster("a")
		keeper, set := keeperOf(t, configFor(clock), ring, nodes)
		d := &document{Version: documentVersion, Claim: &claim{Holder: "dead", Until: clock.Now().Add(time.Minute)}}
		if err := keeper.swap(t.Context(), 0, d); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*waitForOthers/2)
		defer cancel()
		if err := keeper.Step(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("did not wait: %v", err)
		}
		clock.move(time.Minute)
		step(t, keeper)
		if _, err := set.Document(); err != nil {
			t.Error(err)
		}
	})
	t.Run("nothing is claimed while no node answers", func(t *testing.T) {
		ring, nodes := &memory{}, newCluster("a")
		keeper, _ := keeperOf(t, configFor(clock), ring, nodes)
		nodes.set("a", true)
		if err := keeper.Step(t.Context()); err == nil || ring.revision != 0 {
			t.Errorf("revision %d, %v", ring.revision, err)
		}
	})
}

func TestRunFillsTheSetAndEnds(t *testing.T) {
	ring, nodes := &memory{}, newCluster("a")
	config := configFor(newClock())
	config.Now = time.Now
	keeper, set := keeperOf(t, config, ring, nodes)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { keeper.Run(ctx); close(done) }()
	deadline := time.After(10 * time.Second)
	for {
		if _, err := set.Document(); err == nil {
			break
		}
		select {
		case <-deadline:
			t.Fatal("no keys")
		case <-time.After(10 * time.Millisecond):
		}
	}
	stop()
	<-done
}
