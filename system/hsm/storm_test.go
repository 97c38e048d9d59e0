package hsm

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/client"
	"tocsin/system/hsm/protocol"
)

// inProcess serves a node in this process, where a test can break the library
// behind its back, and makes a key of each algorithm.
func inProcess(t testing.TB) (ca *authority, s *site, caller *client.Client, keys map[jose.SignatureAlgorithm]jose.JSONWebKey) {
	t.Helper()
	ca = newAuthority(t)
	approved := filepath.Join(t.TempDir(), "nodes.pem")
	s = newSite(t, ca, approved)
	s.init(t)
	approve(t, approved, s)
	config, err := LoadConfig(s.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", "") // the node sets it; this takes it back
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, config, io.Discard) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("node: %v", err)
		}
	})
	caller = ca.client(t, "identity", s.url)
	keeper := ca.client(t, "keeper", s.url)
	s.await(t, caller)
	keys = map[jose.SignatureAlgorithm]jose.JSONWebKey{}
	for _, algorithm := range protocol.Algorithms() {
		bundle, err := keeper.Make(context.Background(), s.url, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		keys[algorithm] = bundle.Public
	}
	return ca, s, caller, keys
}

// load signs all the time from several callers.
type load struct {
	signed, wrong, failed atomic.Int64
	stop                  context.CancelFunc
	group                 sync.WaitGroup
	// succeeded gets the start of a signature that came out right; nobody
	// waits for room in it.
	succeeded chan time.Time
}

func startLoad(t testing.TB, c *client.Client, callers int, keys ...jose.JSONWebKey) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop, succeeded: make(chan time.Time)}
	for i := range callers {
		key := keys[i%len(keys)]
		l.group.Go(func() {
			for ctx.Err() == nil {
				l.sign(ctx, t, c, key)
			}
		})
	}
	return l
}

func (l *load) sign(ctx context.Context, t testing.TB, c *client.Client, key jose.JSONWebKey) {
	asked, started := order(t, key), time.Now()
	signature, err := c.Sign(ctx, asked)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		l.failed.Add(1)
	case !protocol.Verify(asked.Algorithm, key.Key, asked.Digest[:], signature):
		l.wrong.Add(1)
	default:
		l.signed.Add(1)
		select {
		case l.succeeded <- started:
		default:
		}
	}
}

func (l *load) end() {
	l.stop()
	l.group.Wait()
}

// TestDroppedSessions drops all sessions 100 times while 16 callers sign.
func TestDroppedSessions(t *testing.T) {
	ca, s, c, keys := inProcess(t)
	l := startLoad(t, c, 16, keys[jose.ES256], keys[jose.ES256], keys[jose.ES256], keys[jose.PS256])
	const drops, limit = 100, time.Second
	var longest time.Duration
	for range drops {
		for range 5 { // load is back
			<-l.succeeded
		}
		if got := get(t, ca, "keeper", http.MethodPost, s.url+"/v1/drill", "").StatusCode; got != http.StatusNoContent {
			t.Fatalf("drill: %d", got)
		}
		dropped := time.Now() // the drill waits for the calls that are inside
		deadline := time.After(5 * limit)
		for recovered := false; !recovered; {
			select {
			case started := <-l.succeeded:
				recovered = started.After(dropped)
			case <-deadline:
				t.Fatal("never signs again")
			}
		}
		longest = max(longest, time.Since(dropped))
	}
	l.end()
	t.Logf("%d drops: %d signed, %d failed, %d wrong, longest recovery %s", drops, l.signed.Load(), l.failed.Load(), l.wrong.Load(), longest)
	if l.wrong.Load() != 0 {
		t.Errorf("%d signatures do not verify", l.wrong.Load())
	}
	if longest >= limit {
		t.Errorf("recovery took %s", longest)
	}
}
