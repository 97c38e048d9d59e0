package store_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"tocsin/system/identity/grant"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/store/etcd"
	"tocsin/system/identity/store/postgres"
	"tocsin/system/identity/store/realtest"
	"tocsin/system/internal/wire"
)

// BenchmarkAcknowledgedWrite is the measurement behind DECISIONS.md: a write
// that is acknowledged when it is in two zones, in a quorum of three members of
// etcd and in Postgres with a synchronous standby. All of them wait for the disk.
func BenchmarkAcknowledgedWrite(b *testing.B) {
	site, err := realtest.NewSite()
	if err != nil {
		b.Fatal(err)
	}
	site.Durable = true
	b.Cleanup(func() {
		if err := site.Close(); err != nil {
			b.Error(err)
		}
	})
	files, err := site.CA.Issue("identity")
	if err != nil {
		b.Fatal(err)
	}
	for name, write := range map[string]func(context.Context) error{
		"etcd/marks":        spending(b, site, files),
		"postgres/consents": saving(b, site, files),
	} {
		for _, parallel := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/parallel=%d", name, parallel), func(b *testing.B) { measure(b, parallel, write) })
		}
	}
}

// measure reports percentiles besides the mean.
func measure(b *testing.B, parallel int, write func(context.Context) error) {
	warmed := time.Now().Add(10 * time.Second)
	for err := write(b.Context()); err != nil; err = write(b.Context()) {
		if time.Now().After(warmed) {
			b.Fatal(err)
		}
	}
	waits := make([]time.Duration, b.N)
	next := make(chan int, b.N)
	for i := range b.N {
		next <- i
	}
	close(next)
	done := make(chan error, parallel)
	b.ResetTimer()
	for range parallel {
		go func() {
			for i := range next {
				started := time.Now()
				if err := write(b.Context()); err != nil {
					done <- err
					return
				}
				waits[i] = time.Since(started)
			}
			done <- nil
		}()
	}
	for range parallel {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(waits)
	b.ReportMetric(float64(waits[b.N/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(waits[b.N*99/100].Microseconds())/1000, "p99-ms")
}

func spending(b *testing.B, site *realtest.Site, files wire.TLS) func(context.Context) error {
	cluster, err := site.StartEtcd(b.Context(), 3)
	if err != nil {
		b.Fatal(err)
	}
	config, err := files.Client()
	if err != nil {
		b.Fatal(err)
	}
	client, err := etcd.Open(cluster.Endpoints, config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close() })
	marks := etcd.NewSpent(client, "/bench/", time.Now, slog.New(slog.DiscardHandler))
	return func(ctx context.Context) error {
		var set []spent.Mark
		for _, kind := range []spent.Kind{spent.Code, spent.Assertion, spent.Proof} {
			set = append(set, spent.Mark{Kind: kind, ID: rand.Text(), Life: time.Minute})
		}
		return marks.Spend(ctx, rand.Text(), set...)
	}
}

func saving(b *testing.B, site *realtest.Site, files wire.TLS) func(context.Context) error {
	primary, err := site.StartPostgres(b.Context(), "primary")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := site.StartStandby(b.Context(), "standby", primary); err != nil {
		b.Fatal(err)
	}
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()"} {
		if err := primary.SQL(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	db, err := postgres.Open(b.Context(), postgres.Config{
		Hosts: []string{realtest.Address(primary.Port)}, Database: "identity", User: "identity", TLS: files, MaxConnections: 12,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(db.Close)
	if err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	return func(ctx context.Context) error {
		return db.Save(ctx, &grant.Grant{ID: rand.Text(), ClientID: "c", Person: rand.Text(), Scopes: []string{"openid"}, Claims: []string{"name"}, Allowed: []string{"name"}})
	}
}
