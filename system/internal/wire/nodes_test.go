package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serving starts an HTTPS service that answers with status.
func serving(t *testing.T, status int) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	return server
}

// silent starts a service that accepts connections and never says a word, as
// a frozen one does.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	})
	return "https://" + listener.Addr().String()
}

func TestNodes(t *testing.T) {
	const attempt = 200 * time.Millisecond
	good, busy := serving(t, http.StatusOK).URL, serving(t, http.StatusServiceUnavailable).URL
	for _, test := range []struct {
		name string
		urls []string
		want string // the node that answers; empty for none
	}{
		{"the first is preferred", []string{good, serving(t, http.StatusOK).URL}, good},
		{"a refused connection goes on to the next", []string{"https://127.0.0.1:1", good}, good},
		{"a frozen node costs one attempt", []string{silent(t), good}, good},
		{"an answer that is not accepted goes on to the next", []string{busy, good}, good},
		{"without any answer it is unavailable", []string{"https://127.0.0.1:1", busy}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			nodes := NewNodes(test.urls, &tls.Config{InsecureSkipVerify: true}, attempt, func(status int) bool { return status == http.StatusOK })
			defer nodes.Close()
			started := time.Now()
			reply, err := nodes.Do(t.Context(), Request{Method: http.MethodPost, Path: "/", Body: []byte("x")})
			if elapsed := time.Since(started); elapsed > 10*attempt {
				t.Errorf("took %s", elapsed)
			}
			if test.want == "" {
				if !errors.Is(err, ErrUnavailable) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || reply.Node != test.want {
				t.Errorf("got %+v, %v", reply, err)
			}
		})
	}
}

func TestFailedNodeRestsForAMoment(t *testing.T) {
	nodes := NewNodes([]string{"https://127.0.0.1:1", serving(t, http.StatusOK).URL}, &tls.Config{InsecureSkipVerify: true}, time.Second, func(int) bool { return true })
	defer nodes.Close()
	if _, err := nodes.Do(t.Context(), Request{Method: http.MethodGet}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if first := nodes.order(now)[0]; first.url == "https://127.0.0.1:1" {
		t.Error("a node that just failed is asked first")
	}
	if first := nodes.order(now.Add(restAfterFailure))[0]; first.url != "https://127.0.0.1:1" {
		t.Error("a node that failed long ago is not asked first")
	}
}

// TestOneRequestFindsOutWhetherANodeIsBack lets the rest of a frozen node end,
// and sends two requests.
func TestOneRequestFindsOutWhetherANodeIsBack(t *testing.T) {
	const attempt = 300 * time.Millisecond
	frozen, good := silent(t), serving(t, http.StatusOK).URL
	nodes := NewNodes([]string{frozen, good}, &tls.Config{InsecureSkipVerify: true}, attempt, func(int) bool { return true })
	defer nodes.Close()
	ask := func() (took time.Duration) {
		started := time.Now()
		if reply, err := nodes.Do(t.Context(), Request{Method: http.MethodGet}); err != nil || reply.Node != good {
			t.Errorf("%+v, %v", reply, err)
		}
		return time.Since(started)
	}
	ask()
	nodes.nodes[0].restUntil.Store(time.Now().UnixNano())
	first := make(chan time.Duration)
	go func() { first <- ask() }()
	for nodes.nodes[0].restUntil.Load() < time.Now().UnixNano() {
		time.Sleep(time.Millisecond)
	}
	if took := ask(); took >= attempt {
		t.Errorf("the second request waited %s for the frozen node as well", took)
	}
	if took := <-first; took < attempt {
		t.Errorf("the first took %s and did not ask the frozen node", took)
	}
}

func TestCallerThatLeavesSaysNothingAboutTheNode(t *testing.T) {
	nodes := NewNodes([]string{silent(t)}, &tls.Config{}, time.Second, func(int) bool { return true })
	defer nodes.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := nodes.Do(ctx, Request{Method: http.MethodGet}); err == nil {
		t.Fatal("no error")
	}
	if nodes.nodes[0].restUntil.Load() != 0 {
		t.Error("the node was put aside")
	}
}
