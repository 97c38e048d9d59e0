package realtest_test

import (
	"testing"
	"time"

	"tocsin/system/identity/store/realtest"
)

// TestParts starts each part, and takes one down and up again.
func TestParts(t *testing.T) {
	site, err := realtest.NewSite()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a standby streams from its primary and survives it", func(t *testing.T) {
		primary, err := site.StartPostgres(t.Context(), "primary")
		if err != nil {
			t.Fatal(err)
		}
		standby, err := site.StartStandby(t.Context(), "standby", primary)
		if err != nil {
			t.Fatal(err)
		}
		if err := primary.SQL(t.Context(), "CREATE TABLE marker (n int)"); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(10 * time.Second)
		for {
			if err = standby.SQL(t.Context(), "SELECT n FROM marker"); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			<-time.After(20 * time.Millisecond)
		}
		if err := primary.Kill(); err != nil {
			t.Fatal(err)
		}
		if got, err := standby.Query(t.Context(), "postgres", "SELECT pg_is_in_recovery()"); err != nil || got != "t" {
			t.Errorf("got %q, %v", got, err)
		}
		if err := primary.Start(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("etcd has its members", func(t *testing.T) {
		cluster, err := site.StartEtcd(t.Context(), 3)
		if err != nil || len(cluster.Members) != 3 {
			t.Fatalf("%+v, %v", cluster, err)
		}
	})
	t.Run("redis has its sentinel", func(t *testing.T) {
		if _, err := site.StartRedis(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
