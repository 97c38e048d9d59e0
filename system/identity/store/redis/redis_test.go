package redis_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"tocsin/system/identity/attempts"
	"tocsin/system/identity/store"
	"tocsin/system/identity/store/realtest"
	"tocsin/system/identity/store/redis"
	"tocsin/system/identity/storetest"
)

var shared struct {
	site  *realtest.Site
	redis *realtest.Redis
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	redis.SilenceLibrary()
	site, err := realtest.NewSite()
	if err == nil {
		shared.site = site
		defer site.Close()
		shared.redis, err = site.StartRedis(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func open(t testing.TB) *redis.Store {
	t.Helper()
	return openAt(t, shared.redis)
}

func openAt(t testing.TB, server *realtest.Redis) *redis.Store {
	t.Helper()
	return openWith(t, server, []byte("the key of all zones"))
}

func openWith(t testing.TB, server *realtest.Redis, key []byte) *redis.Store {
	t.Helper()
	files, err := shared.site.CA.Issue("identity")
	if err != nil {
		t.Fatal(err)
	}
	config, err := files.Client()
	if err != nil {
		t.Fatal(err)
	}
	opened := redis.Open(redis.Config{Sentinels: []string{realtest.Address(server.SentinelPort)}, Master: "identity"}, key, config)
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

func TestContracts(t *testing.T) {
	a, b := open(t), open(t)
	t.Run("volatile", func(t *testing.T) { storetest.Volatile(t, a, b) })
	t.Run("attempts", func(t *testing.T) { storetest.Attempts(t, a, b) })
	t.Run("local attempts", func(t *testing.T) {
		local := attempts.NewLocal(time.Now)
		storetest.Attempts(t, local, local)
	})
}

// TestDumpTellsNoIDs guesses as whoever has a dump of Redis and not the key: an
// individual id has ten digits.
func TestDumpTellsNoIDs(t *testing.T) {
	const id = "1234567890"
	s, guess := open(t), attempts.Key{Name: "guess:id:" + id, Window: time.Minute}
	if err := s.Put(t.Context(), "blocked", id, []byte{1}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Count(t.Context(), guess, guess); err != nil {
		t.Fatal(err)
	}
	guesser := openWith(t, shared.redis, []byte("a guess at the key"))
	if _, err := guesser.Get(t.Context(), "blocked", id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a block is found without the key: %v", err)
	}
	if counts, err := guesser.Count(t.Context(), guess); err != nil || counts[0] != 1 {
		t.Errorf("a count is found without the key: %d, %v", counts, err)
	}
	other := open(t)
	if counts, err := other.Count(t.Context(), guess); err != nil || counts[0] != 3 {
		t.Errorf("another zone counts %d, %v", counts, err)
	}
}

func TestContractsOverBadNetwork(t *testing.T) {
	server, network, err := shared.site.StartRedisBehindNetwork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Close)
	t.Run("volatile", func(t *testing.T) { storetest.VolatileFaults(t, network, openAt(t, server)) })
	t.Run("attempts", func(t *testing.T) { storetest.AttemptsFaults(t, network, openAt(t, server)) })
}

// TestOutage freezes Redis, which keeps its connections and says nothing.
func TestOutage(t *testing.T) {
	s, id := open(t), rand.Text()
	if err := s.Put(t.Context(), "k", id, []byte("v"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := shared.redis.Server.Freeze(); err != nil {
		t.Fatal(err)
	}
	thawed := false
	thaw := func() {
		if thawed {
			return
		}
		thawed = true
		if err := shared.redis.Server.Thaw(); err != nil {
			t.Error(err)
		}
	}
	defer thaw()
	for name, test := range map[string]struct {
		limit     time.Duration
		operation func() error
	}{
		"count":  {1500 * time.Millisecond, func() error { _, err := s.Count(t.Context(), attempts.Key{Name: id, Window: time.Minute}); return err }},
		"forget": {1500 * time.Millisecond, func() error { return s.Forget(t.Context(), attempts.Key{Name: id}) }},
		"get":    {3 * time.Second, func() error { _, err := s.Get(t.Context(), "k", id); return err }},
		"update": {3 * time.Second, func() error { return s.Update(t.Context(), "k", id, nil, time.Minute) }},
		"delete": {3 * time.Second, func() error { return s.Delete(t.Context(), "k", id) }},
		"copies": {3 * time.Second, func() error { _, err := s.Copies(t.Context()); return err }},
	} {
		t.Run(name+" gives no verdict, soon", func(t *testing.T) {
			started := time.Now()
			if err := test.operation(); err == nil || errors.Is(err, store.ErrNotFound) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(started); took > test.limit {
				t.Errorf("took %s", took)
			}
		})
	}
	thaw()
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := s.Copies(t.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func BenchmarkCount(b *testing.B) {
	s := open(b)
	for b.Loop() {
		if _, err := s.Count(b.Context(), attempts.Key{Name: "a", Window: time.Minute}, attempts.Key{Name: "b", Window: time.Minute}); err != nil {
			b.Fatal(err)
		}
	}
}
