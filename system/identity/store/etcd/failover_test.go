package etcd_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tocsin/system/identity/spent"
	"tocsin/system/identity/store/realtest"
)

// raw returns a bare client, to look at a cluster from outside.
func raw(t testing.TB, endpoints ...string) *clientv3.Client {
	t.Helper()
	files, err := shared.site.CA.Issue("identity")
	if err != nil {
		t.Fatal(err)
	}
	config, err := files.Client()
	if err != nil {
		t.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: config, DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// leader returns which member leads.
func leader(t testing.TB, cluster *realtest.Etcd) int {
	t.Helper()
	client := raw(t, cluster.Endpoints...)
	deadline := time.Now().Add(10 * time.Second)
	for {
		for i, endpoint := range cluster.Endpoints {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			status, err := client.Status(ctx, endpoint)
			cancel()
			if err == nil && status.Leader == status.Header.MemberId {
				return i
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no member leads")
		}
	}
}

// load is one spend every few milliseconds, as logins come.
type load struct {
	mu    sync.Mutex
	waits []time.Duration
	errs  []error
	// stalled is for how long the machine did not let this process run, which
	// is not the store's doing.
	stalled time.Duration
}

func (l *load) run(ctx context.Context, zones []spent.Store, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var group sync.WaitGroup
	defer group.Wait()
	before := time.Now()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if gap := now.Sub(before); gap > 2*every {
			l.stalled += gap - every
		}
		before = now
		group.Go(func() {
			started := time.Now()
			err := zones[i%len(zones)].Spend(context.WithoutCancel(ctx), rand.Text(), some(spent.Code), some(spent.Proof), some(spent.Assertion))
			l.mu.Lock()
			defer l.mu.Unlock()
			l.waits = append(l.waits, time.Since(started))
			if err != nil {
				l.errs = append(l.errs, err)
			}
		})
	}
}

func some(kind spent.Kind) spent.Mark {
	return spent.Mark{Kind: kind, ID: rand.Text(), Life: time.Minute}
}

// TestAZoneThatDiesCostsAMoment takes the leader away while marks are set in
// all zones: none fails, and none waits long.
func TestAZoneThatDiesCostsAMoment(t *testing.T) {
	cluster, err := shared.site.StartEtcd(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	root := prefix()
	var zones []spent.Store
	for i := range cluster.Endpoints {
		preferred := append(slices.Clone(cluster.Endpoints[i:]), cluster.Endpoints[:i]...)
		zones = append(zones, spentOf(open(t, preferred), root))
	}
	for _, outage := range []struct {
		name       string
		begin, end func(*realtest.Process) error
	}{
		{"killed", (*realtest.Process).Kill, func(p *realtest.Process) error { return p.Start(context.Background()) }},
		{"frozen", (*realtest.Process).Freeze, (*realtest.Process).Thaw},
	} {
		t.Run("the leader is "+outage.name, func(t *testing.T) {
			await(t, func() error { return zones[0].Spend(t.Context(), "warm", some(spent.Code)) })
			victim := cluster.Members[leader(t, cluster)]
			ctx, stop := context.WithCancel(t.Context())
			traffic := &load{}
			var group sync.WaitGroup
			group.Go(func() { traffic.run(ctx, zones, 20*time.Millisecond) })
			<-time.After(500 * time.Millisecond)
			if err := outage.begin(victim); err != nil {
				t.Fatal(err)
			}
			<-time.After(3 * time.Second)
			if err := outage.end(victim); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
			stop()
			group.Wait()
			slices.Sort(traffic.waits)
			count := len(traffic.waits)
			longest := traffic.waits[count-1]
			t.Logf("%d spends, %d failed, p50 %s, p99 %s, longest %s, machine stalled for %s", count, len(traffic.errs),
				traffic.waits[count/2], traffic.waits[count*99/100], longest, traffic.stalled)
			for _, err := range traffic.errs {
				if _, consumed := spent.Consumed(err); consumed || traffic.stalled < time.Second {
					t.Errorf("%d of %d spends failed: %v", len(traffic.errs), count, err)
					break
				}
			}
			if longest > 2*time.Second+traffic.stalled {
				t.Errorf("the longest wait was %s", longest)
			}
		})
	}
}

// TestRevocationsAreHeardOfWithoutTheMemberFollowed freezes whichever member
// a zone listens to, and then all of them.
func TestRevocationsAreHeardOfWithoutTheMemberFollowed(t *testing.T) {
	cluster, err := shared.site.StartEtcd(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	root := prefix()
	zone := running(t, open(t, cluster.Endpoints), root)
	await(t, func() error {
		if !zone.Loaded() {
			return errors.New("not loaded")
		}
		return nil
	})
	// Site.Close kills them, frozen or not.
	if err := cluster.Members[0].Freeze(); err != nil {
		t.Fatal(err)
	}
	other := running(t, open(t, cluster.Endpoints[1:]), root)
	id := rand.Text()
	await(t, func() error { return other.Revoke(t.Context(), id, time.Minute) })
	started := time.Now()
	await(t, func() error {
		if !zone.Revoked(id) {
			return errors.New("not heard of")
		}
		return nil
	})
	if took := time.Since(started); took > 4*time.Second {
		t.Errorf("heard after %s", took)
	}
	for _, member := range cluster.Members[1:] {
		if err := member.Freeze(); err != nil {
			t.Fatal(err)
		}
	}
	await(t, func() error {
		if stale := zone.Staleness(); stale < 2*time.Second {
			return fmt.Errorf("with all members frozen the set is said to be %s old", stale)
		}
		return nil
	})
	if !zone.Revoked(id) {
		t.Error("what was revoked is not any more")
	}
}

// TestRevocationsSurviveCompaction removes the history that a zone missed.
func TestRevocationsSurviveCompaction(t *testing.T) {
	network, endpoints := throughProxies(t, shared.etcd.Ports...)
	root := prefix()
	zone, sound := running(t, open(t, endpoints), root), running(t, open(t, shared.etcd.Endpoints), root)
	first, missed := rand.Text(), rand.Text()
	await(t, func() error { return sound.Revoke(t.Context(), first, time.Minute) })
	await(t, func() error {
		if !zone.Revoked(first) {
			return errors.New("not heard of")
		}
		return nil
	})
	if err := network.Poison(realtest.LostReplies()); err != nil {
		t.Fatal(err)
	}
	await(t, func() error {
		if zone.Staleness() < 2*time.Second {
			return errors.New("still heard")
		}
		return nil
	})
	if err := sound.Revoke(t.Context(), missed, time.Minute); err != nil {
		t.Fatal(err)
	}
	client := raw(t, shared.etcd.Endpoints...)
	put, err := client.Put(t.Context(), root+"other", "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Compact(t.Context(), put.Header.Revision); err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		t.Fatal(err)
	}
	network.Heal(t.Context())
	await(t, func() error {
		if !zone.Revoked(missed) {
			return errors.New("not heard of")
		}
		return nil
	})
}

// TestRestoredStore lets a store come back without what it knew: leases are
// gone, its history is short, and records are behind the tokens.
func TestRestoredStore(t *testing.T) {
	cluster, err := shared.site.StartEtcd(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	root, client := prefix(), open(t, cluster.Endpoints)
	marks, zone := spentOf(client, root), running(t, client, root)
	family := spent.Rotation{Family: rand.Text(), Expires: time.Now().Add(time.Hour), Grace: time.Minute}
	before, after := rand.Text(), rand.Text()
	await(t, func() error { return marks.Spend(t.Context(), "1", some(spent.Code)) })
	await(t, func() error { return zone.Revoke(t.Context(), before, time.Minute) })
	for family.Generation = range uint64(3) {
		await(t, func() error { _, err := marks.Rotate(t.Context(), family); return err })
	}
	if err := cluster.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(cluster.Dirs[0]); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Members[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	code := some(spent.Code)
	await(t, func() error { return marks.Spend(t.Context(), "1", code) })
	if err := marks.Spend(t.Context(), "2", code); err == nil {
		t.Error("a mark set after the restore does not hold")
	}
	family.Generation = 3
	if got, err := marks.Rotate(t.Context(), family); err != nil || got != 4 {
		t.Errorf("a token ahead of its record: %d, %v", got, err)
	}
	other := running(t, open(t, cluster.Endpoints), root)
	await(t, func() error { return other.Revoke(t.Context(), after, time.Minute) })
	await(t, func() error {
		if !zone.Revoked(after) {
			return errors.New("what is revoked after the restore is not heard of")
		}
		return nil
	})
	if !zone.Revoked(before) {
		t.Error("the restore undid a revocation that this process knew")
	}
}
