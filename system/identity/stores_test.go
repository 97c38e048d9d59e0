package identity_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"tocsin/system/identity/grant"
	"tocsin/system/identity/store/etcd"
	"tocsin/system/identity/store/postgres"
	"tocsin/system/identity/store/redis"
	"tocsin/system/identity/storetest"
)

func openPostgres(t testing.TB) *postgres.DB {
	t.Helper()
	config := shared.zones[0].provider
	db, err := postgres.Open(t.Context(), postgres.Config{
		Hosts: config.Postgres.Hosts, Database: "identity", User: "identity", TLS: config.TLS, MaxConnections: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func openCodes(t testing.TB) *etcd.Codes {
	t.Helper()
	config := shared.zones[0].provider
	tlsConfig, err := config.TLS.Client()
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := etcd.Open(config.Etcd.Endpoints, tlsConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return etcd.NewCodes(cluster, "/test/", time.Minute, time.Now)
}

func openRedis(t testing.TB) *redis.Store {
	t.Helper()
	config := shared.zones[0].provider
	tlsConfig, err := config.TLS.Client()
	if err != nil {
		t.Fatal(err)
	}
	opened := redis.Open(redis.Config{Sentinels: config.Redis.Sentinels, Master: "identity"}, tlsConfig)
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

func TestStoreContracts(t *testing.T) {
	t.Run("etcd/codes", func(t *testing.T) { storetest.Codes(t, openCodes(t), openCodes(t)) })
	t.Run("redis/transactions", func(t *testing.T) { storetest.Transactions(t, openRedis(t), openRedis(t)) })
	t.Run("redis/replays", func(t *testing.T) { storetest.Replays(t, openRedis(t), openRedis(t)) })
	t.Run("postgres/grants", func(t *testing.T) { storetest.Grants(t, openPostgres(t), openPostgres(t)) })
}

// TestGrantIsAcknowledgedOnlyWhenReplicated makes commits wait for a standby
// that does not exist. Waiting in vain is an error, and so is a wait that an
// administrator cancels, after which the server says "committed" and warns.
func TestGrantIsAcknowledgedOnlyWhenReplicated(t *testing.T) {
	db := openPostgres(t)
	settle := func(names string) {
		t.Helper()
		for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + names + "'", "SELECT pg_reload_conf()"} {
			if err := shared.rig.SQL(context.Background(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := db.Save(t.Context(), someGrant()); err != nil { // before, it works
		t.Fatal(err)
	}
	settle("nobody")
	defer settle("")
	// The server takes the setting up a moment after it was told to.
	refused := func() error {
		if err := db.Save(t.Context(), someGrant()); err == nil {
			return errors.New("a grant that nobody replicated is acknowledged")
		}
		return nil
	}
	if err := await(t.Context(), 10*time.Second, refused); err != nil {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan error, 1)
	go func() { cancelled <- cancelWaits(ctx) }()
	err := db.Save(t.Context(), someGrant())
	cancel()
	if err == nil {
		t.Error("a grant whose wait for replication was cancelled was acknowledged")
	}
	if err := <-cancelled; err != nil {
		t.Error(err)
	}
}

func someGrant() *grant.Grant {
	return &grant.Grant{ID: rand.Text(), ClientID: "c", Subject: "s", Scopes: []string{"openid"}, Claims: []string{}}
}

// cancelWaits cancels every wait for replication until ctx ends.
func cancelWaits(ctx context.Context) error {
	for {
		err := shared.rig.SQL(ctx, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return errors.Join(errors.New("cancel waits"), err)
		}
	}
}
