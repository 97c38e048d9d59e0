package keyset

import (
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestTokensOfAllNodesAreLost: new tokens came into a new ceremony, and whoever
// approves nodes kept the old ones in the file, so that the ring is believed.
func TestTokensOfAllNodesAreLost(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a", "b"), newClock()
	config := configFor(clock)
	config.Approved = nodes.attested(t)
	before, _ := keeperOf(t, config, ring, nodes)
	step(t, before)
	if err := before.Rotate(t.Context(), Token); err != nil { // these are lost, too
		t.Fatal(err)
	}
	nodes.lose()
	config.Approved = append(slices.Clone(config.Approved), nodes.attested(t)...)
	keeper, set := keeperOf(t, config, ring, nodes)
	step(t, keeper)
	dead, made := signing(t, set, Token, jose.ES256), nodes.count()
	deadChain, _, err := set.Chain()
	if err != nil {
		t.Fatal(err)
	}
	unchanged := func(why string) {
		t.Helper()
		step(t, keeper)
		if nodes.count() != made {
			t.Fatalf("keys were made %s", why)
		}
	}
	clock.move(lostAfter - time.Second)
	unchanged("within five minutes")
	nodes.set("b", true)
	clock.move(time.Hour)
	unchanged("while a node does not answer, which may have the old ones")
	nodes.set("b", false)
	unchanged("as soon as it answers")
	clock.move(lostAfter)
	step(t, keeper)
	if nodes.count() != made+len(slots()) {
		t.Fatalf("%d keys were made, want %d", nodes.count()-made, len(slots()))
	}
	kids := published(t, set, Token)
	if len(kids["ES256"]) != 2 || len(kids["RS256"]) != 2 || !slices.Contains(kids["ES256"], dead) {
		t.Errorf("published %v: what the old keys signed has to verify", kids)
	}
	clock.move(set.config.soon() - time.Second)
	step(t, keeper)
	if signing(t, set, Token, jose.ES256) != dead {
		t.Error("a key signs before every process publishes it")
	}
	clock.move(2 * time.Second)
	step(t, keeper)
	for _, s := range slots() {
		if s.use == root {
			continue
		}
		if kid := signing(t, set, s.use, s.algorithm); !nodes.held["a"][kid] {
			t.Errorf("%v is signed with a key that is lost", s)
		}
	}
	chain, _, err := set.Chain()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parse(t, chain[1]))
	if _, err := parse(t, chain[0]).Verify(x509.VerifyOptions{Roots: roots, CurrentTime: clock.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil || string(chain[1]) == string(deadChain[1]) {
		t.Errorf("chain of the new root: %v", err)
	}
	if known, err := set.Roots(); err != nil || len(known) != 2 {
		t.Errorf("%d roots, %v: credentials of the old one are in wallets", len(known), err)
	}
	clock.move(time.Hour)
	made = nodes.count()
	unchanged("again")
}

func TestKeysThatOneNodeHasAreNotReplaced(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a", "b"), newClock()
	keeper, set := keeperOf(t, configFor(clock), ring, nodes)
	step(t, keeper)
	step(t, keeper) // what travels leaves the ring
	clear(nodes.held["b"])
	kid, made := signing(t, set, Token, jose.ES256), nodes.count()
	for range 4 {
		clock.move(lostAfter)
		step(t, keeper)
	}
	if signing(t, set, Token, jose.ES256) != kid || nodes.count() != made {
		t.Error("a key that still signs was replaced")
	}
}

func TestNextKeyThatIsLostGivesWay(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a"), newClock()
	keeper, set := keeperOf(t, configFor(clock), ring, nodes)
	step(t, keeper)
	if err := keeper.Rotate(t.Context(), Credential); err != nil {
		t.Fatal(err)
	}
	current, kids := signing(t, set, Credential, jose.ES256), published(t, set, Credential)["ES256"]
	nodes.lose(kids[1])
	step(t, keeper)
	clock.move(lostAfter)
	step(t, keeper)
	if left := published(t, set, Credential)["ES256"]; len(left) != 1 || left[0] != current || signing(t, set, Credential, jose.ES256) != current {
		t.Fatalf("published %v", left)
	}
	if err := keeper.Rotate(t.Context(), Credential); err != nil {
		t.Fatal(err)
	}
	clock.move(set.config.ahead())
	step(t, keeper)
	if signing(t, set, Credential, jose.ES256) == current {
		t.Error("keys do not turn over any more")
	}
}

func TestRotateNow(t *testing.T) {
	clock := newClock()
	start := func(t *testing.T) (*memory, *cluster, *Keeper, *Set) {
		ring, nodes := &memory{}, newCluster("a", "b")
		keeper, set := keeperOf(t, configFor(clock), ring, nodes)
		step(t, keeper)
		return ring, nodes, keeper, set
	}
	t.Run("however many ask, one key is made and signs soon", func(t *testing.T) {
		ring, nodes, keeper, set := start(t)
		old, made := signing(t, set, Credential, jose.ES256), nodes.count()
		oldChain, _, err := set.Chain()
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range 5 {
			other, _ := keeperOf(t, configFor(clock), ring, nodes)
			group.Go(func() {
				if err := other.RotateNow(t.Context(), Credential); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		step(t, keeper)
		if nodes.count() != made+1 || signing(t, set, Credential, jose.ES256) != old {
			t.Fatalf("%d keys were made", nodes.count()-made)
		}
		upcoming, err := keeper.Upcoming(t.Context(), Credential)
		if err != nil || len(upcoming) != 1 || upcoming[0].Signs != clock.Now().Add(set.config.soon()) {
			t.Errorf("announced %+v, %v", upcoming, err)
		}
		clock.move(set.config.soon())
		step(t, keeper)
		if signing(t, set, Credential, jose.ES256) == old || len(published(t, set, Credential)["ES256"]) != 2 {
			t.Error("the new key is to sign and the old one still published")
		}
		if chain, _, err := set.Chain(); err != nil || string(chain[1]) != string(oldChain[1]) {
			t.Errorf("a root that is there was replaced: %v", err)
		}
	})
	t.Run("a next key that is on its way is hastened", func(t *testing.T) {
		_, nodes, keeper, set := start(t)
		if err := keeper.Rotate(t.Context(), Credential); err != nil {
			t.Fatal(err)
		}
		kids, made := published(t, set, Credential)["ES256"], nodes.count()
		if err := keeper.RotateNow(t.Context(), Credential); err != nil {
			t.Fatal(err)
		}
		clock.move(set.config.soon())
		step(t, keeper)
		if nodes.count() != made || signing(t, set, Credential, jose.ES256) != kids[1] {
			t.Error("another key was made")
		}
	})
	t.Run("a root that is lost is replaced with what it certifies", func(t *testing.T) {
		_, nodes, keeper, set := start(t)
		nodes.lose()
		if err := keeper.RotateNow(t.Context(), Credential); err != nil {
			t.Fatal(err)
		}
		clock.move(set.config.soon())
		step(t, keeper)
		chain, kid, err := set.Chain()
		if err != nil || !nodes.held["a"][kid] {
			t.Fatalf("signed with %s, %v", kid, err)
		}
		if err := parse(t, chain[0]).CheckSignatureFrom(parse(t, chain[1])); err != nil {
			t.Error(err)
		}
	})
	t.Run("nothing is changed while no node answers", func(t *testing.T) {
		ring, nodes, keeper, _ := start(t)
		revision := ring.revision
		nodes.set("a", true)
		nodes.set("b", true)
		if err := keeper.RotateNow(t.Context(), Token); err == nil || ring.revision != revision {
			t.Errorf("revision %d, %v", ring.revision, err)
		}
	})
	t.Run("a process that may have missed an urgent key gives no verdict", func(t *testing.T) {
		_, _, _, set := start(t)
		if key, err := set.Verifying("unknown"); key != nil || err != nil {
			t.Errorf("at once: %v", err)
		}
		clock.move(set.config.soon() + time.Second)
		if _, err := set.Verifying("unknown"); !errors.Is(err, ErrStale) {
			t.Errorf("later: %v", err)
		}
	})
}
