package etcd_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/system/identity/store/etcd"
	"tocsin/system/identity/store/realtest"
	"tocsin/system/identity/storetest"
)

// shared is the parts that most tests use.
var shared struct {
	site *realtest.Site
	etcd *realtest.Etcd
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	site, err := realtest.NewSite()
	if err == nil {
		shared.site = site
		defer site.Close()
		shared.etcd, err = site.StartEtcd(context.Background(), 3)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// open returns a client of its own, as each zone has one.
func open(t testing.TB, endpoints []string) *etcd.Cluster {
	t.Helper()
	files, err := shared.site.CA.Issue("identity")
	if err != nil {
		t.Fatal(err)
	}
	config, err := files.Client()
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := etcd.Open(endpoints, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// zones are clients that prefer different members.
func zones(t testing.TB) []*etcd.Cluster {
	t.Helper()
	all := shared.etcd.Endpoints
	var made []*etcd.Cluster
	for i := range all {
		made = append(made, open(t, append(append([]string{}, all[i:]...), all[:i]...)))
	}
	return made
}

func prefix() string { return "/test/" + rand.Text() + "/" }

func spentOf(cluster *etcd.Cluster, prefix string) *etcd.Spent {
	return etcd.NewSpent(cluster, prefix, time.Now, slog.New(slog.DiscardHandler))
}

// running returns revocations that are kept current.
func running(t testing.TB, cluster *etcd.Cluster, prefix string) *etcd.Revocations {
	t.Helper()
	revocations := etcd.NewRevocations(cluster, prefix, time.Now, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { revocations.Run(ctx) })
	t.Cleanup(func() { stop(); group.Wait() })
	return revocations
}

// throughProxies returns the endpoints of the members behind a network.
func throughProxies(t testing.TB, ports ...int) (*realtest.Network, []string) {
	t.Helper()
	network, err := shared.site.Network(ports...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Close)
	var endpoints []string
	for _, port := range network.Ports {
		endpoints = append(endpoints, "https://"+realtest.Address(port))
	}
	return network, endpoints
}

func TestContracts(t *testing.T) {
	three, root := zones(t), prefix()
	a, b, c := spentOf(three[0], root), spentOf(three[1], root), spentOf(three[2], root)
	revocations := running(t, three[0], root)
	t.Run("marks", func(t *testing.T) { storetest.Marks(t, a, b, c) })
	t.Run("families", func(t *testing.T) { storetest.Families(t, revocations, a, b, c) })
	t.Run("revocations", func(t *testing.T) {
		storetest.Revocations(t, revocations, running(t, three[1], root), running(t, three[2], root))
	})
	t.Run("ring", func(t *testing.T) {
		storetest.Ring(t, etcd.NewRing(three[0], root), etcd.NewRing(three[1], root), etcd.NewRing(three[2], root))
	})
}

func TestContractsOverBadNetwork(t *testing.T) {
	network, endpoints := throughProxies(t, shared.etcd.Ports...)
	behind, direct, root := open(t, endpoints), open(t, shared.etcd.Endpoints), prefix()
	t.Run("marks", func(t *testing.T) { storetest.MarksFaults(t, network, spentOf(behind, root), spentOf(direct, root)) })
	t.Run("families", func(t *testing.T) {
		storetest.FamiliesFaults(t, network, spentOf(behind, root), spentOf(direct, root))
	})
	t.Run("revocations", func(t *testing.T) {
		storetest.RevocationsFaults(t, network, running(t, behind, root), running(t, direct, root))
	})
}

// TestHealthy counts members, and says no when most are out of reach.
func TestHealthy(t *testing.T) {
	await(t, func() error {
		if count, err := open(t, shared.etcd.Endpoints).Healthy(t.Context()); err != nil || count != 3 {
			return fmt.Errorf("%d members, %w", count, err)
		}
		return nil
	})
	nobody, err := shared.site.Ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	gone := "https://" + realtest.Address(nobody)
	_, err = open(t, []string{shared.etcd.Endpoints[0], gone, gone}).Healthy(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no quorum") {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	files, err := shared.site.CA.Issue("identity")
	if err != nil {
		t.Fatal(err)
	}
	config, err := files.Client()
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := etcd.Open(shared.etcd.Endpoints, config)
	if err != nil {
		t.Fatal(err)
	}
	revocations := etcd.NewRevocations(cluster, prefix(), time.Now, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { revocations.Run(ctx) })
	await(t, func() error {
		if !revocations.Loaded() {
			return context.DeadlineExceeded
		}
		return nil
	})
	stop()
	group.Wait()
	if err := cluster.Close(); err != nil {
		t.Error(err)
	}
}

func await(t testing.TB, check func() error) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}
