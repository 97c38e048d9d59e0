package hsm

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/client"
	"tocsin/system/hsm/pkcs11pool"
	"tocsin/system/hsm/protocol"
)

// inProcess serves a node in this process, where a test can break the library
// behind its back, and makes a key of each algorithm.
func inProcess(t testing.TB, log io.Writer) (ca *authority, s *site, caller *client.Client, keys map[jose.SignatureAlgorithm]jose.JSONWebKey) {
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
	go func() { done <- Run(ctx, config, log) }()
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
		bundle, err := keeper.Make(context.Background(), s.url, algorithm, "token")
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
	log := &lines{text: "replacing a stale session"}
	ca, s, c, keys := inProcess(t, log)
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
	if log.count.Load() < drops {
		t.Errorf("only %d sessions were lost: nothing was tested", log.count.Load())
	}
	if longest >= limit {
		t.Errorf("recovery took %s", longest)
	}
}

// lines counts the lines written to it that have a text in them.
type lines struct {
	text  string
	count atomic.Int64
}

func (l *lines) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(l.text)) {
		l.count.Add(1)
	}
	return len(line), nil
}

func TestOrdersThatCannotBe(t *testing.T) {
	ca, s, _, keys := inProcess(t, io.Discard)
	ec, ps := keys[jose.ES256].KeyID, keys[jose.PS256].KeyID
	digest := strings.Repeat("d", digestSize)
	good := order(t, keys[jose.ES256])
	for _, test := range []struct {
		name, path, body string
		want             int
	}{
		{"a digest is signed", "/v1/sign?alg=ES256&kid=" + ec, digest, http.StatusOK},
		{"a digest is signed with RSA", "/v1/sign?alg=PS256&kid=" + ps, digest, http.StatusOK},
		{"a key for another algorithm is not here", "/v1/sign?alg=RS256&kid=" + ps, digest, http.StatusNotFound},
		{"an unknown key is not here", "/v1/sign?alg=ES256&kid=" + protocol.ID{}.String(), digest, http.StatusNotFound},
		{"no kid", "/v1/sign?alg=ES256", digest, http.StatusBadRequest},
		{"no algorithm", "/v1/sign?kid=" + ec, digest, http.StatusBadRequest},
		{"algorithm none", "/v1/sign?alg=none&kid=" + ec, digest, http.StatusBadRequest},
		{"a short digest", "/v1/sign?alg=ES256&kid=" + ec, digest[1:], http.StatusBadRequest},
		{"a long digest", "/v1/sign?alg=ES256&kid=" + ec, digest + "d", http.StatusBadRequest},
		{"a batch of one", "/v1/sign-batch", string(protocol.AppendOrder(nil, good)), http.StatusOK},
		{"a batch of nothing", "/v1/sign-batch", "", http.StatusBadRequest},
		{"a batch of noise", "/v1/sign-batch", digest, http.StatusBadRequest},
		{"a batch that is huge", "/v1/sign-batch", strings.Repeat("d", 1<<20), http.StatusBadRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := get(t, ca, "identity", http.MethodPost, s.url+test.path, test.body).StatusCode; got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
	t.Run("what an admin sends as a sealed key", func(t *testing.T) {
		for name, body := range map[string]string{"nothing": "", "noise": "{", "too much": strings.Repeat("[", maxBundle+1)} {
			if got := get(t, ca, "keeper", http.MethodPost, s.url+"/v1/take", body).StatusCode; got != http.StatusBadRequest {
				t.Errorf("%s: %d", name, got)
			}
		}
	})
	t.Run("the token's own pairs are not for admins", func(t *testing.T) {
		response := get(t, ca, "keeper", http.MethodGet, s.url+"/v1/audit", "")
		var held []pkcs11pool.Custody
		if err := json.NewDecoder(response.Body).Decode(&held); err != nil {
			t.Fatal(err)
		}
		for _, key := range held {
			raw, err := hex.DecodeString(key.ID)
			if err != nil || len(raw) != digestSize {
				t.Fatalf("id %s, %v", key.ID, err)
			}
			if key.Label != "transport" && key.Label != "attest" {
				continue
			}
			got := get(t, ca, "keeper", http.MethodDelete, s.url+"/v1/keys/"+protocol.ID(raw).String(), "").StatusCode
			if got != http.StatusNotFound {
				t.Errorf("remove %s: %d", key.Label, got)
			}
			got = get(t, ca, "identity", http.MethodPost, s.url+"/v1/sign?alg=ES256&kid="+protocol.ID(raw).String(), digest).StatusCode
			if got != http.StatusNotFound {
				t.Errorf("sign with %s: %d", key.Label, got)
			}
		}
	})
	t.Run("readiness signs", func(t *testing.T) {
		deadline := time.After(10 * time.Second)
		for get(t, ca, "ui", http.MethodGet, s.url+"/readyz", "").StatusCode != http.StatusOK {
			select {
			case <-deadline:
				t.Fatal("not ready")
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}
